//! A failing run made smaller: a plan with fewer faults, acts and steps that still fails in the same way.

use crate::plan::Plan;
use crate::report::Outcome;
use crate::run::play;

/// The smallest plan found that fails as `plan` does; `None` when it does not fail at all.
pub fn shrink(plan: &Plan) -> Option<Plan> {
    shrink_by(plan, Outcome::failure)
}

/// As [`shrink`], where `failure` says how a run failed, if it did. Two runs fail alike when the words are the same;
/// numbers in them are names, which change with the run.
pub fn shrink_by(plan: &Plan, failure: impl Fn(&Outcome) -> Option<String>) -> Option<Plan> {
    let kind_of = |plan: &Plan| failure(&play(plan, false)).map(|what| words(&what));
    let kind = kind_of(plan)?;
    let fails = |plan: &Plan| kind_of(plan).as_ref() == Some(&kind);
    let mut smallest = plan.clone();
    let mut tried = plan.clone().only(&plan.faults);
    if fails(&tried) {
        smallest = tried.clone();
    }
    loop {
        let before = smallest.clone();
        for at in (0..smallest.faults.len()).rev() {
            let mut faults = smallest.faults.clone();
            faults.remove(at);
            tried = smallest.clone().only(&faults);
            if fails(&tried) {
                smallest = tried;
            }
        }
        smallest = shorten(smallest, &fails);
        let acts = play(&smallest, false).acts;
        for act in (0..acts).rev().filter(|act| !before.without_acts.contains(act)) {
            tried = smallest.clone();
            tried.without_acts.insert(act);
            if fails(&tried) {
                smallest = tried;
            }
        }
        if smallest == before {
            return Some(smallest);
        }
    }
}

/// Falls quiet as early as the failure allows.
fn shorten(plan: Plan, fails: &impl Fn(&Plan) -> bool) -> Plan {
    let mut smallest = plan;
    let mut cut = smallest.steps / 2;
    while cut > 0 {
        let shorter = smallest.clone().until(smallest.steps.saturating_sub(cut));
        if fails(&shorter) {
            smallest = shorter;
        } else {
            cut /= 2;
        }
        cut = cut.min(smallest.steps);
    }
    smallest
}

fn words(what: &str) -> String {
    what.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}
