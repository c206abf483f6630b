# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.13"
    }
  }
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}

data "aws_partition" "current" {}

locals {
  account       = data.aws_caller_identity.current.account_id
  region        = data.aws_region.current.region
  partition     = data.aws_partition.current.partition
  has_key       = var.kms_key_arn != ""
  alarm_actions = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}
