use anyhow::Result;

use crate::mobile::{self, ALL, Platform};
use crate::tally::Tally;
use crate::toolbox::Toolbox;

const PACKAGE: &str = "tokencast-ffi";

pub(super) fn set_up(toolbox: &Toolbox) -> Result<()> {
    mobile::ensure(toolbox, &ALL).map(drop)
}

/// Each target is one test: that the library is built for it and links against what its oldest system has.
pub(super) fn run(toolbox: &Toolbox, tally: &mut Tally) -> Result<()> {
    let toolchain = mobile::ensure(toolbox, &ALL)?;
    for target in ALL {
        let linked = match target.platform {
            Platform::Android => mobile::link_android(&toolchain, target, PACKAGE, "dev"),
            Platform::Ios => mobile::link_ios(&toolchain, target, PACKAGE, "dev"),
        };
        *tally += match linked {
            Ok(_) => Tally::ONE_PASSED,
            Err(error) => {
                eprintln!("{}: {error:#}", target.name);
                Tally::ONE_FAILED
            }
        };
    }
    Ok(())
}
