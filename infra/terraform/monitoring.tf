# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

resource "aws_cloudwatch_metric_alarm" "parked" {
  alarm_name        = "${var.stack}-parked"
  alarm_description = "Messages that nobody can handle are in the parked queue. Look: stepladder dead-letter list. Then send them back, or discard them."
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateNumberOfMessagesVisible"
  dimensions = {
    QueueName = "${var.stack}-parked"
  }
  statistic           = "Maximum"
  period              = 300
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "runs_failed" {
  alarm_name        = "${var.stack}-runs-failed"
  alarm_description = "Runs ended FAILED or TIMED_OUT. Look: stepladder run list --status failed --since 1h"
  namespace         = "Stepladder"
  metric_name       = "RunsFailed"
  dimensions = {
    Stack = var.stack
  }
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "repairs" {
  alarm_name        = "${var.stack}-repairs"
  alarm_description = "Runs that nothing moved any more were sent on. Messages were lost or purged: look at what happened to the queues an hour ago."
  namespace         = "Stepladder"
  metric_name       = "Repairs"
  dimensions = {
    Stack = var.stack
  }
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  alarm_name        = "${var.stack}-throttles"
  alarm_description = "AWS refused calls because there were too many. They are repeated; if it lasts, raise the table's warm throughput or the account's quotas."
  namespace         = "Stepladder"
  metric_name       = "Throttles"
  dimensions = {
    Stack = var.stack
  }
  statistic           = "Sum"
  period              = 300
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "queue_age" {
  count               = var.queue_alarms == "age" ? 1 : 0
  alarm_name          = "${var.stack}-queue-age"
  alarm_description   = "A message is older than 30 minutes: nobody takes it, or it fails each time. Look at the functions of these queues, and at stepladder doctor: dead-letter, start, timer, assign-mentor, charge-payment, create-account, create-invoice, create-profile, enroll-payroll, ingest"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1800
  evaluation_periods  = 3
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "MAX([FILL(m1, 0), FILL(m2, 0), FILL(m3, 0), FILL(m4, 0), FILL(m5, 0), FILL(m6, 0), FILL(m7, 0), FILL(m8, 0), FILL(m9, 0), FILL(m10, 0)])"
    label       = "queue-age"
    return_data = true
  }

  metric_query {
    id = "m1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-dead-letter"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-start"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-timer"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-assign-mentor"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-charge-payment"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m6"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-create-account"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m7"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-create-invoice"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m8"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-create-profile"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m9"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-enroll-payroll"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m10"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-ingest"
      }
      stat   = "Maximum"
      period = 300
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_age_2" {
  count               = var.queue_alarms == "age" ? 1 : 0
  alarm_name          = "${var.stack}-queue-age-2"
  alarm_description   = "A message is older than 30 minutes: nobody takes it, or it fails each time. Look at the functions of these queues, and at stepladder doctor: ingest-upload, load-rows, order-equipment, parse-rows, process-upload, report, request-approval, reserve-inventory, send-confirmation, send-notice"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1800
  evaluation_periods  = 3
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "MAX([FILL(m1, 0), FILL(m2, 0), FILL(m3, 0), FILL(m4, 0), FILL(m5, 0), FILL(m6, 0), FILL(m7, 0), FILL(m8, 0), FILL(m9, 0), FILL(m10, 0)])"
    label       = "queue-age-2"
    return_data = true
  }

  metric_query {
    id = "m1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-ingest-upload"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-load-rows"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-order-equipment"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-parse-rows"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-process-upload"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m6"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-report"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m7"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-request-approval"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m8"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-reserve-inventory"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m9"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-send-confirmation"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m10"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-send-notice"
      }
      stat   = "Maximum"
      period = 300
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_age_3" {
  count               = var.queue_alarms == "age" ? 1 : 0
  alarm_name          = "${var.stack}-queue-age-3"
  alarm_description   = "A message is older than 30 minutes: nobody takes it, or it fails each time. Look at the functions of these queues, and at stepladder doctor: send-reminder, send-welcome, send-welcome-email, store-summary, transform-rows, validate-hire, validate-order, validate-registration"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 1800
  evaluation_periods  = 3
  datapoints_to_alarm = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "MAX([FILL(m1, 0), FILL(m2, 0), FILL(m3, 0), FILL(m4, 0), FILL(m5, 0), FILL(m6, 0), FILL(m7, 0), FILL(m8, 0)])"
    label       = "queue-age-3"
    return_data = true
  }

  metric_query {
    id = "m1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-send-reminder"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-send-welcome"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-send-welcome-email"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-store-summary"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-transform-rows"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m6"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-validate-hire"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m7"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-validate-order"
      }
      stat   = "Maximum"
      period = 300
    }
  }

  metric_query {
    id = "m8"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions = {
        QueueName = "${var.stack}-validate-registration"
      }
      stat   = "Maximum"
      period = 300
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_stuck" {
  count               = var.queue_alarms == "stuck" ? 1 : 0
  alarm_name          = "${var.stack}-queue-stuck"
  alarm_description   = "A queue has visible messages and none in flight in 8 of 10 minutes: its mapping is off, or its function is throttled or fails at its start. Look: stepladder doctor. The queues: dead-letter, start, timer, assign-mentor, charge-payment"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  datapoints_to_alarm = 8
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "IF(FILL(v1, 0) > 0 AND FILL(f1, 0) == 0, 1, 0) + IF(FILL(v2, 0) > 0 AND FILL(f2, 0) == 0, 1, 0) + IF(FILL(v3, 0) > 0 AND FILL(f3, 0) == 0, 1, 0) + IF(FILL(v4, 0) > 0 AND FILL(f4, 0) == 0, 1, 0) + IF(FILL(v5, 0) > 0 AND FILL(f5, 0) == 0, 1, 0)"
    label       = "queue-stuck"
    return_data = true
  }

  metric_query {
    id = "v1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-dead-letter"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-dead-letter"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-start"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-start"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-timer"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-timer"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-assign-mentor"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-assign-mentor"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-charge-payment"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-charge-payment"
      }
      stat   = "Maximum"
      period = 60
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_stuck_2" {
  count               = var.queue_alarms == "stuck" ? 1 : 0
  alarm_name          = "${var.stack}-queue-stuck-2"
  alarm_description   = "A queue has visible messages and none in flight in 8 of 10 minutes: its mapping is off, or its function is throttled or fails at its start. Look: stepladder doctor. The queues: create-account, create-invoice, create-profile, enroll-payroll, ingest"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  datapoints_to_alarm = 8
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "IF(FILL(v1, 0) > 0 AND FILL(f1, 0) == 0, 1, 0) + IF(FILL(v2, 0) > 0 AND FILL(f2, 0) == 0, 1, 0) + IF(FILL(v3, 0) > 0 AND FILL(f3, 0) == 0, 1, 0) + IF(FILL(v4, 0) > 0 AND FILL(f4, 0) == 0, 1, 0) + IF(FILL(v5, 0) > 0 AND FILL(f5, 0) == 0, 1, 0)"
    label       = "queue-stuck-2"
    return_data = true
  }

  metric_query {
    id = "v1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-create-account"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-create-account"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-create-invoice"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-create-invoice"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-create-profile"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-create-profile"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-enroll-payroll"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-enroll-payroll"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-ingest"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-ingest"
      }
      stat   = "Maximum"
      period = 60
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_stuck_3" {
  count               = var.queue_alarms == "stuck" ? 1 : 0
  alarm_name          = "${var.stack}-queue-stuck-3"
  alarm_description   = "A queue has visible messages and none in flight in 8 of 10 minutes: its mapping is off, or its function is throttled or fails at its start. Look: stepladder doctor. The queues: ingest-upload, load-rows, order-equipment, parse-rows, process-upload"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  datapoints_to_alarm = 8
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "IF(FILL(v1, 0) > 0 AND FILL(f1, 0) == 0, 1, 0) + IF(FILL(v2, 0) > 0 AND FILL(f2, 0) == 0, 1, 0) + IF(FILL(v3, 0) > 0 AND FILL(f3, 0) == 0, 1, 0) + IF(FILL(v4, 0) > 0 AND FILL(f4, 0) == 0, 1, 0) + IF(FILL(v5, 0) > 0 AND FILL(f5, 0) == 0, 1, 0)"
    label       = "queue-stuck-3"
    return_data = true
  }

  metric_query {
    id = "v1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-ingest-upload"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-ingest-upload"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-load-rows"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-load-rows"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-order-equipment"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-order-equipment"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-parse-rows"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-parse-rows"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-process-upload"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-process-upload"
      }
      stat   = "Maximum"
      period = 60
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_stuck_4" {
  count               = var.queue_alarms == "stuck" ? 1 : 0
  alarm_name          = "${var.stack}-queue-stuck-4"
  alarm_description   = "A queue has visible messages and none in flight in 8 of 10 minutes: its mapping is off, or its function is throttled or fails at its start. Look: stepladder doctor. The queues: report, request-approval, reserve-inventory, send-confirmation, send-notice"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  datapoints_to_alarm = 8
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "IF(FILL(v1, 0) > 0 AND FILL(f1, 0) == 0, 1, 0) + IF(FILL(v2, 0) > 0 AND FILL(f2, 0) == 0, 1, 0) + IF(FILL(v3, 0) > 0 AND FILL(f3, 0) == 0, 1, 0) + IF(FILL(v4, 0) > 0 AND FILL(f4, 0) == 0, 1, 0) + IF(FILL(v5, 0) > 0 AND FILL(f5, 0) == 0, 1, 0)"
    label       = "queue-stuck-4"
    return_data = true
  }

  metric_query {
    id = "v1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-report"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-report"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-request-approval"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-request-approval"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-reserve-inventory"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-reserve-inventory"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-send-confirmation"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-send-confirmation"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-send-notice"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-send-notice"
      }
      stat   = "Maximum"
      period = 60
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_stuck_5" {
  count               = var.queue_alarms == "stuck" ? 1 : 0
  alarm_name          = "${var.stack}-queue-stuck-5"
  alarm_description   = "A queue has visible messages and none in flight in 8 of 10 minutes: its mapping is off, or its function is throttled or fails at its start. Look: stepladder doctor. The queues: send-reminder, send-welcome, send-welcome-email, store-summary, transform-rows"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  datapoints_to_alarm = 8
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "IF(FILL(v1, 0) > 0 AND FILL(f1, 0) == 0, 1, 0) + IF(FILL(v2, 0) > 0 AND FILL(f2, 0) == 0, 1, 0) + IF(FILL(v3, 0) > 0 AND FILL(f3, 0) == 0, 1, 0) + IF(FILL(v4, 0) > 0 AND FILL(f4, 0) == 0, 1, 0) + IF(FILL(v5, 0) > 0 AND FILL(f5, 0) == 0, 1, 0)"
    label       = "queue-stuck-5"
    return_data = true
  }

  metric_query {
    id = "v1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-send-reminder"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-send-reminder"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-send-welcome"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-send-welcome"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-send-welcome-email"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-send-welcome-email"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-store-summary"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f4"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-store-summary"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-transform-rows"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f5"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-transform-rows"
      }
      stat   = "Maximum"
      period = 60
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_stuck_6" {
  count               = var.queue_alarms == "stuck" ? 1 : 0
  alarm_name          = "${var.stack}-queue-stuck-6"
  alarm_description   = "A queue has visible messages and none in flight in 8 of 10 minutes: its mapping is off, or its function is throttled or fails at its start. Look: stepladder doctor. The queues: validate-hire, validate-order, validate-registration"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  datapoints_to_alarm = 8
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "result"
    expression  = "IF(FILL(v1, 0) > 0 AND FILL(f1, 0) == 0, 1, 0) + IF(FILL(v2, 0) > 0 AND FILL(f2, 0) == 0, 1, 0) + IF(FILL(v3, 0) > 0 AND FILL(f3, 0) == 0, 1, 0)"
    label       = "queue-stuck-6"
    return_data = true
  }

  metric_query {
    id = "v1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-validate-hire"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f1"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-validate-hire"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-validate-order"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f2"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-validate-order"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "v3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions = {
        QueueName = "${var.stack}-validate-registration"
      }
      stat   = "Maximum"
      period = 60
    }
  }

  metric_query {
    id = "f3"

    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesNotVisible"
      dimensions = {
        QueueName = "${var.stack}-validate-registration"
      }
      stat   = "Maximum"
      period = 60
    }
  }
}

resource "aws_cloudwatch_dashboard" "stack" {
  dashboard_name = "${var.stack}-${local.region}"
  dashboard_body = "{\"widgets\":[{\"type\":\"metric\",\"x\":0,\"y\":0,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Runs\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Sum\",\"period\":300,\"metrics\":[[\"Stepladder\",\"RunsStarted\",\"Stack\",\"${var.stack}\"],[\"Stepladder\",\"RunsSucceeded\",\"Stack\",\"${var.stack}\"],[\"Stepladder\",\"RunsFailed\",\"Stack\",\"${var.stack}\"]]}},{\"type\":\"metric\",\"x\":12,\"y\":0,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Steps\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Sum\",\"period\":300,\"metrics\":[[\"Stepladder\",\"Steps\",\"Stack\",\"${var.stack}\"]]}},{\"type\":\"metric\",\"x\":0,\"y\":6,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Repaired, parked, left to the queue, throttled\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Sum\",\"period\":300,\"metrics\":[[\"Stepladder\",\"Repairs\",\"Stack\",\"${var.stack}\"],[\"Stepladder\",\"Parked\",\"Stack\",\"${var.stack}\"],[\"Stepladder\",\"LeftToQueue\",\"Stack\",\"${var.stack}\"],[\"Stepladder\",\"Throttles\",\"Stack\",\"${var.stack}\"]]}},{\"type\":\"metric\",\"x\":12,\"y\":6,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Messages nobody can handle\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Maximum\",\"period\":300,\"metrics\":[[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-parked\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-dead-letter\"]]}},{\"type\":\"metric\",\"x\":0,\"y\":12,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Queues: visible\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Maximum\",\"period\":300,\"metrics\":[[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-dead-letter\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-start\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-timer\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-assign-mentor\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-charge-payment\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-create-account\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-create-invoice\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-create-profile\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-enroll-payroll\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-ingest\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-ingest-upload\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-load-rows\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-order-equipment\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-parse-rows\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-process-upload\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-report\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-request-approval\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-reserve-inventory\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-send-confirmation\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-send-notice\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-send-reminder\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-send-welcome\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-send-welcome-email\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-store-summary\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-transform-rows\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-validate-hire\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-validate-order\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesVisible\",\"QueueName\",\"${var.stack}-validate-registration\"]]}},{\"type\":\"metric\",\"x\":12,\"y\":12,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Queues: in flight\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Maximum\",\"period\":300,\"metrics\":[[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-dead-letter\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-start\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-timer\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-assign-mentor\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-charge-payment\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-create-account\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-create-invoice\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-create-profile\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-enroll-payroll\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-ingest\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-ingest-upload\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-load-rows\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-order-equipment\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-parse-rows\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-process-upload\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-report\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-request-approval\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-reserve-inventory\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-send-confirmation\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-send-notice\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-send-reminder\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-send-welcome\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-send-welcome-email\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-store-summary\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-transform-rows\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-validate-hire\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-validate-order\"],[\"AWS/SQS\",\"ApproximateNumberOfMessagesNotVisible\",\"QueueName\",\"${var.stack}-validate-registration\"]]}},{\"type\":\"metric\",\"x\":0,\"y\":18,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Queues: age of the oldest (s)\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Maximum\",\"period\":300,\"metrics\":[[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-dead-letter\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-start\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-timer\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-assign-mentor\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-charge-payment\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-create-account\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-create-invoice\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-create-profile\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-enroll-payroll\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-ingest\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-ingest-upload\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-load-rows\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-order-equipment\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-parse-rows\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-process-upload\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-report\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-request-approval\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-reserve-inventory\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-send-confirmation\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-send-notice\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-send-reminder\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-send-welcome\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-send-welcome-email\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-store-summary\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-transform-rows\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-validate-hire\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-validate-order\"],[\"AWS/SQS\",\"ApproximateAgeOfOldestMessage\",\"QueueName\",\"${var.stack}-validate-registration\"]]}},{\"type\":\"metric\",\"x\":12,\"y\":18,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Functions: duration (ms)\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"p99\",\"period\":300,\"metrics\":[[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-dead-letter\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-start\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-timer\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-assign-mentor\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-charge-payment\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-create-account\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-create-invoice\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-create-profile\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-enroll-payroll\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-ingest\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-ingest-upload\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-load-rows\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-order-equipment\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-parse-rows\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-process-upload\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-report\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-request-approval\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-reserve-inventory\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-send-confirmation\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-send-notice\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-send-reminder\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-send-welcome\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-send-welcome-email\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-store-summary\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-transform-rows\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-validate-hire\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-validate-order\"],[\"AWS/Lambda\",\"Duration\",\"FunctionName\",\"${var.stack}-validate-registration\"]]}},{\"type\":\"metric\",\"x\":0,\"y\":24,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Functions: errors\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Sum\",\"period\":300,\"metrics\":[[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-dead-letter\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-start\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-timer\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-assign-mentor\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-charge-payment\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-create-account\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-create-invoice\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-create-profile\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-enroll-payroll\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-ingest\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-ingest-upload\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-load-rows\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-order-equipment\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-parse-rows\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-process-upload\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-report\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-request-approval\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-reserve-inventory\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-send-confirmation\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-send-notice\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-send-reminder\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-send-welcome\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-send-welcome-email\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-store-summary\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-transform-rows\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-validate-hire\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-validate-order\"],[\"AWS/Lambda\",\"Errors\",\"FunctionName\",\"${var.stack}-validate-registration\"]]}},{\"type\":\"metric\",\"x\":12,\"y\":24,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Functions: throttles\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Sum\",\"period\":300,\"metrics\":[[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-dead-letter\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-start\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-timer\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-assign-mentor\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-charge-payment\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-create-account\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-create-invoice\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-create-profile\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-enroll-payroll\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-ingest\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-ingest-upload\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-load-rows\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-order-equipment\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-parse-rows\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-process-upload\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-report\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-request-approval\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-reserve-inventory\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-send-confirmation\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-send-notice\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-send-reminder\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-send-welcome\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-send-welcome-email\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-store-summary\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-transform-rows\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-validate-hire\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-validate-order\"],[\"AWS/Lambda\",\"Throttles\",\"FunctionName\",\"${var.stack}-validate-registration\"]]}},{\"type\":\"metric\",\"x\":0,\"y\":30,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Functions: concurrent\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Maximum\",\"period\":300,\"metrics\":[[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-dead-letter\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-start\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-timer\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-assign-mentor\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-charge-payment\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-create-account\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-create-invoice\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-create-profile\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-enroll-payroll\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-ingest\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-ingest-upload\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-load-rows\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-order-equipment\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-parse-rows\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-process-upload\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-report\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-request-approval\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-reserve-inventory\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-send-confirmation\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-send-notice\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-send-reminder\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-send-welcome\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-send-welcome-email\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-store-summary\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-transform-rows\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-validate-hire\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-validate-order\"],[\"AWS/Lambda\",\"ConcurrentExecutions\",\"FunctionName\",\"${var.stack}-validate-registration\"]]}},{\"type\":\"metric\",\"x\":12,\"y\":30,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Table: units\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Sum\",\"period\":300,\"metrics\":[[\"AWS/DynamoDB\",\"ConsumedWriteCapacityUnits\",\"TableName\",\"${var.stack}\"],[\"AWS/DynamoDB\",\"ConsumedReadCapacityUnits\",\"TableName\",\"${var.stack}\"]]}},{\"type\":\"metric\",\"x\":0,\"y\":36,\"width\":12,\"height\":6,\"properties\":{\"title\":\"Table: throttles\",\"view\":\"timeSeries\",\"region\":\"${local.region}\",\"stat\":\"Sum\",\"period\":300,\"metrics\":[[\"AWS/DynamoDB\",\"WriteThrottleEvents\",\"TableName\",\"${var.stack}\"],[\"AWS/DynamoDB\",\"ReadThrottleEvents\",\"TableName\",\"${var.stack}\"]]}}]}"
}
