//! Webviews of WebKitGTK, side by side in one window. GTK runs on a thread of its own, one for all tests.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokencast::pages::{PagePolicy, Pages};
use tokencast::session::AuthSession;
use tokencast::token::Generation;
use tokencast_webkitgtk::webkit6::glib::MainContext;
use tokencast_webkitgtk::webkit6::gtk::{self, FlowBox, Window};
use tokencast_webkitgtk::webkit6::prelude::*;
use tokencast_webkitgtk::webkit6::{NetworkSession, WebView};
use tokencast_webkitgtk::{Running, UiThread, bridge};
use tokio::sync::oneshot;

use crate::host::{self, Host, View, WebView as Shows};

pub struct WebKitHost {
    running: Running,
    window: u64,
    pages: Pages,
    policy: PagePolicy,
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
            pages: session.web_views(),
            policy,
        }
    }

    async fn open(&self, url: &str) -> WebKitView {
        self.open_as(url, self.policy.clone()).await
    }

    async fn open_as(&self, url: &str, policy: PagePolicy) -> WebKitView {
        let name = self.bare().await;
        self.attach_as(&name, policy).await;
        name.go(url).await;
        name
    }

    fn greeted(&self) -> Vec<(String, Option<Generation>)> {
        host::greeted(&self.pages)
    }
}

impl WebKitHost {
    /// A view that is empty and not attached.
    pub async fn bare(&self) -> WebKitView {
        let name = WebKitView {
            window: self.window,
            view: NAMES.fetch_add(1, Ordering::Relaxed),
        };
        let (window, view) = (name.window, name.view);
        on_ui(move |ui| ui.windows.get_mut(&window).unwrap().open(view)).await;
        name
    }

    pub async fn attach(&self, view: &WebKitView) {
        self.attach_as(view, self.policy.clone()).await;
    }

    async fn attach_as(&self, view: &WebKitView, policy: PagePolicy) {
        let pages = self.pages.clone();
        view.with(move |view| bridge(view, &pages, policy).map(drop).unwrap())
            .await;
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
    /// Does something with it on its thread.
    pub async fn with<T: Send + 'static>(&self, act: impl FnOnce(&WebView) -> T + Send + 'static) -> T {
        let (window, view) = (self.window, self.view);
        on_ui(move |ui| act(&ui.windows[&window].views[&view])).await
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

    #[allow(clippy::print_stderr)] // what a test that waits in vain has to say
    fn open(&mut self, name: u64) {
        let view = WebView::builder()
            .network_session(&self.network)
            .width_request(300)
            .height_request(200)
            .build();
        view.connect_web_process_terminated(move |_, why| {
            eprintln!("the web process of view {name} ended: {why:?}");
        });
        self.row.insert(&view, -1);
        self.views.insert(name, view);
    }
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
