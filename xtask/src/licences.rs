//! Licences, bans and sources of all dependencies, by the rules in `deny.toml`.
//!
//! The file is in the form of cargo-deny, which says more and may be run by hand. It takes many minutes to build and
//! no package registry carries a current binary, so the three rules that must hold on every machine are checked here.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;
use spdx::{Expression, LicenseReq, Licensee, ParseMode};

use crate::tally::Tally;
use crate::toolbox::Toolbox;

/// One test for each of the three rules.
pub(crate) fn check(toolbox: &Toolbox) -> Result<Tally> {
    let rules =
        fs::read_to_string(toolbox.folders.in_repository("deny.toml")).context("deny.toml cannot be read")?;
    let rules = Rules::parse(&rules)?;
    let metadata = toolbox
        .cargo(["metadata", "--format-version", "1", "--all-features"])
        .output()?;
    let packages = packages(&serde_json::from_str(&metadata)?)?;

    let mut tally = Tally::default();
    let findings = [
        ("licences", rules.licences(&packages)),
        ("bans", rules.bans(&packages)),
        ("sources", rules.sources(&packages)),
    ];
    for (rule, findings) in findings {
        tally += if findings.is_empty() {
            println!("{rule}: {} packages, none against deny.toml", packages.len());
            Tally::ONE_PASSED
        } else {
            findings.iter().for_each(|finding| eprintln!("{rule}: {finding}"));
            Tally::ONE_FAILED
        };
    }
    Ok(tally)
}

#[derive(Debug)]
struct Rules {
    allowed: Vec<Licensee>,
    /// Name of a crate, and what it may have besides.
    exceptions: Vec<(String, Vec<Licensee>)>,
    banned: Vec<String>,
}

#[derive(Debug)]
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    /// None for a package of this workspace.
    source: Option<String>,
    /// Names of dependencies from a registry whose version is `*`.
    wildcards: Vec<String>,
}

impl Rules {
    fn parse(text: &str) -> Result<Rules> {
        let table: toml::Table = text.parse()?;
        let licences = table.get("licenses").context("deny.toml has no [licenses]")?;
        let exceptions = list(licences, "exceptions").into_iter().map(|exception| {
            let name = name_of(&exception).context("an exception in deny.toml names no crate")?;
            Ok((name, licensees(&exception)?))
        });
        let banned = table
            .get("bans")
            .map(|bans| list(bans, "deny"))
            .unwrap_or_default();
        Ok(Rules {
            allowed: licensees(licences)?,
            exceptions: exceptions.collect::<Result<_>>()?,
            banned: banned.iter().filter_map(name_of).collect(),
        })
    }

    fn licences(&self, packages: &[Package]) -> Vec<String> {
        let finding = |package: &Package| {
            let Some(licence) = &package.licence else {
                return Some(format!("{package} names no licence"));
            };
            match Expression::parse_mode(licence, ParseMode::LAX) {
                Ok(expression) if expression.evaluate(|wanted| self.allows(package, wanted)) => None,
                Ok(_) => Some(format!(
                    "{package} is under {licence}, which deny.toml does not allow"
                )),
                Err(_) => Some(format!(
                    "{package} names a licence that is no SPDX expression: {licence}"
                )),
            }
        };
        packages.iter().filter_map(finding).collect()
    }

    fn allows(&self, package: &Package, wanted: &LicenseReq) -> bool {
        let besides = self
            .exceptions
            .iter()
            .filter(|(name, _)| *name == package.name)
            .flat_map(|(_, more)| more);
        self.allowed
            .iter()
            .chain(besides)
            .any(|licensee| licensee.satisfies(wanted))
    }

    fn bans(&self, packages: &[Package]) -> Vec<String> {
        let mut findings = Vec::new();
        for package in packages {
            if self.banned.contains(&package.name) {
                findings.push(format!(
                    "{package} is banned in deny.toml, with the reason beside it"
                ));
            }
            let ours = package.source.is_none();
            findings.extend(
                package
                    .wildcards
                    .iter()
                    .filter(|_| ours)
                    .map(|dependency| format!("{package} takes any version of {dependency}; name one")),
            );
        }
        findings
    }

    /// No git, and one registry for all: cargo's own.
    fn sources(&self, packages: &[Package]) -> Vec<String> {
        let sources = || {
            packages
                .iter()
                .filter_map(|package| Some((package, package.source.as_deref()?)))
        };
        let registries: BTreeSet<_> = sources()
            .map(|(_, source)| source)
            .filter(|s| s.starts_with("registry+"))
            .collect();
        let mut findings: Vec<_> = sources()
            .filter(|(_, source)| !source.starts_with("registry+"))
            .map(|(package, source)| format!("{package} comes from {source} and not from a registry"))
            .collect();
        if registries.len() > 1 {
            findings.push(format!("there is more than one registry: {registries:?}"));
        }
        findings
    }
}

impl std::fmt::Display for Package {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

fn list(table: &toml::Value, name: &str) -> Vec<toml::Value> {
    table
        .get(name)
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default()
}

/// cargo-deny takes `"name"`, `{ name = … }` and `{ crate = … }`.
fn name_of(entry: &toml::Value) -> Option<String> {
    let name = entry
        .as_str()
        .or_else(|| entry.get("crate").or(entry.get("name"))?.as_str())?;
    name.split('@').next().map(str::to_owned)
}

fn licensees(table: &toml::Value) -> Result<Vec<Licensee>> {
    let parse = |entry: &toml::Value| {
        let name = entry
            .as_str()
            .context("`allow` in deny.toml is a list of strings")?;
        Licensee::parse(name).with_context(|| format!("deny.toml: {name} is no SPDX licence"))
    };
    list(table, "allow").iter().map(parse).collect()
}

fn packages(metadata: &Value) -> Result<Vec<Package>> {
    let text = |value: &Value, key: &str| value[key].as_str().map(str::to_owned);
    let package = |value: &Value| {
        let dependencies = value["dependencies"].as_array().into_iter().flatten();
        Some(Package {
            name: text(value, "name")?,
            version: text(value, "version")?,
            licence: text(value, "license"),
            source: text(value, "source"),
            wildcards: dependencies
                .filter(|dependency| dependency["req"] == "*" && dependency["path"].is_null())
                .filter_map(|dependency| text(dependency, "name"))
                .collect(),
        })
    };
    let listed = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    listed
        .iter()
        .map(package)
        .collect::<Option<_>>()
        .context("cargo metadata lists a package without a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0"]
        exceptions = [{ crate = "uniffi", allow = ["MPL-2.0"] }]
        [bans]
        deny = [{ crate = "openssl-sys", reason = "one TLS is enough" }]
    "#;

    fn package(name: &str, licence: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: licence.map(str::to_owned),
            source: Some("registry+main".to_owned()),
            wildcards: Vec::new(),
        }
    }

    #[test]
    fn a_licence_must_be_allowed_for_all_or_for_the_crate() -> Result<()> {
        let rules = Rules::parse(RULES)?;
        let findings = |name, licence| rules.licences(&[package(name, licence)]).len();
        assert_eq!(findings("a", Some("MIT")), 0);
        assert_eq!(findings("a", Some("GPL-3.0-only OR MIT")), 0);
        assert_eq!(findings("a", Some("MIT/Apache-2.0")), 0);
        assert_eq!(findings("uniffi", Some("MPL-2.0")), 0);
        assert_eq!(findings("a", Some("MPL-2.0")), 1);
        assert_eq!(findings("a", Some("GPL-3.0-only AND MIT")), 1);
        assert_eq!(findings("a", Some("see the file")), 1);
        assert_eq!(findings("a", None), 1);
        Ok(())
    }

    #[test]
    fn a_banned_crate_and_a_wildcard_of_ours_are_found() -> Result<()> {
        let rules = Rules::parse(RULES)?;
        assert_eq!(
            rules
                .bans(&[package("openssl-sys", None), package("openssl", None)])
                .len(),
            1
        );
        let wildcards = vec!["serde".to_owned()];
        let ours = Package {
            source: None,
            wildcards: wildcards.clone(),
            ..package("tokencast", None)
        };
        let theirs = Package {
            wildcards,
            ..package("other", None)
        };
        assert_eq!(rules.bans(&[ours, theirs]).len(), 1);
        Ok(())
    }

    #[test]
    fn git_and_a_second_registry_are_found() -> Result<()> {
        let rules = Rules::parse(RULES)?;
        let from = |source: &str| Package {
            source: Some(source.to_owned()),
            ..package("a", None)
        };
        assert_eq!(
            rules.sources(&[from("registry+main"), from("registry+main")]),
            Vec::<String>::new()
        );
        assert_eq!(
            rules
                .sources(&[from("registry+main"), from("git+https://example.com/a")])
                .len(),
            1
        );
        assert_eq!(
            rules
                .sources(&[from("registry+main"), from("registry+other")])
                .len(),
            1
        );
        Ok(())
    }

    #[test]
    fn the_projects_own_rules_parse() -> Result<()> {
        let rules = Rules::parse(include_str!("../../deny.toml"))?;
        assert!(!rules.allowed.is_empty());
        assert!(!rules.banned.is_empty());
        Ok(())
    }
}
