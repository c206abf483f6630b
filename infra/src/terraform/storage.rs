//! Tables and the bucket.

use super::words::{named, snake, text};
use crate::{
    hcl::{Body, Value, quoted, raw},
    model::{Stack, Table},
    roles::BUCKET,
    text::Text,
};

pub(super) fn body(stack: &Stack) -> Body {
    stack.tables.iter().fold(Body::new(), |body, table| body.and(self::table(table))).and(bucket())
}

/// Terraform refuses to destroy it, so that nobody loses runs by a slip.
fn kept() -> Body {
    Body::new().with("prevent_destroy", true)
}

/// AWS raises warm throughput with the load, of indexes too, and refuses to lower it: compared with what the table began
/// with, no plan would ever be clean again.
fn kept_warm() -> Body {
    kept().with("ignore_changes", raw("[global_secondary_index, warm_throughput]"))
}

fn table(table: &Table) -> Body {
    let (id, name, comment) = match &table.name {
        None => ("runs".to_owned(), text(&Text::of("${Stack}")), "Runs, their records, definitions."),
        Some(name) => {
            (format!("own_{}", snake(name)), named(name), "A table of a package's own, from its Cargo.toml.")
        }
    };
    let mut body = Body::new()
        .with("name", name)
        .with("billing_mode", quoted("PAY_PER_REQUEST"))
        .with("hash_key", quoted(table.partition_key))
        .with("range_key", quoted(table.sort_key))
        .with("deletion_protection_enabled", raw("var.deletion_protection"));
    for (name, kind) in &table.attributes {
        body = body.block("attribute", Body::new().with("name", quoted(name)).with("type", quoted(kind)));
    }
    let warm = Body::new()
        .with("read_units_per_second", raw("var.table_warm_read_units"))
        .with("write_units_per_second", raw("var.table_warm_write_units"));
    for index in &table.indexes {
        let index = Body::new()
            .with("name", quoted(index.name))
            .with("hash_key", quoted(index.partition_key))
            .with("range_key", quoted(index.sort_key))
            .with("projection_type", quoted("KEYS_ONLY"))
            // Writes of the table wait for its indexes.
            .block("warm_throughput", warm.clone());
        body = body.block("global_secondary_index", index);
    }
    if let Some(attribute) = table.ttl {
        let ttl = Body::new().with("attribute_name", quoted(attribute)).with("enabled", true);
        body = body.block("ttl", ttl);
    }
    body =
        body.block("point_in_time_recovery", Body::new().with("enabled", raw("var.point_in_time_recovery")));
    let is_own = table.name.is_some();
    if !is_own {
        body = body.block("warm_throughput", warm);
    }
    // Not enabled: a key that AWS owns.
    let encryption = Body::new()
        .with("enabled", raw("local.has_key"))
        .with("kms_key_arn", raw("local.has_key ? var.kms_key_arn : null"));
    body = body
        .block("server_side_encryption", encryption)
        .block("lifecycle", if is_own { kept() } else { kept_warm() });
    Body::new().comment(comment).block(format!("resource \"aws_dynamodb_table\" \"{id}\""), body)
}

fn bucket() -> Body {
    let resource = |kind: &str| format!("resource \"aws_s3_{kind}\" \"payloads\"");
    let of_bucket = || Body::new().with("bucket", raw("aws_s3_bucket.payloads.id"));
    let closed =
        ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
    let closed = closed.into_iter().fold(of_bucket(), |body, name| body.with(name, true));
    let by_default = Body::new()
        .with("sse_algorithm", raw("local.has_key ? \"aws:kms\" : \"AES256\""))
        .with("kms_master_key_id", raw("local.has_key ? var.kms_key_arn : null"));
    let rule = Body::new()
        .with("bucket_key_enabled", raw("local.has_key"))
        .block("apply_server_side_encryption_by_default", by_default);
    let expiry = Body::new()
        .with("id", quoted("Payloads"))
        .with("status", quoted("Enabled"))
        .block("filter", Body::new().with("prefix", quoted("runs/")))
        .block("expiration", Body::new().with("days", raw("var.payload_days")));
    let broken = Body::new()
        .with("id", quoted("BrokenUploads"))
        .with("status", quoted("Enabled"))
        .block("filter", Body::new())
        .block("abort_incomplete_multipart_upload", Body::new().with("days_after_initiation", 1));
    let owner = Body::new().with("object_ownership", quoted("BucketOwnerEnforced"));
    let arn = "arn:${Partition}:s3:::";
    let policy = super::roles::tls_only(
        "s3:*",
        vec![text(&Text::of(format!("{arn}{BUCKET}"))), text(&Text::of(format!("{arn}{BUCKET}/*")))],
    );
    Body::new()
        .comment("Payloads of more than 8 KB.")
        .block(
            resource("bucket"),
            Body::new().with("bucket", text(&Text::of(BUCKET))).block("lifecycle", kept()),
        )
        .block(resource("bucket_public_access_block"), closed)
        .block(resource("bucket_ownership_controls"), of_bucket().block("rule", owner))
        .block(resource("bucket_server_side_encryption_configuration"), of_bucket().block("rule", rule))
        .block(
            resource("bucket_lifecycle_configuration"),
            of_bucket().block("rule", expiry).block("rule", broken),
        )
        .block(
            resource("bucket_policy"),
            of_bucket().with("policy", super::roles::document(vec![Value::Object(policy)])),
        )
}
