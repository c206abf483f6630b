//! Manifests as S3 and Athena write them, and others.

use crate::{Inventory, ListedFile, athena_manifest};

const WRITTEN: &str = r#"{
  "sourceBucket" : "source",
  "destinationBucket" : "arn:aws:s3:::inventories",
  "version" : "2016-11-30",
  "creationTimestamp" : "1668560400000",
  "fileFormat" : "CSV",
  "fileSchema" : "Bucket, Key, Size, LastModifiedDate",
  "files" : [ {
    "key" : "to/source/all/data/20e55de8.csv.gz",
    "size" : 7300,
    "MD5checksum" : "a7ff4a1d4164c3cd55851055ec8f6b20"
  }, { "key" : "to/source/all/data/b.csv.gz" } ]
}"#;

fn listed(bucket: &str, key: &str, bytes: Option<u64>) -> ListedFile {
    ListedFile { bucket: bucket.into(), key: key.into(), bytes }
}

#[test]
fn an_inventory_says_its_fields_and_files() {
    let inventory = Inventory::read(WRITTEN.as_bytes()).unwrap();
    assert_eq!(inventory.headers, ["Bucket", "Key", "Size", "LastModifiedDate"]);
    let files = [
        listed("inventories", "to/source/all/data/20e55de8.csv.gz", Some(7300)),
        listed("inventories", "to/source/all/data/b.csv.gz", None),
    ];
    assert_eq!(inventory.files, files);
    let bare = WRITTEN.replace("arn:aws:s3:::", "");
    assert_eq!(Inventory::read(bare.as_bytes()).unwrap(), inventory);
}

#[test]
fn what_is_no_inventory_is_told() {
    let orc = Inventory::read(WRITTEN.replace("CSV", "ORC").as_bytes()).unwrap_err();
    assert_eq!(
        orc.0,
        "The files of the inventory are ORC: only inventories whose output format is CSV can be read."
    );
    for (text, named) in [
        ("", "EOF while parsing"),
        ("[]", "invalid length 0"),
        ("{}", "missing field `destinationBucket`"),
        (&WRITTEN.replace("\"key\"", "\"name\""), "missing field `key`"),
        (&WRITTEN.replace("7300", "-1"), "invalid value: integer `-1`"),
        (&WRITTEN[..200], "EOF while parsing"),
    ] {
        let told = Inventory::read(text.as_bytes()).unwrap_err().0;
        assert!(told.starts_with("It is no manifest of an S3 inventory: ") && told.contains(named), "{told}");
    }
}

#[test]
fn athena_lists_uris() {
    let csv = "s3://results/tables/a.gz\r\n\"s3://other/b,c\"\n\ns3://results/d";
    let files =
        [listed("results", "tables/a.gz", None), listed("other", "b,c", None), listed("results", "d", None)];
    assert_eq!(athena_manifest(csv.as_bytes()).unwrap(), files);
    assert_eq!(athena_manifest(b"").unwrap(), []);
}

#[test]
fn what_is_no_uri_is_told_with_its_line() {
    for line in ["results/a", "s3://results", "s3://results/", "s3:///a", "https://results/a", "{}"] {
        let told = athena_manifest(format!("s3://a/b\n{line}\n").as_bytes()).unwrap_err().0;
        assert_eq!(told, "Line 2 is no URI of an object, as s3://bucket/key is.", "{line}");
    }
    let told = athena_manifest(b"s3://a/b\n\xFF\n").unwrap_err().0;
    assert_eq!(told, "Line 2 can't be read: it is not UTF-8: byte 1 of it is 0xff.");
}
