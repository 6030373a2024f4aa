//! Only tests: `tests/suite`.
