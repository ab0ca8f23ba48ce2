//! `inr`: encode, decode, inspect, measure. Under construction.
fn main() {}
