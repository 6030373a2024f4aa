//! `tokencast-bindgen generate LIBRARY --language kotlin|swift|python --no-format --out-dir FOLDER`: UniFFI's own
//! generator at the version that the library was built with. `cargo xtask bindings` calls it.

fn main() {
    uniffi::uniffi_bindgen_main();
}
