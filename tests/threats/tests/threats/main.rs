//! Every line of the threats' list (docs/threats.md), in each engine: the attack on the naive bridge, which falls, and on
//! Tokencast, which does not.
#![allow(clippy::unwrap_used)]

mod elsewhere;
mod frames;
mod leaks;
mod leases;
mod load;
mod navigation;
mod scripts;
mod sessions;

/// Each story as a test of its own, with this engine.
macro_rules! stories {
    ($module:ident, $engine:ty) => {
        stories! { $module, $engine:
            frames::an_iframe_of_a_stranger_gets_nothing
            frames::an_about_blank_frame_gets_nothing
            frames::a_view_at_about_blank_gets_nothing
            frames::a_frame_of_the_app_s_own_origin_gets_nothing
            frames::a_sandboxed_frame_of_the_app_s_own_page_gets_nothing
            frames::a_sandboxed_upload_on_the_app_s_host_gets_nothing
            navigation::a_stranger_s_page_in_a_bridged_view_gets_nothing
            navigation::an_answer_to_a_document_that_is_gone_reaches_nobody
            navigation::no_timing_of_a_navigation_brings_a_token_to_the_wrong_document
            navigation::a_hostile_script_of_the_app_itself_gets_the_access_token_and_no_more
            leaks::no_token_lies_in_an_address_a_referrer_the_history_or_a_storage
            leaks::no_token_is_posted_between_windows
            leaks::no_token_is_in_the_console_or_in_an_error
            scripts::a_token_that_looks_like_a_script_runs_nothing
            scripts::a_token_of_16_kib_arrives_whole
            scripts::scripts_that_watch_everything_see_no_token
            load::a_flood_costs_one_exchange_and_the_other_pages_work
            load::a_401_for_each_new_token_is_believed_once
            load::an_endless_or_a_deep_message_is_refused_unread
            leases::a_page_that_hogs_its_lease_holds_the_others_up_for_its_time_only
            leases::a_foreign_a_stale_or_a_late_hand_over_changes_nothing
            leases::a_page_killed_while_it_holds_the_lease_costs_nobody_the_session
            sessions::a_queued_post_is_never_sent_in_another_account_s_name
            sessions::a_page_that_comes_back_after_the_sign_out_has_no_token
            sessions::the_result_of_a_post_is_not_posted_again
            sessions::a_stranger_s_form_to_a_route_with_a_cookie_does_nothing
            elsewhere::an_api_that_redirects_to_a_stranger_takes_no_token_there
            elsewhere::a_call_to_a_stranger_through_the_client_carries_no_token
            elsewhere::a_service_worker_does_not_outlive_the_session
        }
    };
    ($module:ident, $engine:ty: $($file:ident::$story:ident)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    crate::$file::$story::<$engine>().await;
                }
            )*
        }
    };
}

stories!(in_chromium, tokencast_webviews::ChromiumHost);
#[cfg(feature = "webkit")]
stories!(in_webkitgtk, tokencast_webviews::WebKitHost);

// What only one engine can play.
stories! { only_in_chromium, tokencast_webviews::ChromiumHost:
    // WebKitGTK takes a cookie of any size.
    scripts::a_token_of_16_kib_is_lost_in_a_cookie
}
#[cfg(feature = "webkit")]
stories! { only_in_webkitgtk, tokencast_webviews::WebKitHost:
    // Chromium's protocol names an address only when its document is there, and runs no script before.
    navigation::a_view_that_is_on_its_way_to_the_app_is_still_the_stranger_s
}
