//! Rows that a program in another language measured. `cargo xtask bench` builds and runs it first, and names the file of its
//! rows, a JSON object a line.

use std::{env, fs};

use crate::measure::Row;

pub(crate) fn measured_on_a_jvm() -> Result<Vec<Row>, String> {
    rows_in("TOKENCAST_ROWS_P2")
}

pub(crate) fn measured_in_swift() -> Result<Vec<Row>, String> {
    rows_in("TOKENCAST_ROWS_P3")
}

pub(crate) fn measured_by_the_linker() -> Result<Vec<Row>, String> {
    rows_in("TOKENCAST_ROWS_P8")
}

fn rows_in(variable: &str) -> Result<Vec<Row>, String> {
    let file = env::var_os(variable).ok_or("it is measured by `cargo xtask bench` only")?;
    let rows = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let row = |line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}"));
    let rows = rows.lines().map(row).collect::<Result<Vec<Row>, _>>()?;
    if rows.is_empty() {
        return Err("it gave no row".into());
    }
    Ok(rows)
}
