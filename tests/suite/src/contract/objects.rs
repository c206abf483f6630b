//! Objects of the users' own: ranges of them, listings, and what is written.

use super::{PUTS_AT_ONCE, World};
use futures::{StreamExt, stream};
use stepladder_protocol::{Chunk, Host, ListPage, Listed, Listing, ObjectError, ObjectName, Objects};

/// No bucket of any world has this name.
const MISSING: &str = "missing-5b1f0c9e";

fn name(bucket: &str, key: &str) -> ObjectName {
    ObjectName { bucket: bucket.to_owned(), key: key.to_owned(), version: None, expected_owner: None }
}

async fn write(world: &impl World, bucket: &str, key: &str, bytes: &[u8]) {
    let objects = world.host().objects().unwrap();
    let object = name(bucket, key);
    objects.write(&object, bytes.to_vec(), "application/json").await.unwrap().unwrap();
}

async fn read(world: &impl World, bucket: &str, key: &str, from: u64, bytes_max: usize) -> Chunk {
    let objects = world.host().objects().unwrap();
    objects.read(&name(bucket, key), None, from, bytes_max).await.unwrap().unwrap()
}

async fn read_error(world: &impl World, bucket: &str, key: &str, etag: Option<&str>) -> ObjectError {
    let objects = world.host().objects().unwrap();
    objects.read(&name(bucket, key), etag, 0, 10).await.unwrap().unwrap_err()
}

async fn page(world: &impl World, bucket: &str, prefix: &str, after: Option<&str>) -> ListPage {
    let listing = Listing { bucket: bucket.to_owned(), prefix: prefix.to_owned(), expected_owner: None };
    world.host().objects().unwrap().list(&listing, after).await.unwrap().unwrap()
}

/// All pages of a listing, and how many they are.
async fn list(world: &impl World, bucket: &str, prefix: &str, after: Option<&str>) -> (Vec<Listed>, usize) {
    let (mut all, mut pages) = (Vec::new(), 0);
    let mut after = after.map(str::to_owned);
    loop {
        let page = page(world, bucket, prefix, after.as_deref()).await;
        assert!(page.objects.len() <= 1_000);
        assert!(!page.has_more || !page.objects.is_empty());
        all.extend(page.objects);
        pages += 1;
        if !page.has_more {
            return (all, pages);
        }
        after = all.last().map(|last: &Listed| last.key.clone());
    }
}

fn keys(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|object| object.key.as_str()).collect()
}

pub async fn an_object_is_read_range_by_range(world: &impl World) {
    let bucket = world.create_bucket().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    write(world, &bucket, "in/rows.bin", &bytes).await;
    let mut whole = Vec::new();
    let mut etag: Option<String> = None;
    while whole.len() < bytes.len() {
        let objects = world.host().objects().unwrap();
        let object = name(&bucket, "in/rows.bin");
        let chunk = objects.read(&object, etag.as_deref(), whole.len() as u64, 9_999).await.unwrap().unwrap();
        assert_eq!(chunk.object_bytes, 70_000);
        assert_eq!(chunk.bytes.len(), 9_999.min(bytes.len() - whole.len()));
        assert!(etag.is_none_or(|etag| etag == chunk.etag));
        etag = Some(chunk.etag);
        whole.extend(chunk.bytes);
    }
    assert!(whole == bytes);
}

pub async fn behind_an_objects_end_there_is_nothing(world: &impl World) {
    let bucket = world.create_bucket().await;
    write(world, &bucket, "k", b"0123456789").await;
    let whole = read(world, &bucket, "k", 0, 1_000).await;
    assert_eq!(whole.bytes, b"0123456789");
    assert_eq!(read(world, &bucket, "k", 9, 1_000).await, Chunk { bytes: b"9".to_vec(), ..whole.clone() });
    for from in [10, 11, 1_000_000_000_000] {
        assert_eq!(read(world, &bucket, "k", from, 5).await, Chunk { bytes: Vec::new(), ..whole.clone() });
    }
    assert_eq!(read(world, &bucket, "k", 3, 0).await, Chunk { bytes: Vec::new(), ..whole });
}

pub async fn an_empty_object_has_no_bytes(world: &impl World) {
    let bucket = world.create_bucket().await;
    write(world, &bucket, "empty", b"").await;
    for from in [0, 1] {
        let chunk = read(world, &bucket, "empty", from, 10).await;
        assert_eq!((chunk.bytes, chunk.object_bytes), (Vec::new(), 0));
        assert!(!chunk.etag.is_empty());
    }
}

pub async fn an_object_that_has_changed_is_not_read_on(world: &impl World) {
    let bucket = world.create_bucket().await;
    write(world, &bucket, "k", b"before").await;
    let etag = read(world, &bucket, "k", 0, 3).await.etag;
    let objects = world.host().objects().unwrap();
    let there = objects.read(&name(&bucket, "k"), Some(&etag), 3, 10).await.unwrap().unwrap();
    assert_eq!(there.bytes, b"ore");
    write(world, &bucket, "k", b"after, and longer").await;
    assert_eq!(read_error(world, &bucket, "k", Some(&etag)).await.code, "PreconditionFailed");
    assert_ne!(read(world, &bucket, "k", 0, 3).await.etag, etag);
}

pub async fn a_missing_object_is_the_states_error(world: &impl World) {
    let bucket = world.create_bucket().await;
    assert_eq!(read_error(world, &bucket, "k", None).await.code, "NoSuchKey");
    let (none, pages) = list(world, &bucket, "", None).await;
    assert_eq!((none, pages), (Vec::new(), 1));
}

pub async fn a_missing_bucket_is_the_states_error(world: &impl World) {
    let objects = world.host().objects().unwrap();
    assert_eq!(read_error(world, MISSING, "k", None).await.code, "NoSuchBucket");
    let listing = Listing { bucket: MISSING.to_owned(), prefix: String::new(), expected_owner: None };
    assert_eq!(objects.list(&listing, None).await.unwrap().unwrap_err().code, "NoSuchBucket");
    let written = objects.write(&name(MISSING, "k"), b"1".to_vec(), "text/plain").await.unwrap();
    assert_eq!(written.unwrap_err().code, "NoSuchBucket");
}

pub async fn a_written_object_is_read_and_replaced(world: &impl World) {
    let bucket = world.create_bucket().await;
    let large: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    write(world, &bucket, "out/b", b"first").await;
    write(world, &bucket, "out/b", &large).await;
    let chunk = read(world, &bucket, "out/b", 0, large.len()).await;
    assert!(chunk.bytes == large);
    assert_eq!(chunk.object_bytes, 5_000_000);
}

pub async fn odd_keys_are_listed_and_read(world: &impl World) {
    let bucket = world.create_bucket().await;
    // In the order of their bytes.
    let odd = ["in/Z", "in/a b+c&d=e%41.json", "in/a+b", "in/a?x=1#y", "in/é", "in/日本", "in/😀'\"<>"];
    for key in odd.iter().rev().chain(&["in-beside", "other"]) {
        write(world, &bucket, key, key.as_bytes()).await;
    }
    let (listed, _) = list(world, &bucket, "in/", None).await;
    assert_eq!(keys(&listed), odd);
    for object in &listed {
        let chunk = read(world, &bucket, &object.key, 0, 100).await;
        assert_eq!(chunk.bytes, object.key.as_bytes());
        assert_eq!((&chunk.etag, chunk.object_bytes), (&object.etag, object.bytes));
        assert!(object.modified_ms > 1_600_000_000_000);
        assert_eq!(object.storage_class.as_deref(), Some("STANDARD"));
    }
    // What it begins after may be there or not.
    for after in ["in/a b+c&d=e%41.json", "in/a b,"] {
        let (listed, _) = list(world, &bucket, "in/", Some(after)).await;
        assert_eq!(keys(&listed), odd[2..], "{after}");
    }
    assert_eq!(list(world, &bucket, "in/", Some("z")).await.0, []);
    assert_eq!(list(world, &bucket, "nothing", None).await.0, []);
}

pub async fn many_objects_are_listed_page_by_page(world: &impl World) {
    let bucket = world.create_bucket().await;
    let all: Vec<String> = (0..world.objects_per_page() + 3).map(|n| format!("in/{n:04}")).collect();
    let writes = all.iter().map(|key| write(world, &bucket, key, b"1"));
    stream::iter(writes).buffer_unordered(PUTS_AT_ONCE).collect::<Vec<()>>().await;
    let (listed, pages) = list(world, &bucket, "in/", None).await;
    assert_eq!(keys(&listed), all);
    assert_eq!(pages, 2);
}
