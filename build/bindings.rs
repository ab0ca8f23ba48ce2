//! Regenerates `src/adios2/bindings.rs` from the installed C headers (feature `bindings`; needs libclang).

use std::path::Path;

/// What [`crate`] `adios2` calls, and no more: the committed file stays small enough to review.
const FUNCTIONS: &[&str] = &[
    "adios2_init_serial",
    "adios2_finalize",
    "adios2_declare_io",
    "adios2_set_engine",
    "adios2_set_parameter",
    "adios2_define_operator",
    "adios2_define_variable",
    "adios2_add_operation",
    "adios2_inquire_variable",
    "adios2_inquire_all_variables",
    "adios2_variable_name",
    "adios2_variable_type",
    "adios2_variable_shapeid",
    "adios2_variable_ndims",
    "adios2_variable_shape",
    "adios2_variable_steps",
    "adios2_variable_steps_start",
    "adios2_inquire_blockinfo",
    "adios2_free_blockinfo",
    "adios2_set_block_selection",
    "adios2_set_selection",
    "adios2_set_step_selection",
    "adios2_open",
    "adios2_close",
    "adios2_steps",
    "adios2_begin_step",
    "adios2_end_step",
    "adios2_get",
    "adios2_put",
];

/// Writes the bindings; cargo then compiles them.
pub fn generate(include: &Path) {
    let mut builder = bindgen::Builder::default()
        .header(include.join("adios2_c.h").display().to_string())
        .clang_arg(format!("-I{}", include.display()))
        .dynamic_library_name("Adios2C")
        .dynamic_link_require_all(true)
        .allowlist_var("adios2_local_value_dim|adios2_.*_dim")
        .prepend_enum_name(false)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .generate_comments(false)
        .layout_tests(false)
        .merge_extern_blocks(true)
        .raw_line("// Generated from ADIOS2's adios2_c.h by `cargo build --features bindings`; do not edit.");
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    let bindings = builder.generate().expect("bindgen reads adios2_c.h (is libclang installed?)");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adios2/bindings.rs");
    bindings.write_to_file(&file).expect("src/adios2/bindings.rs can be written");
}
