//! One suite over every host of the bridge: the same pages, the same session, the same reference backend. What holds
//! in one webview must hold in all, or the glue is more than glue.
#![allow(clippy::unwrap_used)]

mod marathon;
mod mixed;
mod push;
mod reload;
mod self_refresh;
mod stories;
use self_refresh as barred;

/// Each story as a test of its own, in a world with this host.
macro_rules! play {
    ($host:ty, $topic:ident: $($story:ident)*) => {
        mod $topic {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    crate::$topic::$story(crate::$topic::open::<$host>().await).await;
                }
            )*
        }
    };
}

/// What holds in every host.
macro_rules! everywhere {
    ($host:ty) => {
        play! { $host, stories:
            a_page_greets_and_its_calls_carry_the_token
            a_401_is_one_exchange_and_every_page_goes_on_without_a_reload
            a_page_that_asked_nothing_is_told_and_pulls
            a_sign_out_ends_every_page
            a_page_that_came_before_the_sign_in_is_told_of_it
            a_navigation_ends_a_document_and_the_next_one_greets_anew
            a_page_of_another_origin_is_denied
            a_page_that_leaves_for_another_origin_takes_no_token_with_it
            a_frame_inside_a_page_gets_no_bridge
        }
        play! { $host, marathon:
            every_expiry_is_one_exchange_and_every_call_is_answered_once
        }
        play! { $host, self_refresh:
            a_page_refreshes_itself_and_every_page_has_what_it_brought
            a_page_that_dies_with_its_lease_loses_nothing
            a_page_that_dies_after_its_exchange_loses_nothing
            a_page_whose_exchange_fails_leaves_it_to_the_app
            a_page_outside_the_stricter_list_is_lent_nothing
        }
    };
}

/// What needs a webview, which the app shows, hides and loads again.
macro_rules! in_webviews {
    ($host:ty) => {
        play! { $host, push:
            a_page_that_asks_nothing_is_pushed_the_token
            a_401_is_one_exchange_and_every_page_is_pushed_what_it_brought
            a_page_of_another_origin_is_pushed_nothing
        }
        play! { $host, mixed:
            pages_of_every_strategy_share_one_session
        }
        play! { $host, barred:
            a_page_whose_exchange_failed_is_lent_nothing_for_ten_minutes
        }
        play! { $host, reload:
            a_401_is_one_exchange_and_every_page_is_loaded_again
            the_result_of_a_post_is_not_submitted_again
            a_url_is_loaded_again_twice_in_five_minutes_and_no_more
            a_hidden_page_is_loaded_again_when_it_is_shown
            a_page_stays_where_it_was_scrolled_to
            a_page_with_a_fragment_is_loaded_again_too
        }
    };
}

mod in_chromium {
    everywhere!(tokencast_webviews::ChromiumHost);
    in_webviews!(tokencast_webviews::ChromiumHost);
}

mod in_the_development_host {
    everywhere!(tokencast_webviews::BrowserHost);
}

#[cfg(feature = "webkit")]
mod in_webkitgtk {
    everywhere!(tokencast_webviews::WebKitHost);
    in_webviews!(tokencast_webviews::WebKitHost);
}
