//! Regenerates `src/adios2/bindings.rs` from the installed C headers (feature `bindings`; needs libclang).
//!
//! PyPI's `libclang` wheel will do: set `LIBCLANG_PATH` to its `clang/native` folder and `BINDGEN_EXTRA_CLANG_ARGS` to
//! `-I$(gcc -print-file-name=include)`, run `cargo build --features bindings`, then `cargo fmt`.

use std::path::Path;

/// What `src/adios2` calls, and no more: the committed file stays small enough to review.
const FUNCTIONS: &[&str] = &[
    "adios2_init_serial",
    "adios2_init_config_serial",
    "adios2_finalize",
    "adios2_attribute_name",
    "adios2_attribute_type",
    "adios2_attribute_is_value",
    "adios2_attribute_size",
    "adios2_attribute_data",
    "adios2_attribute_string_data",
    "adios2_attribute_string_data_array",
    "adios2_declare_io",
    "adios2_define_variable",
    "adios2_inquire_variable",
    "adios2_inquire_all_variables",
    "adios2_define_attribute",
    "adios2_define_attribute_array",
    "adios2_inquire_all_attributes",
    "adios2_variable_name",
    "adios2_variable_type",
    "adios2_variable_shapeid",
    "adios2_variable_ndims",
    "adios2_variable_shape",
    "adios2_variable_steps",
    "adios2_inquire_blockinfo",
    "adios2_free_blockinfo",
    "adios2_set_shape",
    "adios2_set_block_selection",
    "adios2_set_selection",
    "adios2_set_step_selection",
    "adios2_open",
    "adios2_close",
    "adios2_begin_step",
    "adios2_engine_get_type",
    "adios2_steps",
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
        .prepend_enum_name(false)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .generate_comments(false)
        .layout_tests(false)
        .merge_extern_blocks(true)
        .disable_header_comment()
        .raw_line("//! Generated from ADIOS2's `adios2_c.h` by `cargo build --features bindings`; do not edit.")
        .raw_line("#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, reason = \"names of the C API\")]")
        .raw_line("#![allow(missing_docs, missing_debug_implementations, dead_code, reason = \"ADIOS2 documents its C API\")]")
        .raw_line("#![allow(unsafe_code, unsafe_op_in_unsafe_fn, reason = \"C API\")]")
        .raw_line("#![allow(clippy::all, clippy::undocumented_unsafe_blocks, reason = \"generated\")]");
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    let bindings = builder.generate().expect("bindgen reads adios2_c.h (is libclang installed?)");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/adios2/bindings.rs");
    bindings.write_to_file(&file).expect("src/adios2/bindings.rs can be written");
}
