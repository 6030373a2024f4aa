/// The oldest Android that the library runs on, as an API level.
pub(super) const MIN_SDK: u32 = 24;
/// The oldest iOS.
pub(super) const MIN_IOS: &str = "16.0";

/// What phones run.
pub(crate) const ALL: [Target; 5] = [
    Target::android("aarch64-linux-android", "aarch64-linux-android"),
    Target::android("armv7-linux-androideabi", "armv7a-linux-androideabi"),
    Target::android("x86_64-linux-android", "x86_64-linux-android"),
    Target::ios("aarch64-apple-ios"),
    Target::ios("aarch64-apple-ios-sim"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Android,
    Ios,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// As Rust names it.
    pub(crate) name: &'static str,
    pub(crate) platform: Platform,
    clang: &'static str,
}

impl Target {
    const fn android(name: &'static str, clang: &'static str) -> Target {
        Target {
            name,
            platform: Platform::Android,
            clang,
        }
    }

    const fn ios(name: &'static str) -> Target {
        Target {
            name,
            platform: Platform::Ios,
            clang: "arm64-apple-ios",
        }
    }

    /// One of [`ALL`].
    pub(super) fn named(name: &str) -> Target {
        let found = ALL.into_iter().find(|target| target.name == name);
        found.expect("the name is written in this program")
    }

    /// As clang names it, with the oldest system.
    pub(super) fn triple(self) -> String {
        match self.platform {
            Platform::Android => format!("{}{MIN_SDK}", self.clang),
            Platform::Ios if self.is_simulator() => format!("{}{MIN_IOS}-simulator", self.clang),
            Platform::Ios => format!("{}{MIN_IOS}", self.clang),
        }
    }

    pub(super) fn is_simulator(self) -> bool {
        self.name.ends_with("-sim")
    }

    /// As it stands in the names of variables.
    pub(super) fn variable(self) -> String {
        self.name.replace('-', "_")
    }
}
