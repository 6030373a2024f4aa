//! Two real processes on one entry: a sealed file, `flock`, and a server that ends the session when one token is
//! exchanged twice.

use tokencast_crash_tests::{Errand, Rotation};

use crate::machine::{Machine, Store, long, show};

/// Demands of each process in a round.
const DEMANDS: u32 = 100;

/// 1 two processes restore one session; 2 each asks 100 times for a token newer than the one it has; 3 the server
/// counts one exchange for each generation and no reuse. With plain rotation, where two exchanges of one token would
/// end the session: the locks alone must do it.
#[test]
fn two_processes_on_one_entry_exchange_each_generation_once() {
    let rounds = if long() { 20 } else { 3 };
    let mut turns = 0;
    let mut exchanges = 0;
    for round in 0..rounds {
        let mut machine = Machine::with(Store::SealedFile, Rotation::Plain).signed_in();
        // With the access token in the record a process may be content with the other's; without, each exchanges.
        let adopts = round % 3 == 1;
        machine.order.persist_access_token = adopts;
        let both = [1, 2].map(|process| {
            machine.start(Errand::Rotate {
                times: DEMANDS,
                seed: round * 2 + process,
            })
        });
        let [one, two] = both.map(|running| running.ended());
        for ended in [&one, &two] {
            assert!(ended.status.success(), "round {round}: {ended:?}");
            assert_eq!(ended.numbers().len(), DEMANDS as usize, "round {round}");
        }
        let end = machine.refreshed();
        let stats = machine.assert_nothing_lost();
        assert_eq!(stats.exchanges, end - 1, "one exchange a generation: {stats:?}");
        assert_eq!(stats.refresh_requests, stats.exchanges, "nothing was sent twice");
        if !adopts {
            assert_eq!(stats.exchanges, u64::from(2 * DEMANDS) + 1, "{stats:?}");
        }
        turns += changes_of_hands(&one.numbers(), &two.numbers());
        exchanges += stats.exchanges;
    }
    assert!(turns > 0, "the processes never met");
    show(&format!(
        "two processes, {rounds} rounds of {DEMANDS} demands each: {exchanges} exchanges for {exchanges} \
         generations, {turns} changes of hands, reuse_detected 0, families revoked 0"
    ));
}

/// How often the next generation is the other process's.
fn changes_of_hands(one: &[u64], two: &[u64]) -> usize {
    let mut all: Vec<(u64, u8)> = one.iter().map(|number| (*number, 1)).collect();
    all.extend(two.iter().map(|number| (*number, 2)));
    all.sort_unstable();
    all.windows(2).filter(|pair| pair[0].1 != pair[1].1).count()
}
