//! The table, once, as data.

use std::collections::BTreeSet;

/// How an import of the crate's root is called: what everyone could reach through it is not visible in its name, so
/// no module but the root itself may import it.
pub(crate) const ROOT: &str = "lib";

/// A module, and those it may import. An arrow includes all that its target may import.
pub(crate) const ARROWS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("defence", &[]),
    ("time", &[]),
    ("random", &[]),
    ("token", &["error", "time", "random", "defence"]),
    ("claims", &["token"]),
    ("profile", &["token", "error"]),
    ("wire", &["profile", "token", "claims"]),
    ("record", &["token", "error"]),
    ("state", &["token"]),
    ("flight", &["wire", "record", "state", "time"]),
    ("history", &["state", "token"]),
    ("bridge", &["state", "token"]),
    ("storage", &["record", "token", "error"]),
    ("lock", &["record", "token", "error"]),
    ("transport", &["wire"]),
    ("spawn", &["state"]),
    ("registry", &["state"]),
    ("publish", &["state", "token"]),
    (
        "session",
        &[
            "flight",
            "history",
            "publish",
            "storage",
            "transport",
            "lock",
            "spawn",
            "registry",
        ],
    ),
    ("pages", &["bridge", "session"]),
    ("accounts", &["session"]),
    ("oauth", &["session", "wire", "transport", "claims"]),
    ("dpop", &["session", "wire", "transport", "claims"]),
];

/// What the arrows mean, followed to their ends. Everything stands on error, time, random, defence and token, and every row
/// but their own leads there.
pub(crate) fn may_import(from: &str, to: &str) -> bool {
    let mut reachable = BTreeSet::new();
    let mut open = targets(from).to_vec();
    while let Some(module) = open.pop() {
        if reachable.insert(module) {
            open.extend(targets(module));
        }
    }
    from == to || reachable.contains(to)
}

fn targets(module: &str) -> &'static [&'static str] {
    ARROWS
        .iter()
        .find(|(known, _)| *known == module)
        .map_or(&[], |(_, targets)| targets)
}
