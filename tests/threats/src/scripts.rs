//! What runs in pages.

/// What a hostile page tries in order to get at the app's token. Whatever it is given, early or late, goes to its master.
const THIEF: &str = include_str!("scripts/thief.js");
/// A page that speaks `tokencast/1` by hand, as [`super::Plan::wire`] has it run before the app's own client.
pub const WIRE: &str = include_str!("scripts/wire.js");
/// Watches all that a script can, after the client was there.
pub const OBSERVERS: &str = include_str!("scripts/observers.js");

/// The app's page: connects to its app.
pub fn app_page(api: &[&str]) -> String {
    format!(
        r#"<!doctype html><title>page</title><link rel="icon" href="data:,">
<script type="module">
  import {{ connect }} from "/tokencast.js";
  window.session = connect({{ api: {} }});
</script>"#,
        serde_json::json!(api)
    )
}

/// The thief's page, of this master and after tokens for this API.
pub fn thief(master: &str, api: &str) -> String {
    format!(
        r#"<!doctype html><title>thief</title><link rel="icon" href="data:,"><meta name="referrer" content="unsafe-url">
<script>{}</script>"#,
        thief_script(master, api)
    )
}

/// What the thief's page runs, for a document that he can write into.
pub fn thief_script(master: &str, api: &str) -> String {
    THIEF.replace("{master}", master).replace("{api}", api)
}
