//! Webviews of WebKitGTK, side by side in one window. GTK runs on a thread of its own, one for all tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokencast::pages::{Jar, PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast::token::Generation;
use tokencast_webkitgtk::webkit6::glib::{MainContext, Uri, UriFlags};
use tokencast_webkitgtk::webkit6::gtk::{self, FlowBox, Window};
use tokencast_webkitgtk::webkit6::prelude::*;
use tokencast_webkitgtk::webkit6::{
    NetworkSession, PolicyDecisionType, TLSErrorsPolicy, UserContentInjectedFrames, UserScript,
    UserScriptInjectionTime, WebView, soup,
};
use tokencast_webkitgtk::{Running, UiThread, bridge};
use tokio::sync::oneshot;

use crate::host::{self, Host, Layers, Rendered, RenderedHost, View, WebView as Shows};

pub struct WebKitHost {
    running: Running,
    window: u64,
    session: AuthSession,
    pages: Pages,
    policy: PagePolicy,
    rendered: Option<Rendered>,
}

pub struct WebKitView {
    window: u64,
    view: u64,
}

impl Host for WebKitHost {
    type View = WebKitView;

    async fn start(session: &AuthSession, policy: PagePolicy) -> Self {
        let running = tokio::task::spawn_blocking(|| THREAD.run()).await.unwrap();
        let window = NAMES.fetch_add(1, Ordering::Relaxed);
        on_ui(move |ui| {
            ui.windows.insert(window, Shown::new());
        })
        .await;
        Self {
            running,
            window,
            session: session.clone(),
            pages: session.web_views(),
            policy,
            rendered: None,
        }
    }

    async fn open(&self, url: &str) -> WebKitView {
        self.open_as(url, self.policy.clone()).await
    }

    async fn open_as(&self, url: &str, policy: PagePolicy) -> WebKitView {
        let name = WebKitView {
            window: self.window,
            view: NAMES.fetch_add(1, Ordering::Relaxed),
        };
        let (window, view) = (name.window, name.view);
        let (pages, rendered) = (self.pages.clone(), self.rendered);
        on_ui(move |ui| {
            let shown = ui.windows.get_mut(&window).unwrap();
            shown.open(view, &pages, policy, rendered);
        })
        .await;
        self.load(&name, url).await;
        name
    }

    fn greeted(&self) -> Vec<(String, Option<Generation>)> {
        host::greeted(&self.pages)
    }
}

impl RenderedHost for WebKitHost {
    async fn start_rendered(session: &AuthSession, policy: PagePolicy, rendered: Rendered) -> Self {
        let mut host = Self::start(session, policy.clone()).await;
        let window = host.window;
        host.policy = policy.cookie(Jar(window), rendered.cookie).unwrap();
        host.rendered = Some(rendered);
        on_ui(move |ui| {
            let network = &ui.windows[&window].network;
            network.set_tls_errors_policy(TLSErrorsPolicy::Ignore);
        })
        .await;
        host
    }

    async fn load(&self, view: &WebKitView, url: &str) {
        if let Some(Rendered {
            cookie,
            layers: Layers::Naive,
            ..
        }) = self.rendered
        {
            let token = self.session.access_token().await.unwrap();
            let text = format!(
                "{cookie}={}; Path=/; Secure; HttpOnly; SameSite=Lax",
                token.secret()
            );
            let (sender, written) = oneshot::channel();
            let (window, url) = (self.window, url.to_owned());
            on_ui(move |ui| {
                let uri = Uri::parse(&url, UriFlags::NONE).unwrap();
                let cookie = soup::Cookie::parse(&text, Some(&uri)).unwrap();
                let jar = ui.windows[&window].network.cookie_manager().unwrap();
                let nobody = None::<&gtk::gio::Cancellable>;
                jar.add_cookie(&cookie, nobody, |result| {
                    let _ = sender.send(result.is_ok());
                });
            })
            .await;
            assert!(written.await.unwrap(), "the cookie is written");
        }
        View::go(view, url).await;
    }

    async fn ready(&self) {
        host::ready(&self.pages).await;
    }
}

impl Drop for WebKitHost {
    fn drop(&mut self) {
        let window = self.window;
        self.running.perform(move || {
            let shown = UI.with_borrow_mut(|ui| ui.windows.remove(&window));
            if let Some(shown) = shown {
                shown.window.destroy();
            }
        });
    }
}

impl View for WebKitView {
    async fn go(&self, url: &str) {
        let url = url.to_owned();
        self.with(move |view| view.load_uri(&url)).await;
    }

    async fn run(&self, body: &str) -> Option<Value> {
        let body = format!("return JSON.stringify(await (async () => {{{body}\n}})())");
        let (sender, answer) = oneshot::channel();
        self.with(move |view| {
            let nobody = None::<&gtk::gio::Cancellable>;
            view.call_async_javascript_function(&body, None, None, None, nobody, |result| {
                let _ = sender.send(result.ok().map(|value| value.to_str().to_string()));
            });
        })
        .await;
        let text = answer.await.ok()??;
        Some(serde_json::from_str(&text).unwrap_or(Value::Null)) // `undefined` is no JSON
    }

    async fn kill(&self) {
        self.with(WebView::terminate_web_process).await;
    }
}

impl Shows for WebKitView {
    async fn hide(&self) {
        self.with(|view| view.set_visible(false)).await;
    }

    async fn show(&self) {
        self.with(|view| view.set_visible(true)).await;
    }
}

impl WebKitView {
    async fn with(&self, act: impl FnOnce(&WebView) + Send + 'static) {
        let (window, view) = (self.window, self.view);
        on_ui(move |ui| act(&ui.windows[&window].views[&view])).await;
    }
}

static NAMES: AtomicU64 = AtomicU64::new(0);

/// Started by the first test, for all.
static THREAD: LazyLock<UiThread> =
    LazyLock::new(|| UiThread::start().expect("a display: run under xvfb-run"));

thread_local! {
    static UI: RefCell<Ui> = RefCell::default();
}

/// What only that thread may touch.
#[derive(Default)]
struct Ui {
    windows: BTreeMap<u64, Shown>,
}

struct Shown {
    window: Window,
    row: FlowBox,
    network: NetworkSession,
    views: BTreeMap<u64, WebView>,
}

impl Shown {
    fn new() -> Self {
        let row = FlowBox::new();
        let window = Window::builder()
            .default_width(1200)
            .default_height(800)
            .child(&row)
            .build();
        window.present();
        Self {
            window,
            row,
            network: NetworkSession::new_ephemeral(),
            views: BTreeMap::new(),
        }
    }

    fn open(&mut self, name: u64, pages: &Pages, policy: PagePolicy, rendered: Option<Rendered>) {
        let view = WebView::builder()
            .network_session(&self.network)
            .width_request(300)
            .height_request(200)
            .build();
        if let Some(rendered) = &rendered {
            watch(&view, rendered);
        }
        if rendered.is_none_or(|rendered| rendered.layers != Layers::Naive) {
            bridge(&view, pages, policy).unwrap();
        }
        self.row.insert(&view, -1);
        self.views.insert(name, view);
    }
}

/// Has the witness in each document, and decides before the bridge where a layer is off.
fn watch(view: &WebView, rendered: &Rendered) {
    let (top, start) = (
        UserContentInjectedFrames::TopFrame,
        UserScriptInjectionTime::Start,
    );
    let content = view.user_content_manager().unwrap();
    content.add_script(&UserScript::new(rendered.witness, top, start, &[], &[]));
    let layers = rendered.layers;
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

/// Runs something on the thread of the user interface, while a host keeps it running, and waits for it.
async fn on_ui<T: Send + 'static>(act: impl FnOnce(&mut Ui) -> T + Send + 'static) -> T {
    let (sender, done) = oneshot::channel();
    MainContext::default().invoke(move || {
        let result = UI.with_borrow_mut(act);
        let _ = sender.send(result);
    });
    done.await.expect("the user interface runs")
}
