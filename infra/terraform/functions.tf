# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

resource "aws_cloudwatch_log_group" "dead_letter" {
  name              = "/aws/lambda/${var.stack}-dead-letter"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "dead_letter" {
  function_name    = "${var.stack}-dead-letter"
  filename         = "${var.zips}/dead-letter/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/dead-letter/bootstrap.zip")
  role             = aws_iam_role.dead_letter.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 900

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
      STEPLADDER_UPLOADS        = "[{\"workflow\":\"data-pipeline\",\"bucket\":\"stepladder-uploads-${local.account}\",\"prefix\":\"incoming/\",\"suffix\":\".csv\"}]"
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.dead_letter.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "dead_letter" {
  event_source_arn        = aws_sqs_queue.dead_letter.arn
  function_name           = aws_lambda_function.dead_letter.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 1
  depends_on              = [aws_iam_role_policy.dead_letter]
}

resource "aws_cloudwatch_log_group" "start" {
  name              = "/aws/lambda/${var.stack}-start"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "start" {
  function_name    = "${var.stack}-start"
  filename         = "${var.zips}/start/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/start/bootstrap.zip")
  role             = aws_iam_role.start.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 30

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
      STEPLADDER_UPLOADS        = "[{\"workflow\":\"data-pipeline\",\"bucket\":\"stepladder-uploads-${local.account}\",\"prefix\":\"incoming/\",\"suffix\":\".csv\"}]"
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.start.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "start" {
  event_source_arn        = aws_sqs_queue.start.arn
  function_name           = aws_lambda_function.start.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.start]
}

resource "aws_cloudwatch_log_group" "timer" {
  name              = "/aws/lambda/${var.stack}-timer"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "timer" {
  function_name    = "${var.stack}-timer"
  filename         = "${var.zips}/timer/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/timer/bootstrap.zip")
  role             = aws_iam_role.timer.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 60

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID        = local.account
      STEPLADDER_BUCKET            = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE        = var.log_sample
      STEPLADDER_METRICS           = "emf"
      STEPLADDER_RETENTION_DAYS    = tostring(var.retention_days)
      STEPLADDER_SCHEDULE_GROUP    = var.stack
      STEPLADDER_SCHEDULE_ROLE_ARN = aws_iam_role.scheduler.arn
      STEPLADDER_STACK             = var.stack
      STEPLADDER_TABLE             = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.timer.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "timer" {
  event_source_arn        = aws_sqs_queue.timer.arn
  function_name           = aws_lambda_function.timer.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.timer]
}

resource "aws_cloudwatch_log_group" "assign_mentor" {
  name              = "/aws/lambda/${var.stack}-assign-mentor"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "assign_mentor" {
  function_name    = "${var.stack}-assign-mentor"
  filename         = "${var.zips}/assign-mentor/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/assign-mentor/bootstrap.zip")
  role             = aws_iam_role.employee_onboarding.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.assign_mentor.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "assign_mentor" {
  event_source_arn        = aws_sqs_queue.assign_mentor.arn
  function_name           = aws_lambda_function.assign_mentor.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.employee_onboarding]
}

resource "aws_cloudwatch_log_group" "charge_payment" {
  name              = "/aws/lambda/${var.stack}-charge-payment"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "charge_payment" {
  function_name    = "${var.stack}-charge-payment"
  filename         = "${var.zips}/charge-payment/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/charge-payment/bootstrap.zip")
  role             = aws_iam_role.order_processing.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.charge_payment.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "charge_payment" {
  event_source_arn        = aws_sqs_queue.charge_payment.arn
  function_name           = aws_lambda_function.charge_payment.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.order_processing]
}

resource "aws_cloudwatch_log_group" "create_account" {
  name              = "/aws/lambda/${var.stack}-create-account"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "create_account" {
  function_name    = "${var.stack}-create-account"
  filename         = "${var.zips}/create-account/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/create-account/bootstrap.zip")
  role             = aws_iam_role.employee_onboarding.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.create_account.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "create_account" {
  event_source_arn        = aws_sqs_queue.create_account.arn
  function_name           = aws_lambda_function.create_account.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.employee_onboarding]
}

resource "aws_cloudwatch_log_group" "create_invoice" {
  name              = "/aws/lambda/${var.stack}-create-invoice"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "create_invoice" {
  function_name    = "${var.stack}-create-invoice"
  filename         = "${var.zips}/create-invoice/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/create-invoice/bootstrap.zip")
  role             = aws_iam_role.order_processing.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.create_invoice.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "create_invoice" {
  event_source_arn        = aws_sqs_queue.create_invoice.arn
  function_name           = aws_lambda_function.create_invoice.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.order_processing]
}

resource "aws_cloudwatch_log_group" "create_profile" {
  name              = "/aws/lambda/${var.stack}-create-profile"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "create_profile" {
  function_name    = "${var.stack}-create-profile"
  filename         = "${var.zips}/create-profile/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/create-profile/bootstrap.zip")
  role             = aws_iam_role.user_registration.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.create_profile.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "create_profile" {
  event_source_arn        = aws_sqs_queue.create_profile.arn
  function_name           = aws_lambda_function.create_profile.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.user_registration]
}

resource "aws_cloudwatch_log_group" "enroll_payroll" {
  name              = "/aws/lambda/${var.stack}-enroll-payroll"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "enroll_payroll" {
  function_name    = "${var.stack}-enroll-payroll"
  filename         = "${var.zips}/enroll-payroll/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/enroll-payroll/bootstrap.zip")
  role             = aws_iam_role.employee_onboarding.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.enroll_payroll.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "enroll_payroll" {
  event_source_arn        = aws_sqs_queue.enroll_payroll.arn
  function_name           = aws_lambda_function.enroll_payroll.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.employee_onboarding]
}

resource "aws_cloudwatch_log_group" "ingest" {
  name              = "/aws/lambda/${var.stack}-ingest"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "ingest" {
  function_name    = "${var.stack}-ingest"
  filename         = "${var.zips}/ingest/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/ingest/bootstrap.zip")
  role             = aws_iam_role.data_import.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.ingest.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "ingest" {
  event_source_arn        = aws_sqs_queue.ingest.arn
  function_name           = aws_lambda_function.ingest.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_import]
}

resource "aws_cloudwatch_log_group" "ingest_upload" {
  name              = "/aws/lambda/${var.stack}-ingest-upload"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "ingest_upload" {
  function_name    = "${var.stack}-ingest-upload"
  filename         = "${var.zips}/ingest-upload/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/ingest-upload/bootstrap.zip")
  role             = aws_iam_role.data_pipeline.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.ingest_upload.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "ingest_upload" {
  event_source_arn        = aws_sqs_queue.ingest_upload.arn
  function_name           = aws_lambda_function.ingest_upload.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_pipeline]
}

resource "aws_cloudwatch_log_group" "load_rows" {
  name              = "/aws/lambda/${var.stack}-load-rows"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "load_rows" {
  function_name    = "${var.stack}-load-rows"
  filename         = "${var.zips}/load-rows/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/load-rows/bootstrap.zip")
  role             = aws_iam_role.data_import.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.load_rows.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "load_rows" {
  event_source_arn        = aws_sqs_queue.load_rows.arn
  function_name           = aws_lambda_function.load_rows.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_import]
}

resource "aws_cloudwatch_log_group" "order_equipment" {
  name              = "/aws/lambda/${var.stack}-order-equipment"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "order_equipment" {
  function_name    = "${var.stack}-order-equipment"
  filename         = "${var.zips}/order-equipment/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/order-equipment/bootstrap.zip")
  role             = aws_iam_role.employee_onboarding.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.order_equipment.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "order_equipment" {
  event_source_arn        = aws_sqs_queue.order_equipment.arn
  function_name           = aws_lambda_function.order_equipment.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.employee_onboarding]
}

resource "aws_cloudwatch_log_group" "parse_rows" {
  name              = "/aws/lambda/${var.stack}-parse-rows"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "parse_rows" {
  function_name    = "${var.stack}-parse-rows"
  filename         = "${var.zips}/parse-rows/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/parse-rows/bootstrap.zip")
  role             = aws_iam_role.data_import.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.parse_rows.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "parse_rows" {
  event_source_arn        = aws_sqs_queue.parse_rows.arn
  function_name           = aws_lambda_function.parse_rows.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_import]
}

resource "aws_cloudwatch_log_group" "process_upload" {
  name              = "/aws/lambda/${var.stack}-process-upload"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "process_upload" {
  function_name    = "${var.stack}-process-upload"
  filename         = "${var.zips}/process-upload/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/process-upload/bootstrap.zip")
  role             = aws_iam_role.data_pipeline.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 60

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.process_upload.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "process_upload" {
  event_source_arn        = aws_sqs_queue.process_upload.arn
  function_name           = aws_lambda_function.process_upload.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_pipeline]
}

resource "aws_cloudwatch_log_group" "report" {
  name              = "/aws/lambda/${var.stack}-report"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "report" {
  function_name    = "${var.stack}-report"
  filename         = "${var.zips}/report/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/report/bootstrap.zip")
  role             = aws_iam_role.data_import.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 30

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.report.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "report" {
  event_source_arn        = aws_sqs_queue.report.arn
  function_name           = aws_lambda_function.report.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_import]
}

resource "aws_cloudwatch_log_group" "request_approval" {
  name              = "/aws/lambda/${var.stack}-request-approval"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "request_approval" {
  function_name    = "${var.stack}-request-approval"
  filename         = "${var.zips}/request-approval/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/request-approval/bootstrap.zip")
  role             = aws_iam_role.employee_onboarding.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.request_approval.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "request_approval" {
  event_source_arn        = aws_sqs_queue.request_approval.arn
  function_name           = aws_lambda_function.request_approval.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.employee_onboarding]
}

resource "aws_cloudwatch_log_group" "reserve_inventory" {
  name              = "/aws/lambda/${var.stack}-reserve-inventory"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "reserve_inventory" {
  function_name    = "${var.stack}-reserve-inventory"
  filename         = "${var.zips}/reserve-inventory/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/reserve-inventory/bootstrap.zip")
  role             = aws_iam_role.order_processing.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.reserve_inventory.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "reserve_inventory" {
  event_source_arn        = aws_sqs_queue.reserve_inventory.arn
  function_name           = aws_lambda_function.reserve_inventory.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.order_processing]
}

resource "aws_cloudwatch_log_group" "send_confirmation" {
  name              = "/aws/lambda/${var.stack}-send-confirmation"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "send_confirmation" {
  function_name    = "${var.stack}-send-confirmation"
  filename         = "${var.zips}/send-confirmation/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/send-confirmation/bootstrap.zip")
  role             = aws_iam_role.order_processing.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.send_confirmation.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "send_confirmation" {
  event_source_arn        = aws_sqs_queue.send_confirmation.arn
  function_name           = aws_lambda_function.send_confirmation.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.order_processing]
}

resource "aws_cloudwatch_log_group" "send_notice" {
  name              = "/aws/lambda/${var.stack}-send-notice"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "send_notice" {
  function_name    = "${var.stack}-send-notice"
  filename         = "${var.zips}/send-notice/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/send-notice/bootstrap.zip")
  role             = aws_iam_role.data_pipeline.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.send_notice.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "send_notice" {
  event_source_arn        = aws_sqs_queue.send_notice.arn
  function_name           = aws_lambda_function.send_notice.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_pipeline]
}

resource "aws_cloudwatch_log_group" "send_reminder" {
  name              = "/aws/lambda/${var.stack}-send-reminder"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "send_reminder" {
  function_name    = "${var.stack}-send-reminder"
  filename         = "${var.zips}/send-reminder/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/send-reminder/bootstrap.zip")
  role             = aws_iam_role.employee_onboarding.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.send_reminder.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "send_reminder" {
  event_source_arn        = aws_sqs_queue.send_reminder.arn
  function_name           = aws_lambda_function.send_reminder.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.employee_onboarding]
}

resource "aws_cloudwatch_log_group" "send_welcome" {
  name              = "/aws/lambda/${var.stack}-send-welcome"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "send_welcome" {
  function_name    = "${var.stack}-send-welcome"
  filename         = "${var.zips}/send-welcome/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/send-welcome/bootstrap.zip")
  role             = aws_iam_role.employee_onboarding.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.send_welcome.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "send_welcome" {
  event_source_arn        = aws_sqs_queue.send_welcome.arn
  function_name           = aws_lambda_function.send_welcome.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.employee_onboarding]
}

resource "aws_cloudwatch_log_group" "send_welcome_email" {
  name              = "/aws/lambda/${var.stack}-send-welcome-email"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "send_welcome_email" {
  function_name    = "${var.stack}-send-welcome-email"
  filename         = "${var.zips}/send-welcome-email/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/send-welcome-email/bootstrap.zip")
  role             = aws_iam_role.user_registration.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      MAIL_FROM                 = "welcome@example.com"
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.send_welcome_email.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "send_welcome_email" {
  event_source_arn        = aws_sqs_queue.send_welcome_email.arn
  function_name           = aws_lambda_function.send_welcome_email.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.user_registration]
}

resource "aws_cloudwatch_log_group" "store_summary" {
  name              = "/aws/lambda/${var.stack}-store-summary"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "store_summary" {
  function_name    = "${var.stack}-store-summary"
  filename         = "${var.zips}/store-summary/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/store-summary/bootstrap.zip")
  role             = aws_iam_role.data_pipeline.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.store_summary.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "store_summary" {
  event_source_arn        = aws_sqs_queue.store_summary.arn
  function_name           = aws_lambda_function.store_summary.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_pipeline]
}

resource "aws_cloudwatch_log_group" "transform_rows" {
  name              = "/aws/lambda/${var.stack}-transform-rows"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "transform_rows" {
  function_name    = "${var.stack}-transform-rows"
  filename         = "${var.zips}/transform-rows/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/transform-rows/bootstrap.zip")
  role             = aws_iam_role.data_import.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.transform_rows.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "transform_rows" {
  event_source_arn        = aws_sqs_queue.transform_rows.arn
  function_name           = aws_lambda_function.transform_rows.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.data_import]
}

resource "aws_cloudwatch_log_group" "validate_hire" {
  name              = "/aws/lambda/${var.stack}-validate-hire"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "validate_hire" {
  function_name    = "${var.stack}-validate-hire"
  filename         = "${var.zips}/validate-hire/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/validate-hire/bootstrap.zip")
  role             = aws_iam_role.employee_onboarding.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.validate_hire.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "validate_hire" {
  event_source_arn        = aws_sqs_queue.validate_hire.arn
  function_name           = aws_lambda_function.validate_hire.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.employee_onboarding]
}

resource "aws_cloudwatch_log_group" "validate_order" {
  name              = "/aws/lambda/${var.stack}-validate-order"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "validate_order" {
  function_name    = "${var.stack}-validate-order"
  filename         = "${var.zips}/validate-order/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/validate-order/bootstrap.zip")
  role             = aws_iam_role.order_processing.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.validate_order.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "validate_order" {
  event_source_arn        = aws_sqs_queue.validate_order.arn
  function_name           = aws_lambda_function.validate_order.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.order_processing]
}

resource "aws_cloudwatch_log_group" "validate_registration" {
  name              = "/aws/lambda/${var.stack}-validate-registration"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "validate_registration" {
  function_name    = "${var.stack}-validate-registration"
  filename         = "${var.zips}/validate-registration/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/validate-registration/bootstrap.zip")
  role             = aws_iam_role.user_registration.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 10

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.validate_registration.name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

resource "aws_lambda_event_source_mapping" "validate_registration" {
  event_source_arn        = aws_sqs_queue.validate_registration.arn
  function_name           = aws_lambda_function.validate_registration.arn
  function_response_types = ["ReportBatchItemFailures"]
  batch_size              = 10
  depends_on              = [aws_iam_role_policy.user_registration]
}

resource "aws_cloudwatch_log_group" "api" {
  count             = var.api_enabled ? 1 : 0
  name              = "/aws/lambda/${var.stack}-api"
  retention_in_days = tonumber(var.log_retention_days)
}

resource "aws_lambda_function" "api" {
  count            = var.api_enabled ? 1 : 0
  function_name    = "${var.stack}-api"
  filename         = "${var.zips}/api/bootstrap.zip"
  source_code_hash = filebase64sha256("${var.zips}/api/bootstrap.zip")
  role             = aws_iam_role.api[0].arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = 512
  timeout          = 330

  environment {
    variables = {
      STEPLADDER_ACCOUNT_ID     = local.account
      STEPLADDER_BUCKET         = "${var.stack}-${local.account}-${local.region}"
      STEPLADDER_LOG_SAMPLE     = var.log_sample
      STEPLADDER_METRICS        = "emf"
      STEPLADDER_RETENTION_DAYS = tostring(var.retention_days)
      STEPLADDER_STACK          = var.stack
      STEPLADDER_TABLE          = var.stack
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.api[0].name
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
  }
}

# Callers sign for the service lambda, and need lambda:InvokeFunctionUrl and lambda:InvokeFunction in policies
# of their own.
resource "aws_lambda_function_url" "api" {
  count              = var.api_enabled ? 1 : 0
  function_name      = aws_lambda_function.api[0].function_name
  authorization_type = "AWS_IAM"
  invoke_mode        = "BUFFERED"
}

# A run goes from queue to function to queue, as often as its definition says. Lambda would take a chain of
# about 16 calls of one function for a mistake, and drop its message.
resource "aws_lambda_function_recursion_config" "all" {
  for_each = {
    dead_letter           = aws_lambda_function.dead_letter.function_name
    start                 = aws_lambda_function.start.function_name
    timer                 = aws_lambda_function.timer.function_name
    assign_mentor         = aws_lambda_function.assign_mentor.function_name
    charge_payment        = aws_lambda_function.charge_payment.function_name
    create_account        = aws_lambda_function.create_account.function_name
    create_invoice        = aws_lambda_function.create_invoice.function_name
    create_profile        = aws_lambda_function.create_profile.function_name
    enroll_payroll        = aws_lambda_function.enroll_payroll.function_name
    ingest                = aws_lambda_function.ingest.function_name
    ingest_upload         = aws_lambda_function.ingest_upload.function_name
    load_rows             = aws_lambda_function.load_rows.function_name
    order_equipment       = aws_lambda_function.order_equipment.function_name
    parse_rows            = aws_lambda_function.parse_rows.function_name
    process_upload        = aws_lambda_function.process_upload.function_name
    report                = aws_lambda_function.report.function_name
    request_approval      = aws_lambda_function.request_approval.function_name
    reserve_inventory     = aws_lambda_function.reserve_inventory.function_name
    send_confirmation     = aws_lambda_function.send_confirmation.function_name
    send_notice           = aws_lambda_function.send_notice.function_name
    send_reminder         = aws_lambda_function.send_reminder.function_name
    send_welcome          = aws_lambda_function.send_welcome.function_name
    send_welcome_email    = aws_lambda_function.send_welcome_email.function_name
    store_summary         = aws_lambda_function.store_summary.function_name
    transform_rows        = aws_lambda_function.transform_rows.function_name
    validate_hire         = aws_lambda_function.validate_hire.function_name
    validate_order        = aws_lambda_function.validate_order.function_name
    validate_registration = aws_lambda_function.validate_registration.function_name
  }
  function_name  = each.value
  recursive_loop = "Allow"
}
