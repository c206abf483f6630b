# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

output "table" {
  description = "The table of runs."
  value       = aws_dynamodb_table.runs.name
}

output "bucket" {
  description = "The bucket of large payloads."
  value       = "${var.stack}-${local.account}-${local.region}"
}

output "start_queue_url" {
  description = "Where runs are asked for."
  value       = aws_sqs_queue.start.url
}

output "parked_queue_url" {
  description = "Messages that nobody can handle."
  value       = aws_sqs_queue.parked.url
}

output "dead_letter_queue_url" {
  description = "Messages that were received too often."
  value       = aws_sqs_queue.dead_letter.url
}

output "dashboard" {
  description = "The page of graphs."
  value       = "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards/dashboard/${var.stack}-${local.region}"
}

output "api_url" {
  description = "The Step Functions API. Requests are signed for the service lambda."
  value       = var.api_enabled ? aws_lambda_function_url.api[0].function_url : null
}
