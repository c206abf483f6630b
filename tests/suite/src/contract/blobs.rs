//! Blobs: any bytes, under keys with names in them.

use super::{World, unique};
use stepladder_protocol::{Blobs, Host, Retry};

const BYTES_MAX: usize = 64 * 1024 * 1024;

/// A key as the protocol makes them, with what a run's name may contain.
fn key(world: &impl World) -> String {
    format!("runs/{}/Bestellung-é+=@!'()._ü/0123/abcd", unique(world, "contract"))
}

pub async fn a_blob_comes_back_as_it_was(world: &impl World) {
    let key = key(world);
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    world.host().blobs().put(&key, bytes.clone()).await.unwrap();
    assert_eq!(world.host().blobs().get(&key, BYTES_MAX).await.unwrap(), Some(bytes));
}

pub async fn an_empty_blob_is_there(world: &impl World) {
    let key = key(world);
    world.host().blobs().put(&key, Vec::new()).await.unwrap();
    assert_eq!(world.host().blobs().get(&key, BYTES_MAX).await.unwrap(), Some(Vec::new()));
}

pub async fn a_blob_of_five_megabytes_comes_back(world: &impl World) {
    let key = key(world);
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    world.host().blobs().put(&key, bytes.clone()).await.unwrap();
    assert!(world.host().blobs().get(&key, BYTES_MAX).await.unwrap() == Some(bytes));
}

pub async fn a_blob_may_be_put_again(world: &impl World) {
    let key = key(world);
    for _repeated in 0..2 {
        world.host().blobs().put(&key, b"same".to_vec()).await.unwrap();
        assert_eq!(world.host().blobs().get(&key, BYTES_MAX).await.unwrap(), Some(b"same".to_vec()));
    }
}

pub async fn a_missing_blob_is_none(world: &impl World) {
    assert_eq!(world.host().blobs().get(&key(world), BYTES_MAX).await.unwrap(), None);
}

pub async fn a_blob_above_the_limit_is_refused(world: &impl World) {
    let key = key(world);
    world.host().blobs().put(&key, vec![1; 1_001]).await.unwrap();
    let error = world.host().blobs().get(&key, 1_000).await.unwrap_err();
    assert_eq!(error.retry, Retry::Never);
    assert!(error.operation.contains(&key), "{error}");
    assert_eq!(world.host().blobs().get(&key, 1_001).await.unwrap().map(|bytes| bytes.len()), Some(1_001));
}
