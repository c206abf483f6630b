# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

variable "stack" {
  type        = string
  description = "The stack's name: the first part of all names."

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$", var.stack))
    error_message = "At most 32 lower-case letters, digits and hyphens; first a letter, last no hyphen."
  }
}

variable "zips" {
  type        = string
  description = "The folder with <function>/bootstrap.zip, as cargo lambda build writes it."
  default     = "../../target/lambda"
}

variable "architecture" {
  type        = string
  description = "What the zips were built for. arm64 is a fifth cheaper; x86_64 is for emulators and for machines that build nothing else."
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "One of arm64, x86_64."
  }
}

variable "retention_days" {
  type        = number
  description = "For how many days a run's items are kept after they were written."
  default     = 30

  validation {
    condition     = var.retention_days >= 4 && var.retention_days <= 3650
    error_message = "A number from 4 to 3650."
  }
}

variable "payload_days" {
  type        = number
  description = "After how many days a large payload is deleted from the bucket. More than the longest run takes and the longest retention together."
  default     = 400

  validation {
    condition     = var.payload_days >= 2 && var.payload_days <= 10000
    error_message = "A number from 2 to 10000."
  }
}

variable "log_retention_days" {
  type        = string
  description = "For how many days log lines are kept."
  default     = "14"

  validation {
    condition     = contains(["1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365"], var.log_retention_days)
    error_message = "One of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365."
  }
}

variable "log_sample" {
  type        = string
  description = "Which part of the messages that went well is logged, 0 to 1. Empty: 0.05."
  default     = ""

  validation {
    condition     = can(regex("^(|0|1|0?[.][0-9]{1,6})$", var.log_sample))
    error_message = "It must fit the pattern |0|1|0?[.][0-9]{1,6}."
  }
}

variable "point_in_time_recovery" {
  type        = bool
  description = "Whether the tables can be restored to any second of the last 35 days; $0.20 per GB and month."
  default     = true
}

variable "deletion_protection" {
  type        = bool
  description = "Whether DynamoDB refuses to delete the tables, whoever asks."
  default     = true
}

variable "table_warm_read_units" {
  type        = number
  description = "The reads per second that the runs' table and each of its indexes are ready for at once. 12000 is what each begins with; more is paid for once, and can't be lowered again."
  default     = 12000

  validation {
    condition     = var.table_warm_read_units >= 12000 && var.table_warm_read_units <= 1000000
    error_message = "A number from 12000 to 1000000."
  }
}

variable "table_warm_write_units" {
  type        = number
  description = "The writes per second that the runs' table and each of its indexes are ready for at once. 4000 is what each begins with; more is paid for once, and can't be lowered again."
  default     = 4000

  validation {
    condition     = var.table_warm_write_units >= 4000 && var.table_warm_write_units <= 1000000
    error_message = "A number from 4000 to 1000000."
  }
}

variable "kms_key_arn" {
  type        = string
  description = "A customer-managed key for tables, queues and bucket. Empty: keys that AWS owns and that cost nothing."
  default     = ""

  validation {
    condition     = can(regex("^(|arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+)$", var.kms_key_arn))
    error_message = "It must fit the pattern |arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+."
  }
}

variable "alarm_topic_arn" {
  type        = string
  description = "The SNS topic that alarms are told to. Empty: they only show."
  default     = ""

  validation {
    condition     = can(regex("^(|arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+)$", var.alarm_topic_arn))
    error_message = "It must fit the pattern |arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+."
  }
}

variable "queue_alarms" {
  type        = string
  description = "age: an alarm when a message is older than 30 minutes, one metric per queue. stuck: when a queue has visible messages and none in flight in 8 of 10 minutes, two metrics per queue. A metric of an alarm costs $0.10 a month beyond the account's first ten."
  default     = "age"

  validation {
    condition     = contains(["age", "stuck", "none"], var.queue_alarms)
    error_message = "One of age, stuck, none."
  }
}

variable "api_enabled" {
  type        = bool
  description = "Whether the Step Functions API is answered at a function URL, to callers that IAM knows and lets."
  default     = false
}
