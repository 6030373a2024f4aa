//! The invariants of a refresh, one file each, against a real HTTP server.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

mod adopt_cookie;
mod background_time;
mod counting_server;
mod i01_one_exchange_per_generation;
mod i02_the_exchange_outlives_its_callers;
mod i03_persist_first_judge_second;
mod i04_save_then_memory_then_publish;
mod i05_a_failed_save_never_drops_the_new_token;
mod i06_only_a_listed_verdict_ends_a_session;
mod i07_before_ending_look_again;
mod i08_a_valid_token_keeps_being_served;
mod i09_a_late_401_costs_nothing;
mod i10_no_answer_without_a_refresh_token_loses_the_old_one;
mod i11_the_refresh_token_is_read_last;
mod i12_sign_out_wins;
mod i13_events_are_ordered;
mod i14_intent_before_the_wire;
mod i15_a_lost_answer;
mod i16_connections;
mod i17_nothing_is_global;
mod page;
mod presets;
mod renewal_ahead;
mod request_fields;
mod restart;
mod send;
mod time;
