//! One suite over every host of the bridge: the same pages, the same session, the same reference backend. What holds
//! in one webview must hold in all, or the glue is more than glue.
#![allow(clippy::unwrap_used)]

mod stories;

/// Each story as a test of its own, in a world with this host.
macro_rules! suite {
    ($module:ident, $host:ty) => {
        suite! { $module, $host:
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
    };
    ($module:ident, $host:ty: $($story:ident)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    crate::stories::$story(tokencast_webviews::World::<$host>::open().await).await;
                }
            )*
        }
    };
}

suite!(in_chromium, tokencast_webviews::ChromiumHost);
suite!(in_the_development_host, tokencast_webviews::BrowserHost);
#[cfg(feature = "webkit")]
suite!(in_webkitgtk, tokencast_webviews::WebKitHost);
