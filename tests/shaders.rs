//! All generated WGSL is valid, for every size and tile, without a driver.
#![cfg(feature = "gpu")]

use adios2_inr::backend::gpu::{DeviceKind, Kernel, Layers, Tile, WorkgroupLimits, fma_peak_source, infer_source};
use adios2_inr::backend::stencil::StencilShape;
use adios2_inr::model::SirenShape;
use adios2_inr::predict::stencil::n_inputs;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

/// Workgroup memory and kind of: WebGPU's minimum, software Vulkan, Apple, NVIDIA, AMD.
const DEVICES: [(usize, DeviceKind); 5] = [
    (16 << 10, DeviceKind::Hardware),
    (32 << 10, DeviceKind::Software),
    (32 << 10, DeviceKind::Hardware),
    (48 << 10, DeviceKind::Hardware),
    (64 << 10, DeviceKind::Hardware),
];

fn checked(source: &str) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source).unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|e| panic!("{}", e.emit_to_string(source)));
    (module, info)
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::SIREN.into_iter().chain(Kernel::SERIES)
}

fn tiles(shape: impl Into<Layers>) -> Vec<Tile> {
    let shape = shape.into();
    let mut tiles = Vec::new();
    for (bytes, kind) in DEVICES {
        let limits = WorkgroupLimits { bytes, invocations: 1024 };
        let tile = Tile::choose(shape, limits, kind).expect("a tile for every device");
        if !tiles.contains(&tile) {
            tiles.push(tile);
        }
    }
    tiles
}

fn workgroup_bytes(module: &naga::Module) -> u32 {
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).expect("sized types");
    let shared = module.global_variables.iter().filter(|(_, g)| g.space == naga::AddressSpace::WorkGroup);
    shared.map(|(_, global)| layouter[global.ty].size).sum()
}

fn validate(shape: impl Into<Layers>, kernels: &[Kernel]) -> usize {
    let shape = shape.into();
    let mut n = 0;
    for tile in tiles(shape) {
        for &kernel in kernels {
            let (module, _) = checked(&kernel.source(shape, &tile));
            assert_eq!(module.entry_points[0].name, kernel.entry());
            let (found, counted) = (workgroup_bytes(&module) as usize, tile.workgroup_bytes(shape));
            match kernel {
                Kernel::Train | Kernel::StencilTrain => assert_eq!(found, counted, "{shape:?} {tile:?}"),
                _ if kernel.is_tiled() => assert!(found <= counted, "{kernel:?} {shape:?} {tile:?}"),
                _ => assert!(found <= 16 << 10, "{kernel:?} {shape:?}"),
            }
            if kernel.is_tiled() {
                let size = module.entry_points[0].workgroup_size;
                assert_eq!(size, [tile.threads(shape) as u32, 1, 1], "{shape:?} {tile:?}");
            }
            n += 1;
        }
    }
    n
}

#[test]
fn every_width_depth_and_number_of_inputs_gives_valid_wgsl() {
    let networks: Vec<Kernel> = kernels().collect();
    let mut n = 0;
    for width in (8..=128).step_by(8) {
        for n_blocks in 0..=6 {
            // Inputs and outputs vary along with width and depth; their full product is in the next test.
            let n_inputs = 1 + (width / 8 + n_blocks) % 5;
            let n_outputs = [1, 2, 3, 5, 16][(width / 8 + 2 * n_blocks) % 5];
            n += validate(&SirenShape { n_inputs, width, n_blocks, n_outputs }, &networks);
        }
    }
    assert!(n >= 16 * 7 * 13 * 2, "{n} kernels were checked");
}

#[test]
fn every_number_of_inputs_and_outputs_gives_valid_wgsl() {
    let networks: Vec<Kernel> = kernels().collect();
    for n_inputs in 1..=5 {
        for n_outputs in [1, 2, 3, 4, 5, 16] {
            for width in [8, 13, 64, 100, 128] {
                validate(&SirenShape { n_inputs, width, n_blocks: 1, n_outputs }, &networks);
            }
        }
    }
}

#[test]
fn the_kernels_of_predictors_are_valid_for_every_rank_and_width() {
    for rank in 1..=5 {
        for (width, n_fields) in (16..=64).step_by(16).flat_map(|width| [(width, 1), (width, 2)]) {
            validate(&StencilShape { n_inputs: n_inputs(rank, n_fields), width }, &Kernel::STENCIL);
        }
        let widths = [None, Some([2, 2]), Some([16, 16]), Some([6, 20]), Some([32, 32]), Some([64, 64])];
        for (widths, n_fields) in widths.into_iter().flat_map(|widths| [(widths, 1), (widths, 2)]) {
            let (module, info) = checked(&infer_source(n_inputs(rank, n_fields), widths));
            assert!(workgroup_bytes(&module) <= (10 + 6 * n_fields as u32) << 10, "{rank} {widths:?}");
            assert!(module.entry_points[0].workgroup_size[0] <= 256);
            let words = naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None);
            assert!(words.expect("SPIR-V").len() > 100);
        }
    }
}

#[test]
fn the_kernels_pass_through_the_spir_v_writer() {
    let shape = SirenShape { n_inputs: 3, width: 64, n_blocks: 2, n_outputs: 2 };
    for tile in tiles(&shape) {
        for kernel in kernels() {
            let (module, info) = checked(&kernel.source(&shape, &tile));
            let words = naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None);
            assert!(words.expect("SPIR-V").len() > 100);
        }
    }
}

#[test]
fn the_peak_kernel_is_valid() {
    checked(&fma_peak_source());
}

#[test]
fn no_kernel_uses_atomics_the_drivers_own_sine_or_too_many_buffers() {
    let shape = SirenShape { n_inputs: 3, width: 16, n_blocks: 1, n_outputs: 1 };
    for kernel in kernels() {
        let source = kernel.source(&shape, &tiles(&shape)[0]);
        let bindings = source.lines().filter(|line| line.contains("@binding") && line.contains("var<storage"));
        assert!(bindings.count() <= 8, "{kernel:?} has more storage buffers than WebGPU promises");
        let code: String = source.lines().map(|l| l.split("//").next().unwrap_or("")).collect();
        for word in ["atomic", " sin(", " cos(", "=sin(", "=cos("] {
            assert!(!code.contains(word), "{kernel:?} uses {word}");
        }
    }
}

#[test]
fn shader_files_begin_with_their_purpose_and_stay_short() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut files = 0;
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of shaders") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            assert!(text.starts_with("// "), "{path:?}");
            assert!(text.lines().count() <= 200, "{path:?}");
            assert!(text.lines().all(|line| line.len() <= 120), "{path:?}");
            files += 1;
        }
    }
    assert!(files >= 25, "{files} shaders");
}
