//! The library for phones, built on a machine without an NDK and without Xcode: good for checks, gates and sizes. What
//! ships is built with both, on its maker's machine.

mod android;
mod ios;
mod size;
mod std_library;
mod target;
mod toolchain;

use anyhow::Result;

pub(crate) use android::link as link_android;
pub(crate) use ios::link as link_ios;
pub(crate) use size::bench;
pub(crate) use target::{ALL, Platform, Target};
pub(crate) use toolchain::Toolchain;

use crate::toolbox::Toolbox;

/// Makes the toolchain, with a standard library for each of the targets.
pub(crate) fn ensure<'a>(toolbox: &'a Toolbox, targets: &[Target]) -> Result<Toolchain<'a>> {
    let toolchain = Toolchain::ensure(toolbox)?;
    for target in targets {
        std_library::ensure(&toolchain, *target)?;
        if target.platform == Platform::Android {
            android::ensure_stand_ins(&toolchain, *target)?;
        }
    }
    Ok(toolchain)
}
