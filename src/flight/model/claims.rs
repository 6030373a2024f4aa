//! What refresh.md claims, asserted as exact sets: a new loss fails, and so does a named loss that is gone. The
//! counts of worlds are printed (`cargo test -p tokencast model -- --nocapture`) and stand in docs/reliability.md.

use super::faults::{Fault, Fault::*, Happened};
use super::search::{Seen, explore};
use super::world::Variant;

pub(super) fn searched(name: &str, variant: &Variant) -> Seen {
    let seen = explore(variant);
    println!(
        "{name}: {} worlds, {} moves, {} states of a flight, up to {} exchanges, losing: {:?}",
        seen.worlds,
        seen.moves,
        seen.flights,
        seen.most_exchanges,
        seen.kinds()
    );
    seen
}

/// The smallest sets of faults that lose are exactly these.
#[track_caller]
fn assert_losses(name: &str, variant: &Variant, expected: &[Happened]) -> Seen {
    let seen = searched(name, variant);
    let mut expected = expected.to_vec();
    expected.sort();
    let stories: Vec<String> = seen
        .losses
        .iter()
        .filter(|(set, _)| !expected.contains(set))
        .map(|(set, story)| format!("{set:?}\n{story}"))
        .collect();
    assert_eq!(seen.kinds(), expected, "{name}\n{}", stories.join("\n"));
    seen
}

/// More flights, where somebody has the time: `TOKENCAST_LONG=1`.
fn long(short: u8, long: u8) -> u8 {
    let wanted = std::env::var_os("TOKENCAST_LONG").is_some_and(|value| value == "1");
    if wanted { long } else { short }
}

fn singles(faults: &[Fault]) -> Vec<Happened> {
    faults.iter().copied().map(Happened::one).collect()
}

fn pairs(faults: &[(Fault, Fault)]) -> Vec<Happened> {
    faults.iter().map(|(a, b)| Happened::two(*a, *b)).collect()
}

#[test]
fn under_the_contract_no_single_fault_loses_a_session() {
    let variant = Variant {
        demands: long(4, 6),
        ..Variant::CONTRACT
    };
    let seen = assert_losses("contract, one fault", &variant, &[]);
    assert!(seen.most_exchanges >= 4, "the model reaches what it claims to");
}

#[test]
fn under_the_contract_exactly_the_named_pairs_lose_one() {
    let variant = Variant {
        most_faults: 2,
        demands: long(3, 4),
        ..Variant::CONTRACT
    };
    let named = pairs(&[
        (Duplicate, LongWait),
        (Delay, LongWait),
        (LockGivenUp, LongWait),
        (Crash, Hang),
    ]);
    assert_losses("contract, two faults", &variant, &named);
}

#[test]
fn with_plain_rotation_exactly_the_named_single_faults_lose_one() {
    let variant = Variant {
        demands: long(4, 6),
        ..Variant::PLAIN
    };
    let named = singles(&[LostAfter, Crash, Duplicate, Delay, LockGivenUp]);
    assert_losses("plain rotation, one fault", &variant, &named);
}

#[test]
fn with_plain_rotation_no_pair_of_the_other_faults_loses_one() {
    const OTHERS: &[Fault] = &[LostBefore, Outage, FailedButLanded, Lie, Unreadable, Hang];
    let variant = Variant {
        faults: OTHERS,
        most_faults: 2,
        demands: long(3, 4),
        ..Variant::PLAIN
    };
    assert_losses(
        "plain rotation, two of the faults that do not lose",
        &variant,
        &[],
    );
}

#[test]
fn a_record_from_before_the_contract_gets_its_key_with_the_first_intent() {
    let variant = Variant {
        without_key: true,
        ..Variant::CONTRACT
    };
    assert_losses("contract, a record without a key", &variant, &[]);
}

#[test]
fn under_the_contract_a_page_that_is_lent_the_request_loses_no_session_by_one_fault() {
    let variant = Variant {
        lends: true,
        demands: long(3, 5),
        ..Variant::CONTRACT
    };
    let seen = assert_losses("contract, lent to a page, one fault", &variant, &[]);
    assert!(seen.most_exchanges >= 3, "the model reaches what it claims to");
}

#[test]
fn under_the_contract_a_page_that_lapses_counts_as_a_delayed_request() {
    const FAULTS: &[Fault] = &[Crash, LostAfter, Lapse, Unjudged, Outage, Unreadable, LongWait];
    let variant = Variant {
        lends: true,
        most_faults: 2,
        demands: long(2, 3),
        faults: FAULTS,
        ..Variant::CONTRACT
    };
    let named = pairs(&[(Lapse, LongWait)]);
    assert_losses("contract, lent to a page, two faults", &variant, &named);
}

#[test]
fn with_plain_rotation_a_page_that_lapses_loses_what_it_was_given() {
    let variant = Variant {
        lends: true,
        demands: long(3, 4),
        ..Variant::PLAIN
    };
    let named = singles(&[LostAfter, Crash, Duplicate, Delay, LockGivenUp, Lapse]);
    assert_losses("plain rotation, lent to a page, one fault", &variant, &named);
}
