//! The rows of the one table of parameters.

use std::path::PathBuf;

use super::{Backend, Effort, Mode, ModelChoice, Network, Norm, Order, Parameter, PredictorChoice, Sketch, Temporal};

/// Stores a parsed value; false if there is none.
fn put<T>(slot: &mut T, value: Option<impl Into<T>>) -> bool {
    value.map(|v| *slot = v.into()).is_some()
}

fn number(text: &str, allowed: impl Fn(f64) -> bool) -> Option<f64> {
    text.parse().ok().filter(|&x: &f64| x.is_finite() && allowed(x))
}

fn integer(text: &str, allowed: std::ops::RangeInclusive<u64>) -> Option<u64> {
    text.parse().ok().filter(|n| allowed.contains(n))
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Option<T> {
    choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|&(_, value)| value)
}

fn text(value: &str) -> Option<&str> {
    Some(value).filter(|v| !v.is_empty())
}

/// The one table of parameters.
pub const PARAMETERS: &[Parameter] = &[
    Parameter {
        key: "accuracy",
        values: "a number above 0",
        default: "1e-2",
        meaning: "the error that holds in every block",
        set: |d, v| put(&mut d.accuracy, number(v, |x| x > 0.0)),
    },
    Parameter {
        key: "mode",
        values: "REL or ABS",
        default: "REL",
        meaning: "REL: L2 is relative to the block's L2 norm, Linf to its value range (max - min); ABS: the data's own unit",
        set: |d, v| put(&mut d.mode, choice(v, &[("rel", Mode::Rel), ("abs", Mode::Abs)])),
    },
    Parameter {
        key: "norm",
        values: "L2 or Linf",
        default: "L2",
        meaning: "which error: Euclidean over the block, or the maximum over its points",
        set: |d, v| put(&mut d.norm, choice(v, &[("l2", Norm::L2), ("linf", Norm::Linf)])),
    },
    Parameter {
        key: "psnr",
        values: "a number of dB above 0",
        default: "-",
        meaning: "instead of accuracy: at least this PSNR, peak = value range of the block",
        set: |d, v| put(&mut d.psnr, number(v, |x| x > 0.0)),
    },
    Parameter {
        key: "ratio",
        values: "a number above 1",
        default: "-",
        meaning: "instead of accuracy: raw / stored bytes, as accurate as this allows; no promise on the error, which is recorded",
        set: |d, v| put(&mut d.ratio, number(v, |x| x > 1.0)),
    },
    Parameter {
        key: "model",
        values: "auto, siren or transform",
        default: "auto",
        meaning: "auto: the smallest record that keeps the promise within the budget; siren: neural field with a coded remainder; transform: wavelet or DCT",
        set: |d, v| {
            let choices =
                [("auto", ModelChoice::Auto), ("siren", ModelChoice::Siren), ("transform", ModelChoice::Transform)];
            put(&mut d.settings.model, choice(v, &choices))
        },
    },
    Parameter {
        key: "effort",
        values: "fast, default or best",
        default: "default",
        meaning: "time for fewer bytes, with the same promise; fast: a wavelet and one look; default: what pays; best: everything in full and context models mixed, up to ten times as long, and twice as long to read",
        set: |d, v| {
            let choices = [("fast", Effort::Fast), ("default", Effort::Default), ("best", Effort::Best)];
            put(&mut d.settings.effort, choice(v, &choices))
        },
    },
    Parameter {
        key: "temporal",
        values: "none, predict or series",
        default: "none",
        meaning: "use of earlier steps; none: each record stands alone, and a neural field starts from the previous step's; series: one small network for all steps of a segment, trained while they are written and kept in NAME.bp/inr; predict: each step is predicted from the two before it, what is stored goes to NAME.bp/inr",
        set: |d, v| {
            let choices = [("none", Temporal::None), ("predict", Temporal::Predict), ("series", Temporal::Series)];
            put(&mut d.settings.temporal, choice(v, &choices))
        },
    },
    Parameter {
        key: "seconds",
        values: "a number of seconds, 0 or more",
        default: "auto: a short probe; else 10",
        meaning: "training time budget per block; in series mode of the consolidation at the end of a segment",
        set: |d, v| put(&mut d.settings.seconds, number(v, |x| x >= 0.0).map(Some)),
    },
    Parameter {
        key: "iterations",
        values: "an integer from 1 to 10000000",
        default: "-; series: 30",
        meaning: "training steps per block instead of a time budget: the same record on every run; in series mode per step, beside the budget",
        set: |d, v| put(&mut d.settings.iterations, integer(v, 1..=10_000_000).map(|n| Some(n as u32))),
    },
    Parameter {
        key: "width",
        values: "an integer from 8 to 128",
        default: "from the accuracy; series: 32, hypernet 16",
        meaning: "neurons per hidden layer of the neural field",
        set: |d, v| put(&mut d.settings.width, integer(v, 8..=128).map(|n| Some(n as usize))),
    },
    Parameter {
        key: "blocks",
        values: "an integer from 0 to 16",
        default: "from the accuracy; series: 3, tinr 4",
        meaning: "residual blocks (two layers each) of the neural field",
        set: |d, v| put(&mut d.settings.blocks, integer(v, 0..=16).map(|n| Some(n as usize))),
    },
    Parameter {
        key: "backend",
        values: "auto, gpu or cpu",
        default: "auto",
        meaning: "where to train; auto: a real GPU if there is one, else the CPU; predictors of temporal=predict on the CPU unless it says gpu",
        set: |d, v| {
            put(
                &mut d.settings.backend,
                choice(v, &[("auto", Backend::Auto), ("gpu", Backend::Gpu), ("cpu", Backend::Cpu)]),
            )
        },
    },
    Parameter {
        key: "device",
        values: "an index or a part of the adapter's name",
        default: "by local MPI rank",
        meaning: "which GPU (`inr doctor` lists them)",
        set: |d, v| put(&mut d.settings.device, text(v).map(|v| Some(v.to_owned()))),
    },
    Parameter {
        key: "threads",
        values: "an integer from 0 to 1024",
        default: "0",
        meaning: "CPU threads; 0: all that the process may use, shared among the MPI ranks of a node. The result does not depend on it",
        set: |d, v| put(&mut d.settings.threads, integer(v, 0..=1024).map(|n| n as usize)),
    },
    Parameter {
        key: "seed",
        values: "an integer from 0 to 2^64 - 1",
        default: "0",
        meaning: "of initial weights and sampled points",
        set: |d, v| put(&mut d.settings.seed, integer(v, 0..=u64::MAX)),
    },
    Parameter {
        key: "threshold",
        values: "a number of bytes, 0 or more",
        default: "4096",
        meaning: "smaller blocks are stored losslessly",
        set: |d, v| put(&mut d.settings.threshold, integer(v, 0..=u64::MAX / 2).map(|n| n as usize)),
    },
    Parameter {
        key: "fill",
        values: "a number or nan",
        default: "found by itself",
        meaning: "value that marks missing data; NaN, infinities and far-off repeated values are found without it",
        set: |d, v| put(&mut d.settings.fill, v.parse::<f64>().ok().map(Some)),
    },
    Parameter {
        key: "order",
        values: "row or column",
        default: "row",
        meaning: "column: the application hands dimensions over fastest first (Fortran)",
        set: |d, v| put(&mut d.settings.order, choice(v, &[("row", Order::Row), ("column", Order::Column)])),
    },
    Parameter {
        key: "memory",
        values: "a number of bytes, 0 or more",
        default: "1073741824",
        meaning: "limit of what is kept between steps (models to start from, decoded blocks)",
        set: |d, v| put(&mut d.settings.memory, integer(v, 0..=u64::MAX / 2).map(|n| n as usize)),
    },
    Parameter {
        key: "log",
        values: "a path",
        default: "-",
        meaning: "appends one JSON line per block to this file (`inr report` reads it)",
        set: |d, v| put(&mut d.settings.log, text(v).map(|v| Some(PathBuf::from(v)))),
    },
    Parameter {
        key: "strict",
        values: "0 or 1",
        default: "0",
        meaning: "operator: 1: where a block, step or log line would be written otherwise than asked, the write fails with the sentence that stderr gets else",
        set: |d, v| put(&mut d.settings.strict, choice(v, &[("0", false), ("1", true)])),
    },
    Parameter {
        key: "segment_steps",
        values: "an integer from 2 to 100000",
        default: "200",
        meaning: "series: steps that share one network; more steps make a better ratio and a worse fit",
        set: |d, v| put(&mut d.settings.segment_steps, integer(v, 2..=100_000).map(|n| n as usize)),
    },
    Parameter {
        key: "network",
        values: "film, tinr or hypernet",
        default: "film",
        meaning: "series: how the network depends on time; film: time moves biases and the output layer; tinr: time is one more coordinate; hypernet: time generates all weights",
        set: |d, v| {
            let choices = [("film", Network::Film), ("tinr", Network::Tinr), ("hypernet", Network::Hypernet)];
            put(&mut d.settings.network, choice(v, &choices))
        },
    },
    Parameter {
        key: "sketch",
        values: "importance, subsample, fjlt, srht, gaussian or none",
        default: "importance",
        meaning: "series: what is kept of past steps against forgetting: nodes (importance, subsample) or mixtures of all nodes",
        set: |d, v| {
            let choices = [
                ("importance", Sketch::Importance),
                ("subsample", Sketch::Subsample),
                ("fjlt", Sketch::Fjlt),
                ("srht", Sketch::Srht),
                ("gaussian", Sketch::Gaussian),
                ("none", Sketch::None),
            ];
            put(&mut d.settings.sketch, choice(v, &choices))
        },
    },
    Parameter {
        key: "nodes",
        values: "an integer from 1 to 1000000",
        default: "100",
        meaning: "series: nodes or mixtures that are kept of each step",
        set: |d, v| put(&mut d.settings.nodes, integer(v, 1..=1_000_000).map(|n| n as usize)),
    },
    Parameter {
        key: "bits",
        values: "an integer from 1 to 16, or 32",
        default: "8",
        meaning: "series: bits of each kept value",
        set: |d, v| {
            let bits = integer(v, 1..=32).filter(|n| !(17..32).contains(n));
            put(&mut d.settings.bits, bits.map(|n| n as u32))
        },
    },
    Parameter {
        key: "points",
        values: "the path of a .npy file",
        default: "-",
        meaning: "series: coordinates (n, axes) of the nodes of an unstructured mesh; blocks are rows of it, from their start on",
        set: |d, v| put(&mut d.settings.points, text(v).map(|v| Some(PathBuf::from(v)))),
    },
    Parameter {
        key: "strict_series",
        values: "0 or 1",
        default: "only with norm=Linf",
        meaning: "series: 1: each step holds its bound for good, as a remainder over the last finished network; 0: checked when written, certified at the end of the segment",
        set: |d, v| put(&mut d.strict_series, choice(v, &[("0", false), ("1", true)]).map(Some)),
    },
    Parameter {
        key: "predictor",
        values: "auto, last, linear or network",
        default: "auto",
        meaning: "predict: how a step is predicted; last: by the step before it; linear: by a stencil on the two before it; network: by that and a small network; auto: what saves most bytes",
        set: |d, v| {
            let choices = [
                ("auto", PredictorChoice::Auto),
                ("last", PredictorChoice::Last),
                ("linear", PredictorChoice::Linear),
                ("network", PredictorChoice::Network),
            ];
            put(&mut d.settings.predictor, choice(v, &choices))
        },
    },
    Parameter {
        key: "predictor_width",
        values: "16, 32, 48 or 64",
        default: "16",
        meaning: "predict: neurons per hidden layer of the network",
        set: |d, v| {
            put(&mut d.settings.predictor_width, choice(v, &[("16", 16usize), ("32", 32), ("48", 48), ("64", 64)]))
        },
    },
    Parameter {
        key: "cross",
        values: "0 or 1",
        default: "1",
        meaning: "predict: 1: a step may be predicted with that of another variable written before it, which reading it decodes too; 0: each variable by itself",
        set: |d, v| put(&mut d.settings.cross, choice(v, &[("0", false), ("1", true)])),
    },
    Parameter {
        key: "key_interval",
        values: "an integer from 1 to 10000",
        default: "16",
        meaning: "predict: steps from one that stands alone to the next; reading a step decodes at most as many of each variable that it needs",
        set: |d, v| put(&mut d.settings.key_interval, integer(v, 1..=10_000).map(|n| n as usize)),
    },
];
