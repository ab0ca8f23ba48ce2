//! WGSL of one kernel for one shape: a `const` block in front, the kernel's file, the shared files it uses.

use super::layout::{Layers, Layout};
use super::tile::Tile;
use crate::model::canonical::SINE;
use crate::model::series::{GENERATOR_BLOCKS, GENERATOR_WIDTH};
use crate::model::siren::{OMEGA, OMEGA_HALF_TURNS};
use crate::train::Loss;
use crate::train::Schedule;
use std::fmt::Write;

const LAYERS: &str = include_str!("../../../shaders/shared/layers.wgsl");
const GRADIENTS: &str = include_str!("../../../shaders/shared/gradients.wgsl");
const FORWARD: &str = include_str!("../../../shaders/shared/siren_forward.wgsl");
const BACKWARD: &str = include_str!("../../../shaders/shared/siren_backward.wgsl");
const SCRATCH: &str = include_str!("../../../shaders/shared/scratch.wgsl");
const RECTIFIER: &str = include_str!("../../../shaders/shared/rectifier.wgsl");
const MINIBATCH: &str = include_str!("../../../shaders/shared/minibatch.wgsl");
const RANDOM: &str = include_str!("../../../shaders/shared/random.wgsl");
const SINE_FUNCTIONS: &str = include_str!("../../../shaders/shared/sine.wgsl");
const GRID: &str = include_str!("../../../shaders/shared/grid.wgsl");
const WORK: &str = include_str!("../../../shaders/shared/work.wgsl");
const SERIES: &str = include_str!("../../../shaders/shared/series.wgsl");
const NODES: &str = include_str!("../../../shaders/shared/nodes.wgsl");
const PROJECTION: &str = include_str!("../../../shaders/shared/projection.wgsl");
const GENERATOR: &str = include_str!("../../../shaders/shared/generator.wgsl");
const PULL: &str = include_str!("../../../shaders/shared/pull.wgsl");
const FMA_PEAK: &str = include_str!("../../../shaders/fma_peak.wgsl");

/// A kernel of a shape; the entry point `series_train` is in `shaders/series/train.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the shader files say it")]
pub enum Kernel {
    Train,
    Evaluate,
    Adam,
    StencilTrain,
    StencilAverage,
    SeriesGenerate,
    SeriesCompare,
    SeriesProject,
    SeriesUnproject,
    SeriesLoss,
    SeriesTrain,
    SeriesReduce,
    SeriesGenerator,
    SeriesGradient,
    SeriesAdam,
}

/// Entry point, its file, the shared files it uses, and its bindings (see [`super::device::Device::kernel`]).
type Description = (&'static str, &'static str, &'static [&'static str], &'static str);

macro_rules! describe {
    ($entry:literal, $file:literal, [$($part:expr),*], $bindings:literal) => {
        ($entry, include_str!(concat!("../../../shaders/", $file, ".wgsl")), &[$($part),*], $bindings)
    };
}

impl Kernel {
    /// The kernels of SIRENs.
    pub const SIREN: [Kernel; 3] = [Kernel::Train, Kernel::Evaluate, Kernel::Adam];
    /// The kernels of a step of a predictor's network.
    pub const STENCIL: [Kernel; 3] = [Kernel::StencilTrain, Kernel::Adam, Kernel::StencilAverage];
    /// The kernels of series networks, in the order of a step.
    pub const SERIES: [Kernel; 10] = [
        Kernel::SeriesGenerate,
        Kernel::SeriesCompare,
        Kernel::SeriesProject,
        Kernel::SeriesUnproject,
        Kernel::SeriesLoss,
        Kernel::SeriesTrain,
        Kernel::SeriesReduce,
        Kernel::SeriesGenerator,
        Kernel::SeriesGradient,
        Kernel::SeriesAdam,
    ];

    fn description(self) -> Description {
        match self {
            Kernel::Train => {
                describe!(
                    "siren_train",
                    "siren/train",
                    [WORK, MINIBATCH, GRID, RANDOM, SINE_FUNCTIONS, LAYERS, FORWARD, SCRATCH, GRADIENTS, BACKWARD],
                    "rrwwwu"
                )
            }
            Kernel::Evaluate => {
                describe!("siren_evaluate", "siren/evaluate", [WORK, GRID, SINE_FUNCTIONS, LAYERS, FORWARD], "rwu")
            }
            Kernel::Adam => describe!("adam", "adam", [WORK], "wwrrwu"),
            Kernel::StencilTrain => {
                describe!(
                    "stencil_train",
                    "stencil/train",
                    [WORK, MINIBATCH, LAYERS, RECTIFIER, SCRATCH, GRADIENTS],
                    "rrwwwu"
                )
            }
            Kernel::StencilAverage => describe!("stencil_average", "stencil/average", [WORK], "rwu"),
            Kernel::SeriesGenerate => {
                describe!("series_generate", "series/generate", [SERIES, GENERATOR, SINE_FUNCTIONS], "rrrrwwu")
            }
            Kernel::SeriesCompare => {
                describe!(
                    "series_compare",
                    "series/compare",
                    [SERIES, NODES, RANDOM, SINE_FUNCTIONS, LAYERS, FORWARD],
                    "rrrrwwu"
                )
            }
            Kernel::SeriesProject => {
                describe!("series_project", "series/project", [SERIES, PROJECTION, RANDOM, SINE_FUNCTIONS], "rrwwu")
            }
            Kernel::SeriesUnproject => {
                describe!("series_unproject", "series/unproject", [SERIES, PROJECTION, RANDOM, SINE_FUNCTIONS], "rrwu")
            }
            Kernel::SeriesLoss => describe!("series_loss", "series/loss", [SERIES], "rrwu"),
            Kernel::SeriesTrain => describe!(
                "series_train",
                "series/train",
                [SERIES, NODES, RANDOM, SINE_FUNCTIONS, LAYERS, FORWARD, SCRATCH, GRADIENTS, BACKWARD],
                "rrrrrrwwu"
            ),
            Kernel::SeriesReduce => describe!("series_reduce", "series/reduce", [SERIES], "rwu"),
            Kernel::SeriesGenerator => {
                describe!("series_generator", "series/generator", [SERIES, GENERATOR, PULL, SINE_FUNCTIONS], "rrrrwu")
            }
            Kernel::SeriesGradient => {
                describe!("series_gradient", "series/gradient", [SERIES, GENERATOR, PULL], "rrrrwu")
            }
            Kernel::SeriesAdam => describe!("series_adam", "series/adam", [SERIES, GENERATOR], "wwwrrrwu"),
        }
    }

    /// Name of the entry point.
    pub fn entry(self) -> &'static str {
        self.description().0
    }

    /// One letter per binding: r(ead) and w(rite) storage, u(niform) with dynamic offset.
    pub(super) fn bindings(self) -> &'static str {
        self.description().3
    }

    /// Whether a workgroup is one of [`Tile::threads`].
    pub fn is_tiled(self) -> bool {
        matches!(
            self,
            Kernel::Train | Kernel::Evaluate | Kernel::StencilTrain | Kernel::SeriesCompare | Kernel::SeriesTrain
        )
    }

    /// The kernel's complete WGSL.
    pub fn source(self, shape: impl Into<Layers>, tile: &Tile) -> String {
        let layers = shape.into();
        let (_, own, shared, _) = self.description();
        let mut text = constants(layers, tile);
        for part in std::iter::once(&own).chain(shared) {
            text.extend(part.lines().map(|line| unroll_line(line, tile, layers.n_outputs)));
        }
        text
    }
}

/// Independent chains of vector multiply-adds per thread of `fma_peak.wgsl`.
const FMA_CHAINS: usize = 16;
/// Floating-point operations of one thread of `fma_peak.wgsl`: 4096 rounds, 4 lanes, 2 per multiply-add.
pub(super) const FMA_PEAK_FLOPS: f64 = 4096.0 * (FMA_CHAINS * 4 * 2) as f64;

/// WGSL of the kernel that measures the f32 peak.
pub fn fma_peak_source() -> String {
    FMA_PEAK.lines().map(|line| each(line, "#e", FMA_CHAINS, |_| Vec::new())).collect()
}

/// The sizes every kernel is written in; offsets count vectors of four floats.
fn sizes(shape: Layers, tile: &Tile) -> [(&'static str, usize); 24] {
    let layout = Layout::new(shape);
    [
        ("NI", shape.n_inputs),
        ("NO", shape.n_outputs),
        ("H", layout.h),
        ("H4", layout.h / 4),
        ("K", layout.n_hidden()),
        ("T", tile.t),
        ("T4", tile.t / 4),
        ("ROW", tile.row4()),
        ("TI", tile.ti),
        ("TS", tile.tt / 4),
        ("WI", tile.wi),
        ("WJ", tile.wj),
        ("NT", tile.threads(shape)),
        ("SLOTS", shape.n_kept),
        ("P4", layout.n_vectors()),
        ("AT_INPUT", 0),
        ("AT_INPUT_BIAS", layout.at_input_bias()),
        ("AT_HIDDEN", layout.at_hidden()),
        ("LAYER4", layout.layer4()),
        ("AT_OUTPUT", layout.at_output()),
        ("AT_OUTPUT_BIAS", layout.at_output_bias()),
        ("GW", GENERATOR_WIDTH),
        ("GK", 2 * GENERATOR_BLOCKS),
        ("AT_PLACES", 4 * layout.n_vectors() + layout.h),
    ]
}

/// The constants in front of every kernel.
fn constants(shape: Layers, tile: &Tile) -> String {
    let mut text = String::from("// Generated by src/backend/gpu/shader.rs.\n");
    let numbers = [
        ("OMEGA", OMEGA),
        ("PHASE", OMEGA_HALF_TURNS),
        ("SINE0", SINE[0]),
        ("SINE1", SINE[1]),
        ("SINE2", SINE[2]),
        ("SINE3", SINE[3]),
        ("SINE4", SINE[4]),
        ("BETA1", Schedule::BETA1),
        ("BETA2", Schedule::BETA2),
        ("EPSILON", Schedule::EPSILON),
        ("ROOT_FLOOR", Loss::ROOT_FLOOR),
        ("RPW_FLOOR", Loss::RPW_FLOOR),
    ];
    for (name, value) in sizes(shape, tile) {
        writeln!(text, "const {name}: u32 = {value}u;").expect("a String grows");
    }
    for (name, value) in numbers {
        writeln!(text, "const {name}: f32 = {value:?}f;").expect("a String grows");
    }
    text
}

/// Writes a marked line once per value. Private arrays would say the same, but software Vulkan compiles those for
/// minutes, and named registers cannot spill by accident.
fn unroll_line(line: &str, tile: &Tile, n_outputs: usize) -> String {
    if line.trim_start().starts_with("//") || !line.contains('#') {
        return format!("{line}\n");
    }
    let inner = |line: &str| unroll_line(line, tile, n_outputs);
    if line.contains("#a") {
        each_with(line, "#a", tile.ti, |a| vec![("#h", (a / 4).to_string()), ("#c", component(a))], inner)
    } else if line.contains("#h") {
        each_with(line, "#h", tile.ti / 4, |_| Vec::new(), inner)
    } else if line.contains("#b") {
        each_with(line, "#b", tile.tt / 4, |_| Vec::new(), inner)
    } else if line.contains("#q") {
        each_with(line, "#q", 4, |q| vec![("#k", component(q))], inner)
    } else if line.contains("#i") {
        each_with(line, "#i", tile.wi, |_| Vec::new(), inner)
    } else if line.contains("#o") {
        each_with(line, "#o", n_outputs, |_| Vec::new(), inner)
    } else {
        each(line, "#j", tile.wj, |_| Vec::new())
    }
}

fn component(i: usize) -> String {
    ["x", "y", "z", "w"][i % 4].to_string()
}

type Companions = Vec<(&'static str, String)>;

fn each(line: &str, mark: &str, n: usize, companions: impl Fn(usize) -> Companions) -> String {
    each_with(line, mark, n, companions, |line| format!("{line}\n"))
}

fn each_with(
    line: &str,
    mark: &str,
    n: usize,
    companions: impl Fn(usize) -> Companions,
    inner: impl Fn(&str) -> String,
) -> String {
    if !line.contains(mark) {
        return format!("{line}\n");
    }
    let one = |i: usize| {
        let line = line.replace(mark, &i.to_string());
        inner(&companions(i).iter().fold(line, |line, (mark, text)| line.replace(mark, text)))
    };
    (0..n).map(one).collect()
}
