//! Where things lie: the repository, and the caches outside it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The places that xtask knows; all absolute.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    pub(crate) repository: PathBuf,
    /// `$TOKENCAST_CACHE`, else the user's cache folder with `/tokencast`.
    pub(crate) cache: PathBuf,
    /// Where cargo builds: `$CARGO_TARGET_DIR`, else in the cache, so that a fresh clone starts warm.
    pub(crate) target: PathBuf,
}

impl Folders {
    pub(crate) fn find() -> Result<Folders> {
        // xtask lies one folder deep; the environment knows better when the clone was moved after the build.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let repository = Path::new(&manifest)
            .parent()
            .context("xtask has no folder around it")?
            .to_owned();
        let cache = cache_folder(|name| env::var_os(name).map(PathBuf::from))?;
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()) {
            Some(folder) => env::current_dir()?.join(folder),
            None => cache.join("target"),
        };
        std::fs::create_dir_all(&cache).with_context(|| format!("{} cannot be made", cache.display()))?;
        Ok(Folders {
            repository,
            cache,
            target,
        })
    }

    /// Where development builds of programs and libraries end up.
    pub(crate) fn builds(&self) -> PathBuf {
        self.target.join("debug")
    }

    pub(crate) fn built(&self, file: &str) -> PathBuf {
        self.builds().join(file)
    }

    pub(crate) fn in_repository(&self, path: &str) -> PathBuf {
        self.repository.join(path)
    }
}

fn cache_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let given = |name| variable(name).filter(|folder| !folder.as_os_str().is_empty());
    if let Some(own) = given("TOKENCAST_CACHE") {
        return Ok(std::path::absolute(own)?);
    }
    // The XDG specification: a relative path there is to be ignored.
    if let Some(xdg) = given("XDG_CACHE_HOME").filter(|folder| folder.is_absolute()) {
        return Ok(xdg.join("tokencast"));
    }
    match given("HOME") {
        Some(home) => Ok(home.join(".cache/tokencast")),
        None => bail!("no place for caches: set TOKENCAST_CACHE or HOME"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache_with(variables: &[(&str, &str)]) -> Result<PathBuf> {
        cache_folder(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_projects_own_variable_wins_over_the_users_cache_folder() -> Result<()> {
        let all = [
            ("TOKENCAST_CACHE", "/fast/disk"),
            ("XDG_CACHE_HOME", "/xdg"),
            ("HOME", "/home/ada"),
        ];
        assert_eq!(cache_with(&all)?, Path::new("/fast/disk"));
        assert_eq!(cache_with(&all[1..])?, Path::new("/xdg/tokencast"));
        assert_eq!(cache_with(&all[2..])?, Path::new("/home/ada/.cache/tokencast"));
        Ok(())
    }

    #[test]
    fn an_empty_or_relative_variable_counts_as_unset() -> Result<()> {
        let found = cache_with(&[
            ("TOKENCAST_CACHE", ""),
            ("XDG_CACHE_HOME", "caches"),
            ("HOME", "/home/ada"),
        ])?;
        assert_eq!(found, Path::new("/home/ada/.cache/tokencast"));
        Ok(())
    }

    #[test]
    fn without_any_place_it_says_what_to_set() {
        assert!(cache_with(&[]).is_err_and(|error| error.to_string().contains("TOKENCAST_CACHE")));
    }
}
