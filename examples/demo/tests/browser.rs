//! The dashboard in a real browser: every button is pressed by its key, on a wide screen and on a phone-sized one, in both
//! colour schemes. It needs Chromium, so it has a feature of its own: `browser`.
#![allow(clippy::unwrap_used)] // its helper functions are tests too

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokencast_chromium::{Chromium, Tab};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Only what hangs needs so long.
const PATIENCE: Duration = Duration::from_secs(90);
/// Stands in every token of the server.
const MARK: &str = "m4rk0fth1st3st";

/// Of how many steps the outcome was shown.
const PERFORMED: &str = "Number(document.querySelector('#outcome').dataset.performed ?? 0)";

const PHONE: [u32; 2] = [360, 740];
const WIDE: [u32; 2] = [1280, 800];

#[tokio::test(flavor = "multi_thread")]
async fn every_button_does_what_it_says_when_its_key_is_pressed() {
    let demo = Demo::start().await;
    let chromium = Chromium::start().unwrap();
    let dashboard = Dashboard::open(&chromium, &demo.address, WIDE, ["light", "no-preference"]).await;
    dashboard.at_full_speed().await;
    let mut pressed = Vec::new();
    // Signed out and in again between, so that every key has something to do.
    for key in [
        "1", "2", "3", "4", "5", "6", "7", "8", "s", "s", "9", "0", "p", "s",
    ] {
        let outcome = dashboard.press(key).await;
        assert!(outcome["good"].as_bool().unwrap(), "{key}: {outcome}");
        pressed.push(outcome["button"].as_str().unwrap().to_owned());
    }
    let buttons = dashboard
        .evaluate("return [...document.querySelectorAll('button[data-key] b')].map((b) => b.textContent)");
    let buttons: Vec<String> = serde_json::from_value(buttons.await).unwrap();
    assert_eq!(buttons.len(), 13, "{buttons:?}");
    for button in &buttons {
        assert!(pressed.contains(button), "{button} was not pressed");
    }
    let html = dashboard
        .evaluate("return document.documentElement.outerHTML")
        .await;
    assert!(
        !html.as_str().unwrap().contains(MARK),
        "a token is in the document"
    );
    assert_eq!(dashboard.complaints(), Vec::<String>::new());
    drop(dashboard);
    assert!(demo.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refresh_is_told_in_words_in_the_order_in_which_it_happened() {
    let demo = Demo::start().await;
    let chromium = Chromium::start().unwrap();
    let dashboard = Dashboard::open(&chromium, &demo.address, WIDE, ["light", "no-preference"]).await;
    dashboard.at_full_speed().await;
    dashboard.press("1").await;
    dashboard.press("2").await;
    let told = "return [...document.querySelectorAll('#beats li')].map((li) => li.lastElementChild.textContent).reverse()";
    let told: Vec<String> = serde_json::from_value(dashboard.evaluate(told).await).unwrap();
    let story = [
        "asked the server for ada’s data, showing access token no. 1",
        "away: that access token is over (401)",
        "told the app: “I need a newer access token.”",
        "The app took the refresh token out of its safe",
        "The server gave the app a new access token and a new refresh token",
        "The app handed access token no. 2 to",
        "again, showing access token no. 2",
        "The server answered",
    ];
    let first = |part: &str| told.iter().position(|line| line.contains(part));
    let places: Vec<_> = story
        .iter()
        .map(|part| first(part).unwrap_or_else(|| panic!("{part}: {told:?}")))
        .collect();
    assert!(places.is_sorted(), "{told:?}");
    let exchanges = told
        .iter()
        .filter(|line| line.contains("out of its safe"))
        .count();
    assert_eq!(exchanges, 1, "{told:?}");
    assert!(demo.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_shows_everything_without_scrolling_sideways_and_every_text_can_be_read() {
    let demo = Demo::start().await;
    let chromium = Chromium::start().unwrap();
    for scheme in ["light", "dark"] {
        for size in [PHONE, WIDE] {
            let dashboard = Dashboard::open(&chromium, &demo.address, size, [scheme, "reduce"]).await;
            dashboard.at_full_speed().await;
            dashboard.reads_well(size, scheme).await;
            dashboard.press("2").await;
            // The thief's story has the most in it.
            dashboard.press("9").await;
            dashboard.reads_well(size, scheme).await;
            dashboard.press("s").await;
            assert_eq!(dashboard.complaints(), Vec::<String>::new());
        }
    }
    assert!(demo.end().await.success());
}

/// The running demo, as `cargo demo` starts it.
struct Demo {
    child: Child,
    address: String,
    /// Open to the end: the demo may say more.
    _out: Lines<BufReader<ChildStdout>>,
}

impl Demo {
    async fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tokencast-demo"))
            .args(["--storage", "file"])
            .env("TOKENCAST_TOKEN_MARK", MARK)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = async {
            loop {
                let line = out.next_line().await.unwrap().unwrap();
                if line.trim().starts_with("http://") {
                    return line.trim().to_owned();
                }
            }
        };
        let address = timeout(PATIENCE, address).await.unwrap();
        Self {
            child,
            address,
            _out: out,
        }
    }

    /// Ctrl-C.
    async fn end(mut self) -> ExitStatus {
        let pid = self.child.id().unwrap().to_string();
        let told = Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
        assert!(told.success());
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap()
    }
}

/// The dashboard in a tab.
struct Dashboard {
    tab: Tab,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Dashboard {
    async fn open(
        chromium: &Chromium,
        address: &str,
        [width, height]: [u32; 2],
        [scheme, motion]: [&str; 2],
    ) -> Self {
        let tab = chromium.open().await.unwrap();
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let heard = complaints.clone();
        tab.listen(Arc::new(move |event, about| {
            if let Some(complaint) = complaint(event, about) {
                heard.lock().unwrap().push(complaint);
            }
        }));
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        let wishes = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]});
        for (method, parameters) in [
            ("Page.enable", json!({})),
            ("Runtime.enable", json!({})),
            ("Log.enable", json!({})),
            ("Emulation.setDeviceMetricsOverride", screen),
            ("Emulation.setEmulatedMedia", wishes),
        ] {
            tab.call(method, parameters).await.unwrap();
        }
        tab.navigate(address).await.unwrap();
        let dashboard = Self { tab, complaints };
        // All pages have their token, and whatever that drew is drawn.
        dashboard
            .until("document.querySelectorAll('#frames figure:not(.none)').length === 4")
            .await;
        dashboard.until("document.querySelector('#about-close')").await;
        dashboard
            .evaluate("document.querySelector('#about-close').click()")
            .await;
        dashboard
    }

    async fn at_full_speed(&self) {
        self.evaluate("document.querySelector('#slow').click()").await;
    }

    /// Presses a key, and tells whose it is and what came of it.
    async fn press(&self, key: &str) -> Value {
        let possible = format!(
            "[...document.querySelectorAll('button[data-key=\"{key}\"]')]\
             .some((button) => !button.hidden && button.getAttribute('aria-disabled') !== 'true')"
        );
        self.until(&possible).await;
        let name =
            format!("document.querySelector('button[data-key=\"{key}\"]:not([hidden]) b').textContent");
        let button = self.evaluate(&format!("return {name}")).await;
        let before = self.evaluate(&format!("return {PERFORMED}")).await;
        for (kind, text) in [("keyDown", json!(key)), ("keyUp", Value::Null)] {
            let mut event = json!({"type": kind, "key": key});
            if !text.is_null() {
                event["text"] = text;
            }
            self.tab.call("Input.dispatchKeyEvent", event).await.unwrap();
        }
        self.until(&format!("({PERFORMED}) > {before}")).await;
        let told = "const told = document.querySelector('#told');\
                    return { text: told.textContent, good: told.classList.contains('good') }";
        let mut outcome = self.evaluate(told).await;
        outcome["button"] = button;
        outcome
    }

    /// Nothing is wider than the screen, and every text has the contrast that WCAG 2.2 wants (AA, 1.4.3).
    async fn reads_well(&self, size: [u32; 2], scheme: &str) {
        let wide = "return document.documentElement.scrollWidth - innerWidth";
        let beyond = self.evaluate(wide).await;
        assert!(
            beyond.as_i64().unwrap() <= 0,
            "{size:?} {scheme}: {beyond} px too wide"
        );
        let faint = self.evaluate(FAINT_TEXTS).await;
        assert_eq!(faint, json!([]), "{size:?} {scheme}");
    }

    async fn until(&self, condition: &str) {
        let wait = format!(
            "const end = performance.now() + {};\
             while (!({condition})) {{\
               if (performance.now() > end) return false;\
               await new Promise((on) => setTimeout(on, 20));\
             }}\
             return true",
            PATIENCE.as_millis()
        );
        let is_so = self.evaluate(&wait).await;
        assert_eq!(is_so, json!(true), "{condition}");
    }

    async fn evaluate(&self, body: &str) -> Value {
        self.tab.evaluate(body).await.unwrap()
    }

    fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }
}

/// What the browser has to say against the dashboard. Refusals of the network belong to the play: a 401, and what a hostile
/// page gets.
fn complaint(event: &str, about: &Value) -> Option<String> {
    match event {
        "Runtime.exceptionThrown" => Some(about["exceptionDetails"].to_string()),
        "Runtime.consoleAPICalled" if about["type"] == "error" => Some(about["args"].to_string()),
        "Log.entryAdded" => {
            let entry = &about["entry"];
            let text = entry["text"].as_str().unwrap_or_default();
            let played = ["network", "javascript"].contains(&entry["source"].as_str().unwrap_or_default())
                && ["401", "net::ERR_FAILED", "CORS policy", "403"]
                    .iter()
                    .any(|part| text.contains(part));
            (entry["level"] == "error" && !played).then(|| entry.to_string())
        }
        _ => None,
    }
}

/// Texts whose contrast with what lies behind them is too low, with the figure.
const FAINT_TEXTS: &str = r#"
    const parse = (colour) => {
      const parts = colour.match(/[\d.]+/g).map(Number);
      return { rgb: parts.slice(0, 3), alpha: parts[3] ?? 1 };
    };
    const light = (rgb) => {
      const [r, g, b] = rgb.map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const { rgb, alpha } = parse(getComputedStyle(at).backgroundColor);
        if (alpha === 1) return rgb;
        if (alpha > 0) throw new Error(`half transparent: ${at.outerHTML.slice(0, 80)}`);
      }
      return [255, 255, 255];
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (!node.textContent.trim() || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
      if (element.closest("svg")) continue;
      const style = getComputedStyle(element);
      const [text, back] = [light(parse(style.color).rgb), light(behind(element))];
      const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
      const big = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
      if (contrast < (big ? 3 : 4.5)) faint.push(`${contrast.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
    }
    return faint;
"#;
