# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

# What was received too often, from all queues.
resource "aws_sqs_queue" "dead_letter" {
  name                              = "${var.stack}-dead-letter"
  visibility_timeout_seconds        = 5400
  message_retention_seconds         = 1209600
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "dead_letter" {
  queue_url = aws_sqs_queue.dead_letter.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.dead_letter.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Asks for runs.
resource "aws_sqs_queue" "start" {
  name                       = "${var.stack}-start"
  visibility_timeout_seconds = 180
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "start" {
  queue_url = aws_sqs_queue.start.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.start.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
      {
        Sid    = "Uploads"
        Effect = "Allow"
        Principal = {
          Service = "s3.amazonaws.com"
        }
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.start.arn
        Condition = {
          ArnEquals = {
            "aws:SourceArn" = ["arn:${local.partition}:s3:::stepladder-uploads-${local.account}"]
          }
          StringEquals = {
            "aws:SourceAccount" = local.account
          }
        }
      },
    ]
  })
}

# What is due later, and what needs no step.
resource "aws_sqs_queue" "timer" {
  name                       = "${var.stack}-timer"
  visibility_timeout_seconds = 360
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "timer" {
  queue_url = aws_sqs_queue.timer.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.timer.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "assign_mentor" {
  name                       = "${var.stack}-assign-mentor"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "assign_mentor" {
  queue_url = aws_sqs_queue.assign_mentor.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.assign_mentor.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "charge_payment" {
  name                       = "${var.stack}-charge-payment"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "charge_payment" {
  queue_url = aws_sqs_queue.charge_payment.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.charge_payment.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "create_account" {
  name                       = "${var.stack}-create-account"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "create_account" {
  queue_url = aws_sqs_queue.create_account.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.create_account.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "create_invoice" {
  name                       = "${var.stack}-create-invoice"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "create_invoice" {
  queue_url = aws_sqs_queue.create_invoice.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.create_invoice.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "create_profile" {
  name                       = "${var.stack}-create-profile"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "create_profile" {
  queue_url = aws_sqs_queue.create_profile.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.create_profile.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "enroll_payroll" {
  name                       = "${var.stack}-enroll-payroll"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "enroll_payroll" {
  queue_url = aws_sqs_queue.enroll_payroll.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.enroll_payroll.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "ingest" {
  name                       = "${var.stack}-ingest"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "ingest" {
  queue_url = aws_sqs_queue.ingest.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.ingest.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "ingest_upload" {
  name                       = "${var.stack}-ingest-upload"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "ingest_upload" {
  queue_url = aws_sqs_queue.ingest_upload.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.ingest_upload.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "load_rows" {
  name                       = "${var.stack}-load-rows"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "load_rows" {
  queue_url = aws_sqs_queue.load_rows.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.load_rows.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "order_equipment" {
  name                       = "${var.stack}-order-equipment"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "order_equipment" {
  queue_url = aws_sqs_queue.order_equipment.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.order_equipment.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "parse_rows" {
  name                       = "${var.stack}-parse-rows"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "parse_rows" {
  queue_url = aws_sqs_queue.parse_rows.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.parse_rows.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "process_upload" {
  name                       = "${var.stack}-process-upload"
  visibility_timeout_seconds = 360
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "process_upload" {
  queue_url = aws_sqs_queue.process_upload.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.process_upload.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "report" {
  name                       = "${var.stack}-report"
  visibility_timeout_seconds = 180
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "report" {
  queue_url = aws_sqs_queue.report.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.report.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "request_approval" {
  name                       = "${var.stack}-request-approval"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "request_approval" {
  queue_url = aws_sqs_queue.request_approval.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.request_approval.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "reserve_inventory" {
  name                       = "${var.stack}-reserve-inventory"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "reserve_inventory" {
  queue_url = aws_sqs_queue.reserve_inventory.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.reserve_inventory.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "send_confirmation" {
  name                       = "${var.stack}-send-confirmation"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "send_confirmation" {
  queue_url = aws_sqs_queue.send_confirmation.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.send_confirmation.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "send_notice" {
  name                       = "${var.stack}-send-notice"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "send_notice" {
  queue_url = aws_sqs_queue.send_notice.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.send_notice.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "send_reminder" {
  name                       = "${var.stack}-send-reminder"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "send_reminder" {
  queue_url = aws_sqs_queue.send_reminder.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.send_reminder.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "send_welcome" {
  name                       = "${var.stack}-send-welcome"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "send_welcome" {
  queue_url = aws_sqs_queue.send_welcome.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.send_welcome.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "send_welcome_email" {
  name                       = "${var.stack}-send-welcome-email"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "send_welcome_email" {
  queue_url = aws_sqs_queue.send_welcome_email.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.send_welcome_email.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "store_summary" {
  name                       = "${var.stack}-store-summary"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "store_summary" {
  queue_url = aws_sqs_queue.store_summary.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.store_summary.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "transform_rows" {
  name                       = "${var.stack}-transform-rows"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "transform_rows" {
  queue_url = aws_sqs_queue.transform_rows.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.transform_rows.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "validate_hire" {
  name                       = "${var.stack}-validate-hire"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "validate_hire" {
  queue_url = aws_sqs_queue.validate_hire.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.validate_hire.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "validate_order" {
  name                       = "${var.stack}-validate-order"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "validate_order" {
  queue_url = aws_sqs_queue.validate_order.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.validate_order.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages of the step.
resource "aws_sqs_queue" "validate_registration" {
  name                       = "${var.stack}-validate-registration"
  visibility_timeout_seconds = 60
  message_retention_seconds  = 345600
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = 5
  })
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "validate_registration" {
  queue_url = aws_sqs_queue.validate_registration.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.validate_registration.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}

# Messages that nobody can handle, each with its reason.
resource "aws_sqs_queue" "parked" {
  name                              = "${var.stack}-parked"
  visibility_timeout_seconds        = 60
  message_retention_seconds         = 1209600
  sqs_managed_sse_enabled           = local.has_key ? null : true
  kms_master_key_id                 = local.has_key ? var.kms_key_arn : null
  kms_data_key_reuse_period_seconds = local.has_key ? 3600 : null
}

resource "aws_sqs_queue_policy" "parked" {
  queue_url = aws_sqs_queue.parked.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = [aws_sqs_queue.parked.arn]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}
