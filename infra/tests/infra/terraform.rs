//! Terraform.
