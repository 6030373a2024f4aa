//! P8: how large the library is as it ships, beside the smallest one that could make the same request.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Platform, Target};
use crate::toolbox::Toolbox;

const PROFILE: &str = "mobile";
const OURS: &str = "tokencast-ffi";
const FLOOR: &str = "tokencast-floor";
/// Of ours against its floor.
const GOAL: f64 = 1.15;
/// Smaller parts of the code are told as one.
const SMALL: u64 = 16 * 1024;

const PHONES: [(&str, &str); 2] = [
    ("aarch64-linux-android", "P8-android"),
    ("aarch64-apple-ios", "P8-ios"),
];

/// Builds each library for each system, and says in which file the rows are.
pub(crate) fn bench(toolbox: &Toolbox) -> Result<PathBuf> {
    let targets = PHONES.map(|(name, _)| Target::named(name));
    let toolchain = super::ensure(toolbox, &targets)?;
    let host = |package: &str, flags: &[&str]| on_this_machine(toolbox, package, flags);
    let (floor, ours) = (host(FLOOR, &[])?, host(OURS, &["--no-default-features"])?);
    let mut rows = vec![row("P8-linux", "x86-64 Linux", &floor, &ours, Some(GOAL))];
    let with_keyring = host(OURS, &[])?;
    rows.push(row(
        "side:P8-linux",
        "the same with the Secret Service's store",
        &floor,
        &with_keyring,
        None,
    ));
    let bare = host(FLOOR, &["--no-default-features"])?;
    rows.push(row(
        "side:P8-bare",
        "the floor, beside UniFFI alone",
        &bare,
        &floor,
        None,
    ));
    for (target, (_, id)) in targets.into_iter().zip(PHONES) {
        let size = |package| -> Result<u64> {
            let file = match target.platform {
                Platform::Android => super::link_android(&toolchain, target, package, PROFILE),
                Platform::Ios => super::link_ios(&toolchain, target, package, PROFILE),
            }?;
            Ok(fs::metadata(file)?.len())
        };
        let floor = Library::of_size(size(FLOOR)?);
        let ours = Library::of_size(size(OURS)?);
        rows.push(row(id, target.name, &floor, &ours, Some(GOAL)));
    }
    rows.extend(parts(&floor, &ours));
    let file = toolbox.folders.target.join("rows-P8.jsonl");
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    fs::write(&file, lines)?;
    Ok(file)
}

/// In bytes.
struct Library {
    stripped: u64,
    /// The code of each crate.
    code: BTreeMap<String, u64>,
}

impl Library {
    fn of_size(stripped: u64) -> Self {
        Self {
            stripped,
            code: BTreeMap::new(),
        }
    }
}

/// Built for this machine with its symbols, which say of whom the code is, and stripped then.
fn on_this_machine(toolbox: &Toolbox, package: &str, flags: &[&str]) -> Result<Library> {
    toolbox
        .cargo(["rustc", "--quiet", "--lib", "--crate-type", "cdylib"])
        .args(["--profile", PROFILE, "--package", package])
        .args(flags)
        .env("CARGO_PROFILE_MOBILE_STRIP", "none")
        .succeeds()?;
    let name = format!("lib{}.so", package.replace('-', "_"));
    let built = toolbox.folders.target.join(PROFILE).join(name);
    let stripped = built.with_extension("stripped");
    toolbox
        .program("llvm-strip-19")
        .arg("--strip-all")
        .arg(&built)
        .arg("-o")
        .arg(&stripped)
        .output()?;
    let symbols = toolbox
        .program("llvm-nm-19")
        .args(["--print-size", "--radix=d", "--demangle"])
        .arg(&built)
        .output()?;
    Ok(Library {
        stripped: fs::metadata(&stripped)?.len(),
        code: by_crate(&symbols),
    })
}

/// Sums up what nm says of code: `address size kind name`.
fn by_crate(symbols: &str) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    for symbol in symbols.lines() {
        let mut fields = symbol.splitn(4, ' ');
        let (_, size, kind, name) = (fields.next(), fields.next(), fields.next(), fields.next());
        if let (Some(Ok(size)), Some("t" | "T"), Some(name)) = (size.map(str::parse::<u64>), kind, name) {
            *sizes.entry(owner(name)).or_default() += size;
        }
    }
    sizes
}

/// The crate that a function is of: the first that its name names. What a crate's generic code becomes in another is
/// counted as the first one's.
fn owner(name: &str) -> String {
    if name.contains("ffi_tokencast_") {
        return "exports".into();
    }
    if name.starts_with("ring_core") || name.contains("_x86_64") || name.contains("nistz256") {
        return "ring".into();
    }
    if !name.contains("::") {
        return "without a crate".into();
    }
    // nm leaves the brackets of Rust's older names as they are.
    let mut start = name
        .replace("$LT$", "<")
        .replace("$u20$", " ")
        .replace("..", "::");
    for word in ["impl ", "dyn ", "mut ", "$RF$"] {
        start = start.replace(word, "");
    }
    let start = start.trim_start_matches(|c: char| !c.is_alphabetic());
    let is_named = |c: char| c.is_alphanumeric() || c == '_';
    start.chars().take_while(|c| is_named(*c)).collect()
}

/// The code of ours that is not small, crate by crate, the largest first.
fn parts(floor: &Library, ours: &Library) -> Vec<Value> {
    let mut large: Vec<_> = ours.code.iter().filter(|(_, size)| **size >= SMALL).collect();
    large.sort_by_key(|(_, size)| std::cmp::Reverse(**size));
    let small = |library: &Library| -> u64 {
        let rest = library.code.iter().filter(|(name, _)| {
            let large = ours.code.get(*name).is_some_and(|size| *size >= SMALL);
            !large
        });
        rest.map(|(_, size)| size).sum()
    };
    let of = |library: &Library, name: &str| library.code.get(name).copied().unwrap_or(0);
    let mut rows: Vec<_> = large
        .into_iter()
        .map(|(name, size)| part(name, of(floor, name), *size))
        .collect();
    rows.push(part("all smaller ones", small(floor), small(ours)));
    rows
}

fn row(id: &str, act: &str, floor: &Library, ours: &Library, goal: Option<f64>) -> Value {
    measured(
        id,
        &format!("stripped library, {act}"),
        floor.stripped,
        ours.stripped,
        goal,
    )
}

fn part(of: &str, floor: u64, ours: u64) -> Value {
    measured(
        "part:P8",
        &format!("its code, x86-64 Linux: {of}"),
        floor,
        ours,
        None,
    )
}

fn measured(id: &str, act: &str, floor: u64, ours: u64, goal: Option<f64>) -> Value {
    let kib = |bytes: u64| bytes as f64 / 1024.0;
    let ratio = (floor > 0).then(|| kib(ours) / kib(floor));
    json!({ "id": id, "act": act, "floor": kib(floor), "ours": kib(ours), "unit": "KiB", "ratio": ratio, "goal": goal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_counted_for_its_crate() {
        let symbols = "\
0001 0000000000000010 t rustls::client::hs::emit
0002 0000000000000005 T <rustls::Error as core::fmt::Debug>::fmt
0003 0000000000000007 t <&dyn url::Parse as core::fmt::Debug>::fmt
0004 0000000000000100 r zmij::STATIC_DATA
0003 0000000000000002 t _$LT$url..Url$u20$as$u20$core..Debug$GT$::fmt::h1
0003 0000000000000001 t url::path::_$LT$impl$u20$core..Debug$GT$::fmt::h2
0004 0000000000000008 T uniffi_tokencast_ffi_fn_method
0005 0000000000000003 t ring_core_0_17_14__bn_mul_mont
0006                  U memcpy";
        let expected = [("exports", 8), ("ring", 3), ("rustls", 15), ("url", 10)];
        let expected = expected.map(|(name, size)| (name.to_owned(), size));
        assert_eq!(by_crate(symbols), BTreeMap::from(expected));
    }

    #[test]
    fn what_the_floor_lacks_has_no_ratio() {
        assert_eq!(part("zbus", 0, 2048)["ratio"], Value::Null);
        assert_eq!(part("ring", 1024, 2048)["ratio"], 2.0);
    }
}
