# Written by `stepladder synth` from the workflows and the settings in functions/*/Cargo.toml.
# Change those, not this file: a test compares them. infra/README.md says how it is used.

# Runs, their records, definitions.
resource "aws_dynamodb_table" "runs" {
  name                        = var.stack
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  attribute {
    name = "lp"
    type = "S"
  }

  attribute {
    name = "t0"
    type = "N"
  }

  attribute {
    name = "ap"
    type = "S"
  }

  attribute {
    name = "t1"
    type = "N"
  }

  global_secondary_index {
    name            = "runs"
    hash_key        = "lp"
    range_key       = "t0"
    projection_type = "KEYS_ONLY"

    warm_throughput {
      read_units_per_second  = var.table_warm_read_units
      write_units_per_second = var.table_warm_write_units
    }
  }

  global_secondary_index {
    name            = "attention"
    hash_key        = "ap"
    range_key       = "t1"
    projection_type = "KEYS_ONLY"

    warm_throughput {
      read_units_per_second  = var.table_warm_read_units
      write_units_per_second = var.table_warm_write_units
    }
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  warm_throughput {
    read_units_per_second  = var.table_warm_read_units
    write_units_per_second = var.table_warm_write_units
  }

  server_side_encryption {
    enabled     = local.has_key
    kms_key_arn = local.has_key ? var.kms_key_arn : null
  }

  lifecycle {
    prevent_destroy = true
    ignore_changes  = [global_secondary_index, warm_throughput]
  }
}

# A table of a package's own, from its Cargo.toml.
resource "aws_dynamodb_table" "own_imports" {
  name                        = "${var.stack}-imports"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = local.has_key
    kms_key_arn = local.has_key ? var.kms_key_arn : null
  }

  lifecycle {
    prevent_destroy = true
  }
}

# A table of a package's own, from its Cargo.toml.
resource "aws_dynamodb_table" "own_onboarding" {
  name                        = "${var.stack}-onboarding"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = local.has_key
    kms_key_arn = local.has_key ? var.kms_key_arn : null
  }

  lifecycle {
    prevent_destroy = true
  }
}

# A table of a package's own, from its Cargo.toml.
resource "aws_dynamodb_table" "own_orders" {
  name                        = "${var.stack}-orders"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = local.has_key
    kms_key_arn = local.has_key ? var.kms_key_arn : null
  }

  lifecycle {
    prevent_destroy = true
  }
}

# A table of a package's own, from its Cargo.toml.
resource "aws_dynamodb_table" "own_users" {
  name                        = "${var.stack}-users"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = local.has_key
    kms_key_arn = local.has_key ? var.kms_key_arn : null
  }

  lifecycle {
    prevent_destroy = true
  }
}

# Payloads of more than 8 KB.
resource "aws_s3_bucket" "payloads" {
  bucket = "${var.stack}-${local.account}-${local.region}"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "payloads" {
  bucket                  = aws_s3_bucket.payloads.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "payloads" {
  bucket = aws_s3_bucket.payloads.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "payloads" {
  bucket = aws_s3_bucket.payloads.id

  rule {
    bucket_key_enabled = local.has_key

    apply_server_side_encryption_by_default {
      sse_algorithm     = local.has_key ? "aws:kms" : "AES256"
      kms_master_key_id = local.has_key ? var.kms_key_arn : null
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "payloads" {
  bucket = aws_s3_bucket.payloads.id

  rule {
    id     = "Payloads"
    status = "Enabled"

    filter {
      prefix = "runs/"
    }

    expiration {
      days = var.payload_days
    }
  }

  rule {
    id     = "BrokenUploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "payloads" {
  bucket = aws_s3_bucket.payloads.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource = [
          "arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}",
          "arn:${local.partition}:s3:::${var.stack}-${local.account}-${local.region}/*",
        ]
        Condition = {
          Bool = {
            "aws:SecureTransport" = "false"
          }
        }
      },
    ]
  })
}
