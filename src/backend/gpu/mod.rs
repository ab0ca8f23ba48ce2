//! The GPU backend. Under construction by the GPU work package.
