//! Tables and the bucket.

use super::{
    policies::tls_only,
    words::{Scope, choose, only_if, reference},
};
use crate::{
    model::{Stack, Table, logical},
    roles::BUCKET,
    text::Text,
    tree::{Map, Node},
};

pub(super) fn resources(stack: &Stack, scope: Scope) -> Vec<(String, Map)> {
    let mut resources: Vec<(String, Map)> =
        stack.tables.iter().map(|table| self::table(table, scope)).collect();
    resources.push(bucket(scope));
    resources.push(bucket_policy(scope));
    resources
}

/// A resource that stays when the stack goes, so that nobody loses runs by a slip.
fn kept(kind: &str) -> Map {
    Map::new().with("Type", kind).with("DeletionPolicy", "Retain").with("UpdateReplacePolicy", "Retain")
}

fn table(table: &Table, scope: Scope) -> (String, Map) {
    let attributes: Vec<Map> = table
        .attributes
        .iter()
        .map(|(name, kind)| Map::new().with("AttributeName", *name).with("AttributeType", *kind))
        .collect();
    let name = match &table.name {
        Some(name) => scope.named(name),
        None => scope.text(&Text::of("${Stack}")),
    };
    let mut properties = Map::new()
        .with("TableName", name)
        .with("BillingMode", "PAY_PER_REQUEST")
        .with("AttributeDefinitions", attributes)
        .with("KeySchema", key_schema(table.partition_key, table.sort_key));
    let warm = Map::new()
        .with("ReadUnitsPerSecond", reference("TableWarmReadUnits"))
        .with("WriteUnitsPerSecond", reference("TableWarmWriteUnits"));
    if !table.indexes.is_empty() {
        let indexes = table.indexes.iter().map(|index| {
            Map::new()
                .with("IndexName", index.name)
                .with("KeySchema", key_schema(index.partition_key, index.sort_key))
                .with("Projection", Map::new().with("ProjectionType", "KEYS_ONLY"))
                // Writes of the table wait for its indexes. Only what they don't begin with: an emulator gives it back
                // as it got it, as texts.
                .with("WarmThroughput", only_if("HasMoreWarmth", warm.clone()))
        });
        properties = properties.with("GlobalSecondaryIndexes", indexes.collect::<Vec<Map>>());
    }
    if let Some(attribute) = table.ttl {
        let ttl = Map::new().with("AttributeName", attribute).with("Enabled", true);
        properties = properties.with("TimeToLiveSpecification", ttl);
    }
    let recovery = Map::new().with("PointInTimeRecoveryEnabled", reference("PointInTimeRecovery"));
    let key = Map::new()
        .with("SSEEnabled", true)
        .with("SSEType", "KMS")
        .with("KMSMasterKeyId", reference("KmsKeyArn"));
    properties = properties
        .with("PointInTimeRecoverySpecification", recovery)
        // A boolean, and not the parameter's text: an emulator gives it back as it got it.
        .with("DeletionProtectionEnabled", choose("IsProtected", true, false))
        // Without one, DynamoDB encrypts with a key that AWS owns.
        .with("SSESpecification", only_if("HasKey", key));
    if table.name.is_none() {
        properties = properties.with("WarmThroughput", warm);
    }
    let (id, comment) = match &table.name {
        Some(name) => (format!("{}Table", logical(name)), "A table of a package's own, from its Cargo.toml."),
        None => ("Table".to_owned(), "Runs, their records, definitions."),
    };
    (id, kept("AWS::DynamoDB::Table").commented(comment).with("Properties", properties))
}

fn key_schema(hash: &str, range: &str) -> Vec<Map> {
    let key = |name: &str, kind: &str| Map::new().with("AttributeName", name).with("KeyType", kind);
    vec![key(hash, "HASH"), key(range, "RANGE")]
}

fn bucket(scope: Scope) -> (String, Map) {
    let by_key = Map::new().with("SSEAlgorithm", "aws:kms").with("KMSMasterKeyID", reference("KmsKeyArn"));
    let by_s3 = Map::new().with("SSEAlgorithm", "AES256");
    let encryption = Map::new()
        .with("BucketKeyEnabled", choose("HasKey", true, false))
        .with("ServerSideEncryptionByDefault", choose("HasKey", by_key, by_s3));
    let closed = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let closed = closed.into_iter().fold(Map::new(), |all, name| all.with(name, true));
    let owner = Map::new().with("ObjectOwnership", "BucketOwnerEnforced");
    let rules = vec![
        Map::new()
            .with("Id", "Payloads")
            .with("Status", "Enabled")
            .with("Prefix", "runs/")
            .with("ExpirationInDays", reference("PayloadDays")),
        Map::new()
            .with("Id", "BrokenUploads")
            .with("Status", "Enabled")
            .with("AbortIncompleteMultipartUpload", Map::new().with("DaysAfterInitiation", 1)),
    ];
    let properties = Map::new()
        .with("BucketName", scope.text(&Text::of(BUCKET)))
        .with("PublicAccessBlockConfiguration", closed)
        .with("OwnershipControls", Map::new().with("Rules", vec![owner]))
        .with("BucketEncryption", Map::new().with("ServerSideEncryptionConfiguration", vec![encryption]))
        .with("LifecycleConfiguration", Map::new().with("Rules", rules));
    let bucket = kept("AWS::S3::Bucket").commented("Payloads of more than 8 KB.");
    ("Bucket".to_owned(), bucket.with("Properties", properties))
}

fn bucket_policy(scope: Scope) -> (String, Map) {
    let arn = |rest: &str| scope.text(&Text::of(format!("arn:${{Partition}}:s3:::{BUCKET}{rest}")));
    let statement = tls_only("s3:*", vec![arn(""), arn("/*")]);
    let properties = Map::new()
        .with("Bucket", reference("Bucket"))
        .with("PolicyDocument", super::policies::document(vec![Node::from(statement)]));
    let policy = Map::new().with("Type", "AWS::S3::BucketPolicy").with("Properties", properties);
    ("BucketPolicy".to_owned(), policy)
}
