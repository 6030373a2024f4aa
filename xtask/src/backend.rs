//! The reference backend beside a part, for the tests of the other languages.

use std::time::Duration;

use anyhow::Result;

use crate::toolbox::{Service, Toolbox};

/// A running backend with test faults on; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Backend {
    /// What the tests find as `TOKENCAST_BACKEND`.
    pub(crate) url: String,
    _service: Service,
}

impl Backend {
    /// Builds and starts it on a free port of the loopback interface.
    pub(crate) fn start(toolbox: &Toolbox) -> Result<Backend> {
        Self::start_with(toolbox, &[])
    }

    /// The same with further flags.
    pub(crate) fn start_with(toolbox: &Toolbox, flags: &[&str]) -> Result<Backend> {
        toolbox
            .cargo(["build", "--package", "tokencast-backend"])
            .succeeds()?;
        let (service, url) = toolbox
            .program(toolbox.folders.built("tokencast-backend"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--test-faults",
                "--log",
                "--rate-limit",
                "off",
            ])
            .args(flags)
            .serve(Duration::from_secs(60), |line| line.strip_prefix("ready "))?;
        Ok(Backend {
            url,
            _service: service,
        })
    }
}
