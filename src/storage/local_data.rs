//! Windows' folder for what an app keeps for one user on one machine. Pure but for one look at the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// `%LOCALAPPDATA%`, or where it lies in a home folder.
#[cfg(windows)]
pub(crate) fn of_this_user() -> Option<PathBuf> {
    local_data(std::env::var_os("LOCALAPPDATA"), std::env::home_dir())
}

fn local_data(given: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let given = given.map(PathBuf::from).filter(absolute);
    given.or_else(|| Some(home.filter(absolute)?.join("AppData").join("Local")))
}

/// Lock files and markers of every application: their names tell them apart.
pub(crate) fn notes_folder(local_data: &Path) -> PathBuf {
    local_data.join("tokencast")
}

/// Sealed records of one application. Named by a hash: ids that differ in case only, or in what no file name can hold, stay
/// apart.
#[cfg(any(feature = "keyring", test))]
pub(crate) fn records_folder(local_data: &Path, application: &str) -> PathBuf {
    let digest = ring::digest::digest(&ring::digest::SHA256, application.as_bytes());
    let name: String = digest.as_ref()[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    notes_folder(local_data).join("records").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_names_comes_before_the_home_folder_and_a_relative_path_is_none() {
        let home = || Some(PathBuf::from("/home/ada"));
        let below_home = Some(PathBuf::from("/home/ada/AppData/Local"));
        assert_eq!(local_data(Some("/data".into()), home()), Some("/data".into()));
        assert_eq!(local_data(None, home()), below_home);
        for senseless in ["", "data"] {
            assert_eq!(local_data(Some(senseless.into()), home()), below_home);
        }
        assert_eq!(local_data(None, None), None);
        assert_eq!(local_data(None, Some("home".into())), None);
    }

    #[test]
    fn applications_have_folders_of_their_own_inside_the_local_data() {
        let base = Path::new("/data");
        let ids = [
            "com.example.app",
            "com.example.App",
            "../../app",
            "a/b",
            "a_b",
            "CON",
            "",
        ];
        let mut folders = ids.map(|id| records_folder(base, id)).to_vec();
        for folder in &folders {
            assert_eq!(folder.parent(), Some(Path::new("/data/tokencast/records")));
        }
        folders.sort();
        folders.dedup();
        assert_eq!(folders.len(), ids.len());
    }
}
