//! What the network, or death, does in a round.

use std::time::Duration;

use tokencast_fault_proxy::Fault;

use crate::chance::Chance;

/// One round's.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) network: Vec<Fault>,
    /// The process dies while the answer to its request is on the way.
    pub(crate) dies_waiting: bool,
    /// The process dies between two rounds.
    pub(crate) dies_idle: bool,
}

const SHORT: Duration = Duration::from_millis(15);
/// A server that forgives no lost answer loses a session by most that can happen to one. So much rarer it happens there:
/// that each of them is lost is soon known, and each fresh one costs a sign-in.
const RARER: u64 = 4;

impl Plan {
    pub(crate) fn draw(chance: &mut Chance, forgives: bool) -> Self {
        let mut plan = Self::default();
        match chance.below(24) {
            0 => plan.dies_idle = true,
            1 if forgives || chance.once_in(RARER) => {
                plan.dies_waiting = true;
                plan.network.push(Fault::HoldAnswer);
            }
            2..=7 => {
                let costs = forgives || chance.once_in(RARER);
                for _ in 0..=chance.below(3) {
                    plan.network
                        .push(if costs { any(chance) } else { harmless(chance) });
                }
            }
            _ => {}
        }
        plan
    }
}

fn any(chance: &mut Chance) -> Fault {
    match chance.below(10) {
        0 | 1 => Fault::CutBeforeRequest,
        2 => Fault::CutAfterAnswer,
        3 => Fault::CutInBody,
        4 => Fault::Truncate,
        5 => Fault::Garble,
        6 => Fault::Duplicate,
        7 => Fault::Postpone,
        8 => Fault::DelayRequest(SHORT),
        _ => Fault::DelayAnswer(SHORT),
    }
}

/// No answer is lost by it.
fn harmless(chance: &mut Chance) -> Fault {
    match chance.below(4) {
        0 | 1 => Fault::CutBeforeRequest,
        2 => Fault::DelayRequest(SHORT),
        _ => Fault::DelayAnswer(SHORT),
    }
}

/// What a report calls it.
pub(crate) fn kind(fault: Fault) -> &'static str {
    match fault {
        Fault::CutBeforeRequest => "CutBeforeRequest",
        Fault::CutAfterAnswer => "CutAfterAnswer",
        Fault::CutInBody => "CutInBody",
        Fault::DelayRequest(_) => "DelayRequest",
        Fault::DelayAnswer(_) => "DelayAnswer",
        Fault::HoldRequest => "HoldRequest",
        Fault::HoldAnswer => "HoldAnswer",
        Fault::Truncate => "Truncate",
        Fault::Duplicate => "Duplicate",
        Fault::Garble => "Garble",
        Fault::Postpone => "Postpone",
    }
}
