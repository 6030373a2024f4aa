//! A failing run shrinks to what makes it fail.

use tokencast_simulation::{Fault, Outcome, Plan, play, shrink, shrink_by};

/// A check of this test alone, which calls any device sleep a violation.
fn slept(outcome: &Outcome) -> Option<String> {
    let slept = outcome
        .struck
        .keys()
        .any(|(fault, _)| *fault == Fault::DeviceSleep);
    slept.then(|| "the device slept".into())
}

#[test]
fn a_failing_run_shrinks_to_the_one_fault_that_fails_it() {
    let seed = (1..)
        .find(|seed| slept(&play(&Plan::of(*seed), false)).is_some())
        .unwrap();
    let whole = Plan::of(seed);
    let smallest = shrink_by(&whole, slept).unwrap();
    assert!(whole.faults().len() >= 5);
    let left: Vec<Fault> = smallest.faults().iter().map(|(_, fault, _)| *fault).collect();
    assert_eq!(left, [Fault::DeviceSleep], "{smallest}");
    assert!(slept(&play(&smallest, false)).is_some());
    assert_eq!(
        shrink_by(&smallest, slept).as_ref(),
        Some(&smallest),
        "nothing more to take away"
    );
}

#[test]
fn a_plan_is_told_as_it_can_be_pasted() {
    assert_eq!(Plan::of(7).to_string(), "Plan::of(7)");
    let faults = [(45, Fault::Crash, tokencast_simulation::FlightStep::Sending)];
    let plan = Plan::of(7).only(&faults).without_acts(&[3, 4]).until(60);
    let told = "Plan::of(7).only(&[(45, Fault::Crash, FlightStep::Sending)]).without_acts(&[3, 4]).until(60)";
    assert_eq!(plan.to_string(), told);
}

#[test]
fn a_clean_run_does_not_shrink() {
    assert_eq!(shrink(&Plan::of(1)), None);
}
