//! A process that dies at each numbered step of a flight.

use std::fmt::Write as _;

use tokencast_crash_tests::{Death, Errand, Report, Rotation, Step};

use crate::machine::{Machine, Store, long, show};

/// What was seen at one step.
#[derive(Default)]
struct Row {
    kills: u32,
    exchanged: u64,
    replayed: u64,
    lost: u32,
}

/// 1 a process restores the session; 2 it is killed at the step; 3 the next process restores and refreshes it, and
/// a resource takes its token.
#[test]
fn no_step_loses_a_session_in_a_sealed_file() {
    kill_at_every_step(Store::SealedFile);
}

/// As above.
#[test]
fn no_step_loses_a_session_in_the_secret_service() {
    kill_at_every_step(Store::SecretService);
}

/// The numbers mean what they say: an undisturbed flight passes the steps in their order.
#[test]
fn an_undisturbed_flight_passes_the_steps_in_order() {
    let machine = Machine::new(Store::SealedFile).signed_in();
    let ended = machine.run(Errand::Refresh { death: None });
    let steps = ended.reports.iter().find_map(|report| match report {
        Report::Steps(steps) => Some(steps.clone()),
        _ => None,
    });
    let only_when_killed_there = [Step::OnTheWire, Step::ServerCommitted];
    let expected: Vec<Step> = Step::ALL
        .iter()
        .copied()
        .filter(|step| !only_when_killed_there.contains(step))
        .collect();
    assert_eq!(steps, Some(expected), "{}", ended.stderr);
}

/// The control: without the idempotency contract a kill after the server's commit does lose the session. If it did
/// not, the tests above would prove nothing.
#[test]
fn plain_rotation_loses_the_session_of_a_process_killed_after_the_servers_commit() {
    let steps = [
        Step::ServerCommitted,
        Step::AnswerDelivered,
        Step::CommitCompared,
        Step::InCommitWrite,
    ];
    let mut lost = 0;
    for step in steps {
        let machine = Machine::with(Store::SealedFile, Rotation::Plain).signed_in();
        machine.kill_at(step, 1);
        let next = machine.run(Errand::Refresh { death: None });
        assert!(next.lost(), "{step}: {next:?}");
        assert_eq!(machine.server.stats().reuse_detected, 1, "{step}");
        lost += 1;
    }
    // And only there: before the request and after the save plain rotation is safe, too.
    for step in [
        Step::IntentReadBack,
        Step::BeforeSend,
        Step::CommitReadBack,
        Step::FlightUnlocked,
    ] {
        let machine = Machine::with(Store::SealedFile, Rotation::Plain).signed_in();
        machine.kill_at(step, 1);
        machine.refreshed();
        machine.assert_nothing_lost();
    }
    show(&format!(
        "control, plain rotation killed after the server's commit: {lost} of {lost} sessions lost"
    ));
}

impl Machine {
    /// Runs a process that dies there.
    fn kill_at(&self, step: Step, variation: u32) {
        if step == Step::ServerCommitted {
            self.server.hold_refreshes();
        }
        let death = Some(Death::at(step, variation));
        let ended = self.run(Errand::Refresh { death });
        self.server.release();
        assert!(ended.was_killed(), "not killed at {step}: {ended:?}");
    }
}

fn kill_at_every_step(store: Store) {
    let each = if long() { 25 } else { 5 };
    let machine = Machine::new(store).signed_in();
    let mut table = format!("{store:?}: {each} kills at each step\n");
    table.push_str("  step                                      kills  exchanged  replayed  lost\n");
    let first = machine.refreshed();
    let mut last = first;
    for &step in Step::ALL {
        let mut row = Row::default();
        for variation in 0..each {
            let before = machine.server.stats();
            machine.kill_at(step, variation);
            row.kills += 1;
            row.exchanged += machine.server.stats().exchanges - before.exchanges;
            let next = machine.run(Errand::Refresh { death: None });
            row.replayed += machine.server.stats().replays - before.replays;
            match next.number() {
                Some(number) => {
                    assert!(number > last, "{step}: generation {number} after {last}");
                    last = number;
                }
                None => {
                    row.lost += 1;
                    show(&format!("{step}: {next:?}"));
                }
            }
        }
        let Row {
            kills,
            exchanged,
            replayed,
            lost,
        } = row;
        let number = step.number();
        let _ = writeln!(
            table,
            "  {number:>2} {step:<38} {kills:>5} {exchanged:>10} {replayed:>9} {lost:>5}"
        );
        if step < Step::OnTheWire {
            assert_eq!(exchanged, 0, "{step} comes before the request");
        }
        if step.is_after_the_exchange() {
            assert_eq!(exchanged, u64::from(kills), "{step} comes after the exchange");
        }
        assert_eq!(lost, 0, "sessions lost at {step}\n{table}");
    }
    let stats = machine.assert_nothing_lost();
    // One for the first refresh; every other exchange is a generation, and every generation one exchange.
    assert_eq!(stats.exchanges, last - first + 1, "{stats:?}");
    let _ = write!(
        table,
        "  in all {} exchanges for {} generations, {} replays, reuse_detected {}, families revoked {}",
        stats.exchanges,
        last - first + 1,
        stats.replays,
        stats.reuse_detected,
        stats.revocations
    );
    show(&table);
}
