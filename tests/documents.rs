//! What the documents say is what the code has.

use adios2_inr::settings;

#[test]
fn the_parameter_table_in_the_documents_is_the_one_in_the_code() {
    let page = include_str!("../docs/PARAMETERS.md");
    let table = settings::markdown_table();
    assert!(page.contains(&table), "docs/PARAMETERS.md needs this table:\n{table}");
}

#[test]
fn the_recipe_for_conda_has_the_version_of_the_crate() {
    let recipe = include_str!("../packaging/conda/recipe.yaml");
    assert!(recipe.contains(concat!("version: \"", env!("CARGO_PKG_VERSION"), "\"\n")), "packaging/conda/recipe.yaml");
}
