//! Whose doing a lost session is.

use tokencast::ServerProfile;
use tokencast_fault_proxy::{Delivered, Exchange, Fault};

/// Who could have kept a session that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Client,
    Server,
    /// The log shows no reason: what the client presented decides, and whether the session lives on.
    Unexplained,
}

/// Ends that no server has a part in: the client's own store did not keep what it was given.
const OF_THE_CLIENT_ALONE: [&str; 4] = ["store_lost", "key_lost", "stale_install", "signed_out"];

/// A loss is the client's, unless the network's log shows an exchange that the server carried out and whose answer never
/// arrived (or a request that the network repeated or delayed), and the server offers neither leeway nor idempotency.
///
/// When the log shows nothing of the kind, the session is [`Doing::Unexplained`]: then it is the server's only if the server
/// refuses the newest token that it gave, and the client presented no other.
///
/// `log` is of one session. What was lost before the last exchange that went well is no excuse: the client had got over it.
pub(crate) fn doing(profile: &ServerProfile, log: &[Exchange], told: &str) -> (Doing, String) {
    if OF_THE_CLIENT_ALONE.contains(&told) {
        return (Doing::Client, "the client did not find what it had stored".into());
    }
    match (
        forgives(profile),
        since_all_was_well(log).find(|exchange| cannot_be_known(exchange)),
    ) {
        (false, Some(exchange)) => (
            Doing::Server,
            format!(
                "an exchange that the server carried out, or may have ({}), did not reach the client ({}), and the server gives no second answer",
                exchange
                    .server_said
                    .map_or("no answer".into(), |status| status.to_string()),
                exchange
                    .fault
                    .map_or("no fault".into(), |fault| format!("{fault:?}"))
            ),
        ),
        (true, Some(_)) => (
            Doing::Client,
            "an answer was lost, and the profile says that the server gives it again".into(),
        ),
        (_, None) => (
            Doing::Unexplained,
            "no answer was lost on the way since the last exchange that went well".into(),
        ),
    }
}

/// Whether the profile says that an answer that was lost comes again.
pub(crate) fn forgives(profile: &ServerProfile) -> bool {
    profile.idempotency_key().is_some() || !profile.reuse_leeway().is_zero()
}

/// From the last exchange that went well on, and what the network did with that exchange's own request.
fn since_all_was_well(log: &[Exchange]) -> impl Iterator<Item = &Exchange> {
    let good = log
        .iter()
        .rposition(|exchange| exchange.succeeded() && exchange.delivered == Delivered::Whole);
    let (before, after) = log.split_at(good.unwrap_or(0));
    let of_the_last = after.first().map(|exchange| exchange.presented);
    let stray = move |exchange: &&Exchange| {
        exchange.fault == Some(Fault::Duplicate) && Some(exchange.presented) == of_the_last
    };
    before.iter().filter(stray).chain(after)
}

fn cannot_be_known(exchange: &Exchange) -> bool {
    let reached_the_server_unseen =
        matches!(exchange.fault, Some(Fault::Duplicate | Fault::Postpone)) && exchange.server_said.is_some();
    exchange.lost_a_success() || reached_the_server_unseen
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn exchange(fault: Option<Fault>, said: u16, delivered: Delivered) -> Exchange {
        Exchange {
            path: "/auth/refresh".into(),
            fault,
            server_said: Some(said),
            delivered,
            unanswered: false,
            presented: 0,
        }
    }

    fn plain() -> ServerProfile {
        let contract = ServerProfile::rotation("http://127.0.0.1:1").expect("a loopback address");
        contract.with_idempotency_key(None)
    }

    #[test]
    fn a_lost_answer_is_the_servers_doing_only_when_it_gives_no_second_one() {
        let lost = [exchange(Some(Fault::CutAfterAnswer), 200, Delivered::Nothing)];
        assert_eq!(doing(&plain(), &lost, "revoked").0, Doing::Server);
        let contract = plain().with_idempotency_key(Some("Idempotency-Key"));
        assert_eq!(doing(&contract, &lost, "revoked").0, Doing::Client);
        let leeway = plain().with_reuse_leeway(Duration::from_secs(10));
        assert_eq!(doing(&leeway, &lost, "revoked").0, Doing::Client);
    }

    #[test]
    fn what_arrived_or_changed_nothing_excuses_nobody() {
        let log = [
            exchange(None, 200, Delivered::Whole),
            exchange(Some(Fault::CutAfterAnswer), 503, Delivered::Nothing),
            exchange(Some(Fault::CutBeforeRequest), 401, Delivered::Whole),
        ];
        assert_eq!(doing(&plain(), &log, "revoked").0, Doing::Unexplained);
    }

    #[test]
    fn a_request_that_the_network_repeated_is_not_the_clients_doing() {
        let log = [exchange(Some(Fault::Duplicate), 401, Delivered::Nothing)];
        assert_eq!(doing(&plain(), &log, "revoked").0, Doing::Server);
    }

    #[test]
    fn what_the_client_got_over_excuses_no_later_loss() {
        let of = |presented, exchange: Exchange| Exchange {
            presented,
            ..exchange
        };
        let lost = of(1, exchange(Some(Fault::CutAfterAnswer), 200, Delivered::Nothing));
        let got_over = [lost.clone(), of(1, exchange(None, 200, Delivered::Whole))];
        let then_dead = of(2, exchange(None, 401, Delivered::Whole));
        let log = [&got_over[..], std::slice::from_ref(&then_dead)].concat();
        assert_eq!(doing(&plain(), &log, "revoked").0, Doing::Unexplained);
        let repeated = of(1, exchange(Some(Fault::Duplicate), 401, Delivered::Nothing));
        let arrived = of(1, exchange(Some(Fault::Duplicate), 200, Delivered::Whole));
        let log = [repeated, arrived, then_dead];
        assert_eq!(doing(&plain(), &log, "revoked").0, Doing::Server);
        assert_eq!(doing(&plain(), &[lost], "store_lost").0, Doing::Client);
    }
}
