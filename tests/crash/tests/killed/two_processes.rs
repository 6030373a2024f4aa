//! Two real processes on one entry: a sealed file, `flock`, and a server that ends the session when one token is
//! exchanged twice.

use std::thread;
use std::time::Duration;

use tokencast_crash_tests::{Errand, Report, Rotation};

use crate::machine::{Machine, Running, Store, long, random_below, show};

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
        let [one, two] = both.map(Running::ended);
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
    assert!(turns > rounds as usize, "the processes never met");
    show(&format!(
        "two processes, {rounds} rounds of {DEMANDS} demands each: {exchanges} exchanges for {exchanges} \
         generations, {turns} changes of hands, reuse_detected 0, families revoked 0"
    ));
}

/// The control: 1 one process presents the token, the answer waits; 2 another one, whose locks lie in another folder,
/// presents it as well; 3 the server takes it for a theft, and the session is over.
#[test]
fn two_processes_without_common_locks_lose_the_session() {
    let mut machine = Machine::with(Store::SealedFile, Rotation::Plain).signed_in();
    machine.server.hold_refreshes();
    let refresh = Errand::Refresh { death: None };
    let one = machine.start(refresh.clone());
    machine.wait_until_held(1);
    machine.order.locks = machine.home.path().join("locks-of-its-own");
    let two = machine.start(refresh.clone());
    machine.wait_until_held(2);
    machine.server.release();
    drop((one.ended(), two.ended()));
    assert!(machine.run(refresh).lost());
    assert_eq!(machine.server.stats().reuse_detected, 1);
    show("control, two processes without common locks: 1 of 1 sessions lost");
}

/// 1 two processes share a session; 2 one of them is killed at a random moment, with the flight lock or without;
/// 3 the other goes on: the kernel frees the dead one's locks. Again and again.
#[test]
fn a_killed_process_leaves_no_lock_behind() {
    let kills = if long() { 200 } else { 15 };
    let machine = Machine::new(Store::SealedFile).signed_in();
    let survivor = machine.start(Errand::RotateUntilKilled);
    for kill in 0..kills {
        let victim = machine.start(Errand::RotateUntilKilled);
        victim.until(|report| matches!(report, Report::Token { .. }));
        thread::sleep(random_below(Duration::from_millis(60)));
        let victim = victim.killed();
        assert!(victim.was_killed() && !victim.lost(), "kill {kill}: {victim:?}");
        survivor.drain();
        survivor.until(|report| match report {
            Report::Lost(reason) => panic!("kill {kill}: {reason}"),
            Report::Token { .. } => true,
            _ => false,
        });
    }
    let survivor = survivor.killed();
    assert!(!survivor.lost(), "{survivor:?}");
    let end = machine.refreshed();
    let stats = machine.assert_nothing_lost();
    assert_eq!(stats.exchanges, end - 1, "{stats:?}");
    show(&format!(
        "one of two processes killed {kills} times: {} exchanges for {} generations, {} replays, reuse_detected 0, \
         families revoked 0",
        stats.exchanges,
        end - 1,
        stats.replays
    ));
}

/// How often the next generation is the other process's.
fn changes_of_hands(one: &[u64], two: &[u64]) -> usize {
    let mut all: Vec<(u64, u8)> = one.iter().map(|number| (*number, 1)).collect();
    all.extend(two.iter().map(|number| (*number, 2)));
    all.sort_unstable();
    all.windows(2).filter(|pair| pair[0].1 != pair[1].1).count()
}
