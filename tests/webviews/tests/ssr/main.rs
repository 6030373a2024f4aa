//! Pages that a server renders for the access token in a cookie: no 401 is shown and no form is lost or sent twice, in
//! each engine; and what is seen where a layer is off.
#![allow(clippy::unwrap_used)]
#![allow(async_fn_in_trait)] // nothing is spawned with a host of unknown kind

mod hosts;
mod rounds;
mod stories;
mod user;

/// Each story as a test of its own, in a world with this host.
macro_rules! suite {
    ($module:ident, $host:ty) => {
        suite! { $module, $host:
            over_a_hundred_expiries_no_401_is_shown_and_every_form_arrives_once
            an_app_that_writes_the_cookie_before_it_loads_shows_401s_and_loses_forms
            without_the_hold_forms_are_lost_and_documents_are_not
            without_the_drop_a_token_that_ended_early_is_shown_as_401
            a_server_without_the_contract_leads_astray_and_loses_forms
            a_refresh_that_does_not_come_keeps_nobody_waiting
            a_frame_s_document_waits_too
            a_sign_out_takes_the_cookie_away
            two_views_wait_for_one_exchange
            scripts_of_the_page_do_not_see_the_cookie
            a_renewal_at_the_resume_leaves_nothing_to_wait_for
        }
    };
    ($module:ident, $host:ty: $($story:ident)*) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    crate::stories::$story::<$host>().await;
                }
            )*
        }
    };
}

suite!(in_chromium, crate::hosts::InChromium);
// WebKitGTK tells no script by which status its document came.
suite! { in_chromium_alone, crate::hosts::InChromium:
    the_client_alone_hides_a_rejected_document_and_loads_it_again
}
#[cfg(feature = "webkit")]
suite!(in_webkitgtk, crate::hosts::InWebKit);
