# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

resource "aws_iam_role" "dead_letter" {
  name_prefix = "${substr("${var.stack}-dead-letter", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# Send: All of the stack's: they are more than a policy has room for one by one.
# Activities: Activities are made by CreateActivity, while the stack runs.
# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
# FindPayloads: S3 tells an object that is gone from one that may not be read only to who may list: a message
# whose payload is gone is parked.
# UsersS3GetObject: Item readers and result writers, by the definitions and Cargo.toml.
# UsersS3ListBucket: Item readers of the definitions list them; and a key that isn't there is told from one that
# may not be read only to who may list.
# TryAlone: A message that its queue gave up is handed to its step once more, alone. All of the stack's: a
# function that is gone is told from one that may not be called.
resource "aws_iam_role_policy" "dead_letter" {
  name = "stepladder"
  role = aws_iam_role.dead_letter.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Receive"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-dead-letter"]
      },
      {
        Sid      = "Send"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "Activities"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:Query",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["R#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Definitions"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["W#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Payloads"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/*"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-dead-letter:*"]
      },
      {
        Sid      = "Controls"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#control"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "HeldMessages"
        Effect = "Allow"
        Action = [
          "dynamodb:Query",
          "dynamodb:DeleteItem",
          "dynamodb:PutItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#paused#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "FindPayloads"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}"]
      },
      {
        Sid      = "UsersS3GetObject"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:${local.partition}:s3:::stepladder-import*/*"]
      },
      {
        Sid      = "UsersS3ListBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${local.partition}:s3:::stepladder-import*"]
      },
      {
        Sid      = "TryAlone"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.stack}-*"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "dead_letter_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.dead_letter.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "start" {
  name_prefix = "${substr("${var.stack}-start", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# Send: All of the stack's: they are more than a policy has room for one by one.
# Activities: Activities are made by CreateActivity, while the stack runs.
# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
resource "aws_iam_role_policy" "start" {
  name = "stepladder"
  role = aws_iam_role.start.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Receive"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-start"]
      },
      {
        Sid      = "Send"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "Activities"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["R#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Definitions"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["W#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Payloads"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/*"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-start:*"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "start_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.start.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "timer" {
  name_prefix = "${substr("${var.stack}-timer", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# Send: All of the stack's: they are more than a policy has room for one by one.
# Activities: Activities are made by CreateActivity, while the stack runs.
# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
# FindPayloads: S3 tells an object that is gone from one that may not be read only to who may list: a message
# whose payload is gone is parked.
# UsersS3GetObject: Item readers and result writers, by the definitions and Cargo.toml.
# UsersS3ListBucket: Item readers of the definitions list them; and a key that isn't there is told from one that
# may not be read only to who may list.
# ListRuns: The sweep looks for runs that nothing moves any more, of all workflows: keys only.
resource "aws_iam_role_policy" "timer" {
  name = "stepladder"
  role = aws_iam_role.timer.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Receive"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-timer"]
      },
      {
        Sid      = "Send"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "Activities"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:Query",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["R#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Definitions"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["W#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Payloads"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/*"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-timer:*"]
      },
      {
        Sid      = "Controls"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#control"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "HeldMessages"
        Effect = "Allow"
        Action = [
          "dynamodb:Query",
          "dynamodb:DeleteItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#paused#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "FindPayloads"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}"]
      },
      {
        Sid      = "UsersS3GetObject"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:${local.partition}:s3:::stepladder-import*/*"]
      },
      {
        Sid      = "UsersS3ListBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${local.partition}:s3:::stepladder-import*"]
      },
      {
        Sid      = "ListRuns"
        Effect   = "Allow"
        Action   = ["dynamodb:Query"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}/index/runs"]
      },
      {
        Sid      = "ListWorkflows"
        Effect   = "Allow"
        Action   = ["dynamodb:Query"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#workflows"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Schedule"
        Effect   = "Allow"
        Action   = ["scheduler:CreateSchedule"]
        Resource = ["arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule/${var.stack}/*"]
      },
      {
        Sid      = "PassSchedulerRole"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = [aws_iam_role.scheduler.arn]
        Condition = {
          "StringEquals" = {
            "iam:PassedToService" = ["scheduler.amazonaws.com"]
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "timer_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.timer.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "data_import" {
  name_prefix = "${substr("${var.stack}-data-import", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
# Activities: Activities are made by CreateActivity, while the stack runs.
resource "aws_iam_role_policy" "data_import" {
  name = "stepladder"
  role = aws_iam_role.data_import.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Receive"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-ingest",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-load-rows",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-parse-rows",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-report",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-transform-rows",
        ]
      },
      {
        Sid    = "Send"
        Effect = "Allow"
        Action = ["sqs:SendMessage"]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-ingest",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-load-rows",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-parked",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-parse-rows",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-report",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-timer",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-transform-rows",
        ]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "Activities"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["R#data-import/*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Definitions"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["W#data-import"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Controls"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#control"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "HoldMessages"
        Effect   = "Allow"
        Action   = ["dynamodb:PutItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#paused#data-import"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Payloads"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/data-import/*"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = [
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-ingest:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-load-rows:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-parse-rows:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-report:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-transform-rows:*",
        ]
      },
      {
        Sid    = "OwnTables"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:DeleteItem",
          "dynamodb:BatchWriteItem",
          "dynamodb:ConditionCheckItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}-imports"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "data_import_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.data_import.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "data_pipeline" {
  name_prefix = "${substr("${var.stack}-data-pipeline", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
# Activities: Activities are made by CreateActivity, while the stack runs.
# Own1: The package's own, from its Cargo.toml.
# Own2: The package's own, from its Cargo.toml.
# Own3: The package's own, from its Cargo.toml.
resource "aws_iam_role_policy" "data_pipeline" {
  name = "stepladder"
  role = aws_iam_role.data_pipeline.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Receive"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-ingest-upload",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-process-upload",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-notice",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-store-summary",
        ]
      },
      {
        Sid    = "Send"
        Effect = "Allow"
        Action = ["sqs:SendMessage"]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-ingest-upload",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-parked",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-process-upload",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-notice",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-store-summary",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-timer",
        ]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "Activities"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["R#data-pipeline/*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Definitions"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["W#data-pipeline"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Controls"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#control"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "HoldMessages"
        Effect   = "Allow"
        Action   = ["dynamodb:PutItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#paused#data-pipeline"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Payloads"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/data-pipeline/*"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = [
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-ingest-upload:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-process-upload:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-send-notice:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-store-summary:*",
        ]
      },
      {
        Sid      = "Own1"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:${local.partition}:s3:::stepladder-uploads-${local.account}/incoming/*"]
      },
      {
        Sid      = "Own2"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${local.partition}:s3:::stepladder-uploads-${local.account}"]
      },
      {
        Sid    = "Own3"
        Effect = "Allow"
        Action = ["s3:PutObject"]
        Resource = [
          "arn:${local.partition}:s3:::stepladder-uploads-${local.account}/results/*",
          "arn:${local.partition}:s3:::stepladder-uploads-${local.account}/notices/*",
        ]
      },
    ]
  })
}

resource "aws_iam_role_policy" "data_pipeline_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.data_pipeline.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "employee_onboarding" {
  name_prefix = "${substr("${var.stack}-employee-onboarding", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
# Activities: Activities are made by CreateActivity, while the stack runs.
resource "aws_iam_role_policy" "employee_onboarding" {
  name = "stepladder"
  role = aws_iam_role.employee_onboarding.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Receive"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-assign-mentor",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-create-account",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-enroll-payroll",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-order-equipment",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-request-approval",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-reminder",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-welcome",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-validate-hire",
        ]
      },
      {
        Sid    = "Send"
        Effect = "Allow"
        Action = ["sqs:SendMessage"]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-assign-mentor",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-create-account",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-enroll-payroll",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-order-equipment",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-parked",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-request-approval",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-reminder",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-welcome",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-timer",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-validate-hire",
        ]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "Activities"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = [
              "R#employee-onboarding/*",
              "R#first-day/*",
            ]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Definitions"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = [
              "W#employee-onboarding",
              "W#first-day",
            ]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Controls"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#control"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "HoldMessages"
        Effect   = "Allow"
        Action   = ["dynamodb:PutItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = [
              "C#paused#employee-onboarding",
              "C#paused#first-day",
            ]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Payloads"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = [
          "arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/employee-onboarding/*",
          "arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/first-day/*",
        ]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = [
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-assign-mentor:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-create-account:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-enroll-payroll:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-order-equipment:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-request-approval:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-send-reminder:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-send-welcome:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-validate-hire:*",
        ]
      },
      {
        Sid    = "OwnTables"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:DeleteItem",
          "dynamodb:BatchWriteItem",
          "dynamodb:ConditionCheckItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}-onboarding"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "employee_onboarding_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.employee_onboarding.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "order_processing" {
  name_prefix = "${substr("${var.stack}-order-processing", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
# Activities: Activities are made by CreateActivity, while the stack runs.
resource "aws_iam_role_policy" "order_processing" {
  name = "stepladder"
  role = aws_iam_role.order_processing.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Receive"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-charge-payment",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-create-invoice",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-reserve-inventory",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-confirmation",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-validate-order",
        ]
      },
      {
        Sid    = "Send"
        Effect = "Allow"
        Action = ["sqs:SendMessage"]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-charge-payment",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-create-invoice",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-parked",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-reserve-inventory",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-confirmation",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-timer",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-validate-order",
        ]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "Activities"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["R#order-processing/*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Definitions"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["W#order-processing"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Controls"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#control"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "HoldMessages"
        Effect   = "Allow"
        Action   = ["dynamodb:PutItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#paused#order-processing"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Payloads"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/order-processing/*"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = [
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-charge-payment:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-create-invoice:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-reserve-inventory:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-send-confirmation:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-validate-order:*",
        ]
      },
      {
        Sid    = "OwnTables"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:DeleteItem",
          "dynamodb:BatchWriteItem",
          "dynamodb:ConditionCheckItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}-orders"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "order_processing_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.order_processing.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "user_registration" {
  name_prefix = "${substr("${var.stack}-user-registration", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
# Activities: Activities are made by CreateActivity, while the stack runs.
# Own1: The package's own, from its Cargo.toml.
resource "aws_iam_role_policy" "user_registration" {
  name = "stepladder"
  role = aws_iam_role.user_registration.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Receive"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-create-profile",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-welcome-email",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-validate-registration",
        ]
      },
      {
        Sid    = "Send"
        Effect = "Allow"
        Action = ["sqs:SendMessage"]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-create-profile",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-parked",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-send-welcome-email",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-timer",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-validate-registration",
        ]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "Activities"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["R#user-registration/*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Definitions"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["W#user-registration"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "Controls"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#control"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "HoldMessages"
        Effect   = "Allow"
        Action   = ["dynamodb:PutItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#paused#user-registration"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Payloads"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/user-registration/*"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = [
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-create-profile:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-send-welcome-email:*",
          "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-validate-registration:*",
        ]
      },
      {
        Sid    = "OwnTables"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:DeleteItem",
          "dynamodb:BatchWriteItem",
          "dynamodb:ConditionCheckItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}-users"]
      },
      {
        Sid      = "Own1"
        Effect   = "Allow"
        Action   = ["ses:SendEmail"]
        Resource = ["arn:${local.partition}:ses:${local.region}:${local.account}:identity/*"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "user_registration_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.user_registration.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "scheduler" {
  name_prefix = "${substr("${var.stack}-scheduler", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "scheduler.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account
            "aws:SourceArn"     = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule-group/${var.stack}"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "stepladder"
  role = aws_iam_role.scheduler.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Send"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-timer"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "scheduler_key" {
  count = local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.scheduler.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}

resource "aws_iam_role" "api" {
  count       = var.api_enabled ? 1 : 0
  name_prefix = "${substr("${var.stack}-api", 0, 37)}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
      },
    ]
  })
}

# Send: All of the stack's: they are more than a policy has room for one by one.
# FindQueues: A URL gives no right; and a step that is not in the stack is told from one that may not be sent
# to.
# WorkOnActivities: CreateActivity makes a queue, DeleteActivity deletes it, and GetActivityTask takes tasks.
# Controls: Pauses, and their ends.
# Tokens: The key of tokens for the next page: the first process that needs it draws it.
# FindPayloads: S3 tells an object that is gone from one that may not be read only to who may list.
resource "aws_iam_role_policy" "api" {
  count = var.api_enabled ? 1 : 0
  name  = "stepladder"
  role  = aws_iam_role.api[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Send"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid      = "FindQueues"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueUrl"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid    = "Runs"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:Query",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["R#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "ListRuns"
        Effect = "Allow"
        Action = ["dynamodb:Query"]
        Resource = [
          "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}/index/runs",
          "arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}/index/attention",
        ]
      },
      {
        Sid    = "Definitions"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:DeleteItem",
          "dynamodb:ConditionCheckItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["W#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "ListWorkflows"
        Effect = "Allow"
        Action = [
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:DeleteItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#workflows"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "ListActivities"
        Effect = "Allow"
        Action = [
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:DeleteItem",
          "dynamodb:GetItem",
          "dynamodb:UpdateItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#activities"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "WorkOnActivities"
        Effect = "Allow"
        Action = [
          "sqs:CreateQueue",
          "sqs:DeleteQueue",
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:SendMessage",
        ]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-activity-*"]
      },
      {
        Sid      = "CountMessages"
        Effect   = "Allow"
        Action   = ["sqs:GetQueueAttributes"]
        Resource = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-*"]
      },
      {
        Sid    = "LookAtLetters"
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:ChangeMessageVisibility",
        ]
        Resource = [
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-dead-letter",
          "arn:${local.partition}:sqs:${local.region}:${local.account}:${var.stack}-parked",
        ]
      },
      {
        Sid    = "Controls"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:UpdateItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#control"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid      = "HoldMessages"
        Effect   = "Allow"
        Action   = ["dynamodb:PutItem"]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#paused#*"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Tokens"
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:PutItem",
        ]
        Resource = ["arn:${local.partition}:dynamodb:${local.region}:${local.account}:table/${var.stack}"]
        Condition = {
          "ForAllValues:StringLike" = {
            "dynamodb:LeadingKeys" = ["C#api"]
          }
          "Null" = {
            "dynamodb:LeadingKeys" = ["false"]
          }
        }
      },
      {
        Sid    = "Payloads"
        Effect = "Allow"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/runs/*"]
      },
      {
        Sid      = "FindPayloads"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = ["arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}"]
      },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogStream",
          "logs:PutLogEvents",
        ]
        Resource = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws/lambda/${var.stack}-api:*"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "api_key" {
  count = var.api_enabled && local.has_key ? 1 : 0
  name  = "stepladder-key"
  role  = aws_iam_role.api[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Key"
        Effect = "Allow"
        Action = [
          "kms:Decrypt",
          "kms:Encrypt",
          "kms:GenerateDataKey",
          "kms:DescribeKey",
        ]
        Resource = [var.kms_key_arn]
      },
    ]
  })
}
