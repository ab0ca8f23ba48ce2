//! Which GPUs there are and which one this process takes.

use crate::{Error, Result};

/// A graphics device as its driver describes it; for `inr doctor`.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterInfo {
    /// What the parameter `device` takes.
    pub index: usize,
    /// Name, such as "NVIDIA H200".
    pub name: String,
    /// Driver and its version.
    pub driver: String,
    /// "Vulkan", "Metal", "Dx12" or "Gl".
    pub api: String,
    /// "discrete", "integrated", "virtual", "software" or "other".
    pub kind: &'static str,
    /// PCI address, empty where the driver does not tell.
    pub pci: String,
    /// Optional shader features found: "f16", "subgroups", "timestamps".
    pub features: Vec<&'static str>,
    /// Workgroup memory in bytes.
    pub workgroup_bytes: usize,
    /// Invocations per workgroup.
    pub workgroup_invocations: usize,
    /// Largest buffer a shader can see, in bytes; bounds the size of a block.
    pub max_binding_bytes: u64,
}

impl AdapterInfo {
    /// Whether the "GPU" is a program on the CPU, which only tests want.
    pub fn is_software(&self) -> bool {
        self.kind == "software"
    }

    pub(super) fn new(index: usize, adapter: &wgpu::Adapter) -> Self {
        let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
        let optional = [
            (wgpu::Features::SHADER_F16, "f16"),
            (wgpu::Features::SUBGROUP, "subgroups"),
            (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
        ];
        AdapterInfo {
            index,
            name: info.name,
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
            api: format!("{:?}", info.backend),
            kind: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => "discrete",
                wgpu::DeviceType::IntegratedGpu => "integrated",
                wgpu::DeviceType::VirtualGpu => "virtual",
                wgpu::DeviceType::Cpu => "software",
                wgpu::DeviceType::Other => "other",
            },
            pci: info.device_pci_bus_id,
            features: optional.iter().filter(|(f, _)| features.contains(*f)).map(|(_, name)| *name).collect(),
            workgroup_bytes: limits.max_compute_workgroup_storage_size as usize,
            workgroup_invocations: limits.max_compute_invocations_per_workgroup as usize,
            max_binding_bytes: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
        }
    }
}

/// Instance and adapters, Vulkan, Metal or DirectX 12 first; OpenGL only where there is nothing else, because it
/// shows the same devices again.
pub(super) fn enumerate() -> (wgpu::Instance, Vec<wgpu::Adapter>) {
    let with = |backends: wgpu::Backends| {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = backends;
        descriptor.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(descriptor);
        let adapters = pollster::block_on(instance.enumerate_adapters(backends));
        (instance, adapters)
    };
    let first = with(wgpu::Backends::PRIMARY);
    if first.1.is_empty() { with(wgpu::Backends::GL) } else { first }
}

/// Index of the adapter for `device`: an index, part of a name, or nothing for "by local MPI rank among real GPUs".
/// Where a name fits several devices, the local rank decides among them.
pub(super) fn choose(
    adapters: &[AdapterInfo],
    device: Option<&str>,
    allow_software: bool,
    local_rank: usize,
) -> Result<usize> {
    let refuse = |reason: String| Err(Error::Backend { backend: "gpu".into(), reason });
    let names = || {
        let list: Vec<_> = adapters.iter().map(|a| format!("{} = {} ({})", a.index, a.name, a.kind)).collect();
        if list.is_empty() { "none".into() } else { list.join(", ") }
    };
    let candidates: Vec<usize> = match device.map(str::trim) {
        Some(text) if text.parse::<usize>().is_ok() => {
            let index = text.parse().unwrap_or(usize::MAX);
            adapters.iter().filter(|a| a.index == index).map(|a| a.index).collect()
        }
        Some(text) => {
            let part = text.to_lowercase();
            adapters.iter().filter(|a| a.name.to_lowercase().contains(&part)).map(|a| a.index).collect()
        }
        None => {
            let real: Vec<usize> = adapters.iter().filter(|a| !a.is_software()).map(|a| a.index).collect();
            let software = adapters.iter().filter(|a| allow_software && a.is_software()).map(|a| a.index);
            if real.is_empty() { software.take(1).collect() } else { real }
        }
    };
    match (candidates.is_empty(), device) {
        (false, _) => Ok(candidates[local_rank % candidates.len()]),
        (true, Some(text)) => {
            refuse(format!("no device matches '{text}' (found: {}): set device to one of these", names()))
        }
        (true, None) => refuse(format!(
            "no real GPU was found (found: {}): install the GPU's Vulkan driver and loader, or set backend=cpu",
            names()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(index: usize, name: &str, kind: &'static str) -> AdapterInfo {
        AdapterInfo {
            index,
            name: name.into(),
            driver: String::new(),
            api: "Vulkan".into(),
            kind,
            pci: String::new(),
            features: Vec::new(),
            workgroup_bytes: 32768,
            workgroup_invocations: 1024,
            max_binding_bytes: 1 << 27,
        }
    }

    fn node() -> Vec<AdapterInfo> {
        vec![
            adapter(0, "llvmpipe", "software"),
            adapter(1, "NVIDIA A100", "discrete"),
            adapter(2, "NVIDIA A100", "discrete"),
        ]
    }

    #[test]
    fn local_ranks_go_round_the_real_gpus() {
        let chosen: Vec<_> = (0..4).map(|rank| choose(&node(), None, true, rank).expect("a GPU")).collect();
        assert_eq!(chosen, [1, 2, 1, 2]);
    }

    #[test]
    fn software_is_taken_only_when_asked_for() {
        let only_software = &node()[..1];
        let error = choose(only_software, None, false, 0).unwrap_err().to_string();
        assert!(error.contains("llvmpipe") && error.contains("backend=cpu"), "{error}");
        assert_eq!(choose(only_software, None, true, 3), Ok(0));
        assert_eq!(choose(&node(), Some("LLVM"), false, 1), Ok(0));
        assert_eq!(choose(&node(), Some("0"), false, 1), Ok(0));
    }

    #[test]
    fn an_unknown_device_is_refused_with_the_list_of_devices() {
        for device in ["7", "radeon"] {
            let error = choose(&node(), Some(device), false, 0).unwrap_err().to_string();
            assert!(error.contains(device) && error.contains("1 = NVIDIA A100"), "{error}");
        }
    }
}
