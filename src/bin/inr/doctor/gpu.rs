//! Graphics devices and whether they compute the right thing.

use adios2_inr::backend::gpu::{self, AdapterInfo, GpuBackend};
use adios2_inr::backend::self_test;

use super::Check;

const NAME: &str = "gpu";

/// One line per device, or one that says there is none: the CPU trains too, so that is no failure.
pub fn checks() -> Vec<Check> {
    match gpu::adapters() {
        Ok(found) if found.is_empty() => {
            vec![Check::skipped(
                NAME,
                "no device; training runs on the CPU",
                "to use a GPU, install its Vulkan driver and libvulkan1",
            )]
        }
        Ok(found) => {
            let taken = gpu::taken(&found);
            found.iter().map(|info| check(info, taken == Some(info.index))).collect()
        }
        Err(e) => vec![Check::failed(NAME, e.to_string(), "reinstall the GPU's driver, or set backend=cpu")],
    }
}

/// `is_taken`: by this process, unless `device` says otherwise.
fn check(info: &AdapterInfo, is_taken: bool) -> Check {
    let what = format!(
        "{} = {} ({}, {}, driver {}), features: {}, workgroups of {} with {} KiB, blocks up to {} MiB",
        info.index,
        info.name,
        info.kind,
        info.api,
        info.driver,
        if info.features.is_empty() { "none".into() } else { info.features.join(", ") },
        info.workgroup_invocations,
        info.workgroup_bytes >> 10,
        info.max_binding_bytes >> 20,
    );
    match GpuBackend::open(Some(&info.index.to_string()), info.is_software()).and_then(|gpu| self_test(&gpu)) {
        Ok(test) => {
            let result = format!("{what}; self-test: deviation {:.1e} in {:.1} s", test.max_deviation, test.seconds);
            let result = if is_taken { result + "; taken by this process unless 'device' is set" } else { result };
            Check::ok(NAME, if info.is_software() { result + " (software: for tests only)" } else { result })
        }
        Err(e) => {
            Check::failed(NAME, format!("{what}; {e}"), "update the driver, choose another device, or set backend=cpu")
        }
    }
}
