use tokencast::pages::{Jar, PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast_webkitgtk::bridge;
use tokencast_webkitgtk::webkit6::gio::Cancellable;
use tokencast_webkitgtk::webkit6::glib::{Uri, UriFlags};
use tokencast_webkitgtk::webkit6::prelude::*;
use tokencast_webkitgtk::webkit6::{
    PolicyDecisionType, TLSErrorsPolicy, UserContentInjectedFrames, UserScript, UserScriptInjectionTime,
    WebView, soup,
};
use tokencast_webviews::{Host as _, View as _, WebKitHost, WebKitView};
use tokio::sync::oneshot;

use super::{COOKIE, Host, Layers};

pub(crate) struct InWebKit {
    /// Its views share their cookies.
    host: WebKitHost,
    session: AuthSession,
    pages: Pages,
    policy: PagePolicy,
    layers: Layers,
}

impl Host for InWebKit {
    type View = WebKitView;

    async fn start(session: &AuthSession, policy: PagePolicy, layers: Layers) -> Self {
        let policy = policy.cookie(Jar(1), COOKIE).unwrap();
        Self {
            host: WebKitHost::start(session, policy.clone()).await,
            session: session.clone(),
            pages: session.web_views(),
            policy,
            layers,
        }
    }

    async fn open(&self) -> WebKitView {
        let view = self.host.bare().await;
        let (pages, policy, layers) = (self.pages.clone(), self.policy.clone(), self.layers);
        view.with(move |view| {
            let network = view.network_session().unwrap();
            network.set_tls_errors_policy(TLSErrorsPolicy::Ignore);
            watch(view, layers);
            if layers != Layers::Naive {
                bridge(view, &pages, policy).map(drop).unwrap();
            }
        })
        .await;
        view
    }

    async fn load(&self, view: &WebKitView, url: &str) {
        if self.layers == Layers::Naive {
            let token = self.session.access_token().await.unwrap();
            write_cookie(view, url, token.secret()).await;
        }
        view.go(url).await;
    }

    fn pages(&self) -> &Pages {
        &self.pages
    }
}

/// Has the witness in each document, and decides before the bridge where a layer is off.
fn watch(view: &WebView, layers: Layers) {
    let (top, start) = (
        UserContentInjectedFrames::TopFrame,
        UserScriptInjectionTime::Start,
    );
    let content = view.user_content_manager().unwrap();
    for script in layers.scripts() {
        content.add_script(&UserScript::new(script, top, start, &[], &[]));
    }
    view.connect_decide_policy(move |_, decision, kind| {
        let is_on = match kind {
            PolicyDecisionType::NavigationAction => layers.holds(),
            PolicyDecisionType::Response => layers.drops(),
            _ => true,
        };
        if !is_on {
            decision.use_();
        }
        !is_on
    });
}

async fn write_cookie(view: &WebKitView, url: &str, token: &str) {
    let text = format!("{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax");
    let (sender, written) = oneshot::channel();
    let url = url.to_owned();
    view.with(move |view| {
        let uri = Uri::parse(&url, UriFlags::NONE).unwrap();
        let cookie = soup::Cookie::parse(&text, Some(&uri)).unwrap();
        let jar = view.network_session().unwrap().cookie_manager().unwrap();
        jar.add_cookie(&cookie, None::<&Cancellable>, |result| {
            let _ = sender.send(result.is_ok());
        });
    })
    .await;
    assert!(written.await.unwrap(), "the cookie is written");
}
