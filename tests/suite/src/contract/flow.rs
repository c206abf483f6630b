//! What keeps steps to their rates, and apart from themselves.

use super::{
    World,
    samples::{later_s, record_key, run_key},
    unique,
};
use futures::future::join_all;
use std::collections::BTreeSet;
use stepladder_protocol::{Clock, Host, Lease, LeaseTaken, Leases, Paces, Slots, SlotsAsked};

/// So many slots, a millisecond apart, within a second from here.
fn asked(count: u32, from_us: i64) -> SlotsAsked {
    SlotsAsked { count, interval_us: 1_000, from_us, until_us: from_us + 1_000_000 }
}

async fn take(world: &impl World, step: &str, asked: SlotsAsked) -> Slots {
    world.host().store().take_slots(step, &asked).await.unwrap()
}

pub async fn slots_follow_each_other(world: &impl World) {
    let step = unique(world, "step");
    assert_eq!(take(world, &step, asked(3, 500)).await, Slots { first_us: 500, count: 3 });
    assert_eq!(take(world, &step, asked(2, 500)).await, Slots { first_us: 3_500, count: 2 });
    // Whoever asks later, with an earlier clock, gets no earlier slot.
    assert_eq!(take(world, &step, asked(1, 100)).await, Slots { first_us: 5_500, count: 1 });
    // What nobody has taken in time is gone.
    assert_eq!(take(world, &step, asked(2, 80_000)).await, Slots { first_us: 80_000, count: 2 });
    assert_eq!(take(world, &step, asked(1, 80_001)).await, Slots { first_us: 82_000, count: 1 });
    assert_eq!(take(world, &unique(world, "other"), asked(1, 9)).await, Slots { first_us: 9, count: 1 });
}

pub async fn slots_end_where_nobody_asks_for_later_ones(world: &impl World) {
    let step = unique(world, "step");
    let until = |count, until_us| SlotsAsked { count, interval_us: 1_000, from_us: 0, until_us };
    assert_eq!(take(world, &step, until(5, 2_500)).await, Slots { first_us: 0, count: 3 });
    for _ in 0..2 {
        let none = take(world, &step, until(5, 2_500)).await;
        assert_eq!((none.first_us, none.count), (3_000, 0));
    }
    assert_eq!(take(world, &step, until(1, 3_000)).await, Slots { first_us: 3_000, count: 1 });
    assert_eq!(take(world, &step, until(5, 5_999)).await, Slots { first_us: 4_000, count: 2 });
}

pub async fn of_many_batches_at_once_each_has_slots_of_its_own(world: &impl World) {
    let step = unique(world, "step");
    let batches = (0..40).map(|n| take(world, &step, asked(1 + n % 3, 1_000 * i64::from(n % 5))));
    let (mut slots, mut count) = (BTreeSet::new(), 0);
    for taken in join_all(batches).await {
        count += taken.count;
        slots.extend((0..i64::from(taken.count)).map(|n| (taken.first_us + n * 1_000) / 1_000));
    }
    assert_eq!((count, slots.len()), (79, 79));
}

fn lease(world: &impl World, until_ms: i64) -> Lease {
    Lease { holder: unique(world, "holder"), until_ms, expires_s: later_s(world) }
}

pub async fn a_lease_is_held_until_its_time(world: &impl World) {
    let store = world.host().store();
    let position = record_key(&run_key(world), 3);
    let (one, two) = (lease(world, 5_000), lease(world, 9_000));
    assert_eq!(store.take_lease(&position, &one, 1_000).await, Ok(LeaseTaken::First));
    assert_eq!(store.take_lease(&position, &two, 4_999).await, Ok(LeaseTaken::Held { until_ms: 5_000 }));
    // The same call, made again.
    assert_eq!(store.take_lease(&position, &one, 1_000).await, Ok(LeaseTaken::Again));
    assert_eq!(store.take_lease(&position, &two, 5_000).await, Ok(LeaseTaken::Again));
    assert_eq!(store.take_lease(&position, &one, 8_999).await, Ok(LeaseTaken::Held { until_ms: 9_000 }));
    for other in [record_key(&position.run, 4), record_key(&run_key(world), 3)] {
        assert_eq!(store.take_lease(&other, &one, 1_000).await, Ok(LeaseTaken::First), "{other}");
    }
}

pub async fn a_lease_is_released_by_its_holder_only(world: &impl World) {
    let store = world.host().store();
    let position = record_key(&run_key(world), 3);
    let (one, two) = (lease(world, 5_000), lease(world, 6_000));
    store.release_lease(&position, &one.holder).await.unwrap();
    assert_eq!(store.take_lease(&position, &one, 1_000).await, Ok(LeaseTaken::First), "there was none");
    store.release_lease(&position, &two.holder).await.unwrap();
    assert_eq!(store.take_lease(&position, &two, 1_000).await, Ok(LeaseTaken::Held { until_ms: 5_000 }));
    for _ in 0..2 {
        store.release_lease(&position, &one.holder).await.unwrap();
    }
    // That there was one stays known.
    assert_eq!(store.take_lease(&position, &two, 1_000).await, Ok(LeaseTaken::Again));
    store.release_lease(&position, &one.holder).await.unwrap();
    assert_eq!(store.take_lease(&position, &one, 1_000).await, Ok(LeaseTaken::Held { until_ms: 6_000 }));
}

pub async fn of_many_at_once_one_takes_the_lease(world: &impl World) {
    let position = record_key(&run_key(world), 0);
    let now_ms = world.host().clock().now_ms();
    let takers = (0..30).map(|_| async {
        let lease = lease(world, now_ms + 60_000);
        world.host().store().take_lease(&position, &lease, now_ms).await.unwrap()
    });
    let taken = join_all(takers).await;
    assert_eq!(taken.iter().filter(|taken| **taken == LeaseTaken::First).count(), 1);
    let held = LeaseTaken::Held { until_ms: now_ms + 60_000 };
    assert_eq!(taken.iter().filter(|taken| **taken == held).count(), 29);
}
