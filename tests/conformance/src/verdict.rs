//! Whose doing a lost session is.

use tokencast::ServerProfile;
use tokencast_fault_proxy::{Exchange, Fault};

/// Who could have kept a session that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Client,
    Server,
}

/// A loss is the client's, unless the network's log shows an exchange that the server carried out and whose answer never
/// arrived (or a request that the network repeated or delayed), and the server offers neither leeway nor idempotency.
pub(crate) fn doing(profile: &ServerProfile, log: &[Exchange]) -> (Doing, String) {
    let forgives = profile.idempotency_key().is_some() || !profile.reuse_leeway().is_zero();
    match (forgives, log.iter().find(|exchange| cannot_be_known(exchange))) {
        (false, Some(exchange)) => (
            Doing::Server,
            format!(
                "an exchange that the server carried out ({}) did not reach the client ({}), and the server gives no second answer",
                exchange.server_said.unwrap_or_default(),
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
            Doing::Client,
            "no answer was lost on the way: every exchange that the server carried out arrived".into(),
        ),
    }
}

fn cannot_be_known(exchange: &Exchange) -> bool {
    let reached_the_server_unseen =
        matches!(exchange.fault, Some(Fault::Duplicate | Fault::Postpone)) && exchange.server_said.is_some();
    exchange.lost_a_success() || reached_the_server_unseen
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokencast_fault_proxy::Delivered;

    use super::*;

    fn exchange(fault: Option<Fault>, said: u16, delivered: Delivered) -> Exchange {
        Exchange {
            path: "/auth/refresh".into(),
            fault,
            server_said: Some(said),
            delivered,
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
        assert_eq!(doing(&plain(), &lost).0, Doing::Server);
        let contract = plain().with_idempotency_key(Some("Idempotency-Key"));
        assert_eq!(doing(&contract, &lost).0, Doing::Client);
        let leeway = plain().with_reuse_leeway(Duration::from_secs(10));
        assert_eq!(doing(&leeway, &lost).0, Doing::Client);
    }

    #[test]
    fn what_arrived_or_changed_nothing_excuses_nobody() {
        let log = [
            exchange(None, 200, Delivered::Whole),
            exchange(Some(Fault::CutAfterAnswer), 503, Delivered::Nothing),
            exchange(Some(Fault::CutBeforeRequest), 401, Delivered::Whole),
        ];
        assert_eq!(doing(&plain(), &log).0, Doing::Client);
    }

    #[test]
    fn a_request_that_the_network_repeated_is_not_the_clients_doing() {
        let log = [exchange(Some(Fault::Duplicate), 401, Delivered::Nothing)];
        assert_eq!(doing(&plain(), &log).0, Doing::Server);
    }
}
