//! Series networks: the generator ([`generator`]), what a step looks at ([`visit`]), and the steps ([`training`]). The
//! SIREN of each time is run by the passes of [`super::siren`].

mod adam;
mod generator;
mod snapshot;
mod training;
mod visit;

pub(super) use training::Start;
