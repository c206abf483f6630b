# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

# Waits beyond 15 minutes are one-time schedules in this group.
resource "aws_scheduler_schedule_group" "stack" {
  name = var.stack
}

# Once an hour the timer function looks for runs that nothing moves any more.
resource "aws_scheduler_schedule" "sweep" {
  name                = "${var.stack}-sweep"
  group_name          = aws_scheduler_schedule_group.stack.name
  schedule_expression = "rate(1 hour)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sqs_queue.timer.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = "{\"sweep\": true}"
  }
}
