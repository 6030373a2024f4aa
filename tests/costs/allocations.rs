//! Allocations of one thread, which is all that there is here.

use allocation_counter::measure;

use crate::Stage;

/// `docs/performance.md` states it.
const MOST_OF_A_REFRESH: u64 = 150;

/// The counter counts: without this the next test would prove nothing.
#[test]
fn the_counter_sees_an_allocation() {
    let seen = measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(seen.count_total, 1);
}

#[test]
fn a_cached_read_allocates_nothing() {
    let stage = Stage::signed_in();
    let read = || {
        assert!(stage.session.current_token().is_some());
        assert!(stage.spawner.finish(stage.session.access_token()).is_ok());
    };
    // The executor's own flag is one allocation for each call that it finishes.
    let of_the_executor = measure(|| stage.spawner.finish(async {}));
    assert_eq!(measure(read).count_total, of_the_executor.count_total);
}

#[test]
fn a_refresh_allocates_no_more_than_is_stated() {
    let stage = Stage::signed_in();
    stage.refresh();
    let seen = measure(|| stage.refresh());
    assert_eq!(stage.server.requests(), 2);
    assert!(seen.count_total <= MOST_OF_A_REFRESH, "{seen:?}");
    let stated = format!("at most {MOST_OF_A_REFRESH} allocations in the core");
    assert!(
        include_str!("../../docs/performance.md").contains(&stated),
        "{stated}: {seen:?}"
    );
}

/// 100,000 with `TOKENCAST_LONG`; the short run is a tenth of it.
#[test]
fn memory_is_flat_over_refreshes() {
    let turns = if std::env::var_os("TOKENCAST_LONG").is_some() {
        100_000
    } else {
        10_000
    };
    let stage = Stage::signed_in();
    // What grows to its size once, such as a list of tasks, has grown by then.
    (0..turns / 10).for_each(|_| stage.refresh());
    let seen = measure(|| (0..turns).for_each(|_| stage.refresh()));
    assert_eq!(stage.server.requests(), turns + turns / 10);
    // A leak of a byte in ten refreshes would be more. Digits of a generation may come.
    assert!(seen.bytes_current < 1024, "{seen:?}");
    assert!(seen.count_current <= 4, "{seen:?}");
}
