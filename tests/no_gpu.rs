//! Without a GPU `backend=auto` costs nothing: no driver is loaded. Alone in its process, because others may load one.
#![cfg(all(feature = "gpu", target_os = "linux"))]

use adios2_inr::Settings;
use adios2_inr::backend::choose::choose;
use adios2_inr::backend::gpu::may_have_gpu;

#[test]
fn the_vulkan_loader_stays_out_of_a_process_on_a_machine_without_a_gpu() {
    if may_have_gpu() {
        return;
    }
    let backend = choose(&Settings::from_pairs([("backend", "auto")]).unwrap()).unwrap().backend;
    assert!(backend.name().starts_with("cpu"), "{}", backend.name());
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    assert!(!maps.contains("vulkan"), "a driver was loaded");
}
