//! Random orders of messages, navigations, hosts' words and sessions: what must hold in every one of them.
//!
//! Four pages: one keeps a cookie, one is loaded again and keeps a cookie, one is pushed to, one refreshes itself. `events`
//! is what can happen, `world` plays it, `messages` is what pages say, `checks` is what must hold: each slot settled once,
//! no token for a document of another origin or one that nobody has seen, nothing of another epoch, one demand and one loan
//! at a time, and bounds of all that waits.

mod checks;
mod events;
mod messages;
mod model;
mod world;

use proptest::prelude::*;

use super::Origin;
use events::{Event, PAGES, event};
use world::World;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_every_order_slots_are_settled_once_and_tokens_go_where_they_belong(
        events in prop::collection::vec(event(), 1..120)
    ) {
        let mut world = World::new();
        for event in events {
            world.play(event);
        }
        for at in 0..PAGES {
            world.play(Event::Detach(at));
        }
        prop_assert_eq!(world.settled.len() as u64, world.slots);
        prop_assert!(world.held.is_empty(), "no request is left behind");
    }

    #[test]
    fn any_text_is_answered_once(text in ".{0,200}") {
        let mut world = World::new();
        world.play(Event::Text(0, text));
        prop_assert_eq!(world.settled.len(), 1);
    }

    #[test]
    fn a_parsed_origin_is_the_text_itself(text in "[a-zA-Z0-9:/.@%\\\\\\[\\]?# -]{0,40}", prefix in "(https?://)?(app\\.example\\.com)?") {
        let text = format!("{prefix}{text}");
        if let Ok(origin) = Origin::parse(&text) {
            let written = origin.to_string();
            prop_assert!(text == written || text.strip_prefix(written.as_str()) == Some(":443") || text.strip_prefix(written.as_str()) == Some(":80"));
            prop_assert_eq!(Origin::parse(&written), Ok(origin));
        }
    }
}
