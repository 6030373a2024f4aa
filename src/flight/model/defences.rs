//! The defences bite: a driver or a server without one of them loses a session, and the model finds it. Each test
//! names a smallest set of faults that is enough; beside it stands that the whole protocol survives the same.

use super::claims::searched;
use super::faults::{Fault, Fault::*, Happened};
use super::server::Rules;
use super::world::{Defence, Variant};

const NO_FAULT: Happened = Happened::NONE;

/// Without the defence these sets lose, and nothing smaller than each; with it they do not.
#[track_caller]
fn assert_bites(whole: Variant, defences: &'static [Defence], lost: &[Happened]) {
    let weak = Variant {
        taken_out: defences,
        ..whole
    };
    assert_weaker(whole, weak, &format!("without {defences:?}"), lost);
}

#[track_caller]
fn assert_weaker(whole: Variant, weak: Variant, name: &str, lost: &[Happened]) {
    let with = searched(&format!("with all, beside {name}"), &whole);
    let seen = searched(name, &weak);
    for set in lost {
        assert!(
            seen.losses.contains_key(set),
            "{name}: {set:?} loses nothing, only {:?}",
            seen.kinds()
        );
        assert!(
            !with.losses.contains_key(set),
            "{name}: {set:?} loses with it too"
        );
    }
}

fn one(fault: Fault) -> Happened {
    Happened::one(fault)
}

fn two_of(faults: &'static [Fault], whole: Variant) -> Variant {
    Variant {
        faults,
        most_faults: 2,
        ..whole
    }
}

#[test]
fn without_the_flight_lock_plain_rotation_loses_without_any_fault() {
    assert_bites(Variant::PLAIN, &[Defence::FlightLock], &[NO_FAULT]);
    // The contract forgives two exchanges at a time, until one of them is late.
    assert_bites(Variant::CONTRACT, &[Defence::FlightLock], &[one(LongWait)]);
}

#[test]
fn without_reading_again_and_comparing_plain_rotation_loses_without_any_fault() {
    let both = &[Defence::ReadAgain, Defence::Compare];
    assert_bites(Variant::PLAIN, both, &[NO_FAULT]);
    assert_bites(Variant::CONTRACT, both, &[one(Crash), one(Delay), one(LongWait)]);
}

#[test]
fn the_intents_own_compare_stands_in_for_the_look_under_the_lock() {
    let weak = Variant {
        taken_out: &[Defence::ReadAgain],
        ..Variant::CONTRACT
    };
    assert!(searched("without the look alone", &weak).losses.is_empty());
}

#[test]
fn a_write_that_does_not_compare_loses_when_the_flight_lock_is_lost_on_the_wire() {
    assert_bites(Variant::CONTRACT, &[Defence::Compare], &[one(LockGivenUp)]);
}

#[test]
fn a_second_key_over_a_stored_one_loses_when_the_flight_lock_is_lost_on_the_wire() {
    assert_bites(Variant::CONTRACT, &[Defence::StoredKeyStays], &[one(LockGivenUp)]);
}

#[test]
fn without_the_intent_a_storage_that_fails_for_a_while_loses() {
    assert_bites(Variant::CONTRACT, &[Defence::Intent], &[one(Outage), one(Hang)]);
    let without_key = Variant {
        without_key: true,
        ..Variant::CONTRACT
    };
    assert_bites(without_key, &[Defence::Intent], &[one(Crash), one(LostAfter)]);
}

#[test]
fn the_records_older_token_is_spent_when_memory_holds_a_newer_one() {
    // One process that gave its flight lock back before the save: the end of background time.
    let alone = Variant {
        processes: 1,
        releases_unsaved: true,
        ..Variant::PLAIN
    };
    assert_bites(alone, &[Defence::MemoryFirst], &[one(Outage)]);
}

#[test]
fn the_flight_lock_is_kept_until_the_save_where_a_spent_token_is_reuse() {
    let weak = Variant {
        releases_unsaved: true,
        ..Variant::PLAIN
    };
    assert_weaker(Variant::PLAIN, weak, "plain, released unsaved", &[one(Outage)]);
}

#[test]
fn one_key_for_ever_ends_after_the_first_exchange() {
    assert_bites(Variant::CONTRACT, &[Defence::NewKeyAtCommit], &[NO_FAULT]);
}

#[test]
fn a_key_for_each_flight_instead_of_each_token_loses_with_any_lost_answer() {
    assert_bites(
        Variant::CONTRACT,
        &[Defence::KeyOfTheToken],
        &[one(Crash), one(LostAfter), one(Delay), one(LockGivenUp)],
    );
}

#[test]
fn a_hung_write_that_gave_up_its_lock_lands_over_newer_records() {
    const FAULTS: &[Fault] = &[Hang, LongWait];
    let whole = two_of(FAULTS, Variant::CONTRACT);
    assert_bites(
        whole,
        &[Defence::HungWriteKeepsLock],
        &[Happened::two(Hang, LongWait)],
    );
    assert_bites(Variant::PLAIN, &[Defence::HungWriteKeepsLock], &[one(Hang)]);
}

#[test]
fn a_write_that_is_not_read_back_believes_a_lie() {
    assert_bites(Variant::PLAIN, &[Defence::ReadBack], &[one(Lie)]);
}

#[test]
fn a_server_that_does_not_repeat_its_answer_loses_with_every_fault_on_the_wire() {
    let weak = Variant {
        rules: Rules {
            repeats_its_answer: false,
            ..Rules::CONTRACT
        },
        ..Variant::CONTRACT
    };
    let lost = [
        one(Crash),
        one(LostAfter),
        one(Duplicate),
        one(Delay),
        one(LockGivenUp),
    ];
    assert_weaker(Variant::CONTRACT, weak, "rule 2", &lost);
}

#[test]
fn a_server_that_forgets_the_keys_of_unused_successors_loses_after_a_long_wait() {
    const FAULTS: &[Fault] = &[Crash, LostAfter, Outage, LongWait];
    let whole = two_of(FAULTS, Variant::CONTRACT);
    let weak = Variant {
        rules: Rules {
            remembers_keys: false,
            ..Rules::CONTRACT
        },
        ..whole
    };
    let lost = [Crash, LostAfter, Outage].map(|fault| Happened::two(fault, LongWait));
    assert_weaker(whole, weak, "rule 3", &lost);
}

#[test]
fn a_server_without_a_late_window_loses_when_a_request_comes_twice_or_late() {
    let weak = Variant {
        rules: Rules {
            late_window: false,
            ..Rules::CONTRACT
        },
        ..Variant::CONTRACT
    };
    let lost = [one(Duplicate), one(Delay), one(LockGivenUp)];
    assert_weaker(Variant::CONTRACT, weak, "rule 4", &lost);
}

#[test]
fn a_server_that_counts_the_use_at_a_resource_loses_what_was_served_before_it_was_saved() {
    const FAULTS: &[Fault] = &[Crash, Outage];
    let whole = two_of(FAULTS, Variant::CONTRACT);
    let weak = Variant {
        rules: Rules {
            counts_resources: true,
            ..Rules::CONTRACT
        },
        ..whole
    };
    assert_weaker(
        whole,
        weak,
        "first use at the resource",
        &[Happened::two(Crash, Outage)],
    );
}
