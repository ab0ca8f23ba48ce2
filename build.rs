//! Builds the plugin shim. Under construction.
fn main() {}
