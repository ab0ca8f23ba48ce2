//! Which axis of an array is what.

use anyhow::{Result, bail, ensure};

use super::config::DataConfig;

/// How the arrays of one step are laid out: nodes in row-major order of their axes, channels anywhere between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Size of the grid, slowest first; of points their number.
    pub grid: Vec<usize>,
    /// Channels of each array.
    pub n_channels: usize,
    /// Values between two channels.
    channel_stride: usize,
}

const AXES: &str = "one letter per axis, t first: t (time), n (nodes), z y x w (grid), c (channels), such as \"tyxc\"";

impl Layout {
    /// `dims`: of an array in one step; `default_axes`: of such an array without `data.axes`, if that is clear.
    pub fn new(config: &DataConfig, dims: &[usize], default_axes: Option<&str>, has_points: bool) -> Result<Layout> {
        let axes = match (&config.axes, default_axes) {
            (Some(axes), _) => axes.strip_prefix('t').unwrap_or(axes).to_owned(),
            (None, _) if has_points || config.grid.is_some() => match dims.len() {
                1 => "n".into(),
                2 => "nc".into(),
                _ => bail!("a step has {} axes: set 'data.axes' to {AXES}", dims.len()),
            },
            (None, Some(axes)) => axes.into(),
            (None, None) => bail!("it is not clear what the axes are: set 'data.axes' to {AXES}"),
        };
        let known = axes.chars().all(|a| "nzyxwc".contains(a));
        let unique = axes.chars().all(|a| axes.matches(a).count() == 1);
        let has_nodes = axes.chars().any(|a| a != 'c') && (!axes.contains('n') || axes.trim_matches('c') == "n");
        if !(known && unique && has_nodes) {
            bail!("'data.axes' cannot be '{}': set it to {AXES}", config.axes.as_deref().unwrap_or(&axes));
        }
        ensure!(
            axes.len() == dims.len(),
            "a step is {dims:?} but 'data.axes' is '{}': set it to {AXES}",
            config.axes.as_deref().unwrap_or(&axes)
        );
        let channel = axes.find('c');
        let nodes: Vec<usize> = (0..dims.len()).filter(|a| Some(*a) != channel).map(|a| dims[a]).collect();
        let n_nodes: usize = nodes.iter().product();
        let grid = match &config.grid {
            Some(grid) if grid.iter().product::<usize>() == n_nodes => grid.clone(),
            Some(grid) => bail!("'data.grid' cannot be {grid:?}: a step has {n_nodes} nodes"),
            None if axes.contains('n') && !has_points => {
                bail!("where the nodes are is missing: set 'data.grid' or 'data.points'")
            }
            None => nodes,
        };
        let n_channels = channel.map_or(1, |c| dims[c]);
        let channel_stride = channel.map_or(1, |c| dims[c + 1..].iter().product());
        ensure!(n_nodes > 0 && n_channels > 0, "a step of {dims:?} has no values");
        Ok(Layout { grid, n_channels, channel_stride })
    }

    /// Nodes of a step.
    pub fn n_nodes(&self) -> usize {
        self.grid.iter().product()
    }

    /// `arrays`: one step of each; -> `[n_nodes][picked.len()]`, channels counted through all arrays.
    pub fn gather(&self, arrays: &[Vec<f64>], picked: &[usize]) -> Vec<f32> {
        let n_nodes = self.n_nodes();
        let mut out = vec![0.0; n_nodes * picked.len()];
        for (slot, &channel) in picked.iter().enumerate() {
            let (array, channel) = (&arrays[channel / self.n_channels], channel % self.n_channels);
            for (node, row) in out.chunks_exact_mut(picked.len()).enumerate() {
                let at = self.position(node, channel);
                row[slot] = array[at] as f32;
            }
        }
        out
    }

    /// Nodes that vary faster than the channels stand together.
    fn position(&self, node: usize, channel: usize) -> usize {
        if self.n_channels == 1 {
            return node;
        }
        let (outer, inner) = (node / self.channel_stride, node % self.channel_stride);
        (outer * self.n_channels + channel) * self.channel_stride + inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DataConfig {
        toml::from_str(&format!("path = 'u'\n{text}")).unwrap()
    }

    #[test]
    fn channels_are_found_wherever_they_stand() {
        // Value = 10 * node + channel, nodes 2 x 3, channels 4.
        let value = |node: usize, channel: usize| (10 * node + channel) as f64;
        let last: Vec<f64> = (0..24).map(|i| value(i / 4, i % 4)).collect();
        let first: Vec<f64> = (0..24).map(|i| value(i % 6, i / 6)).collect();
        let middle: Vec<f64> = (0..24).map(|i| value(i / 12 * 3 + i % 3, i / 3 % 4)).collect();
        let cases = [("tyxc", vec![2, 3, 4], last), ("tcyx", vec![4, 2, 3], first), ("tycx", vec![2, 4, 3], middle)];
        for (axes, dims, array) in cases {
            let layout = Layout::new(&config(&format!("axes = '{axes}'")), &dims, None, false).unwrap();
            assert_eq!((layout.grid.as_slice(), layout.n_channels), (&[2, 3][..], 4));
            let two = layout.gather(std::slice::from_ref(&array), &[3, 1]);
            let wanted: Vec<f32> = (0..6).flat_map(|n| [value(n, 3) as f32, value(n, 1) as f32]).collect();
            assert_eq!(two, wanted, "{axes}");
        }
    }

    #[test]
    fn several_variables_are_channels_one_after_the_other() {
        let layout = Layout::new(&config(""), &[2, 2], Some("yx"), false).unwrap();
        let arrays = [vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0]];
        assert_eq!(layout.gather(&arrays, &[0, 1]), [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]);
    }

    #[test]
    fn what_is_unclear_is_asked_for() {
        for (text, dims, has_points, words) in [
            ("", vec![4, 3], false, "set 'data.axes'"),
            ("axes = 'tnc'", vec![6, 4], false, "'data.grid' or 'data.points'"),
            ("axes = 'tnc'\ngrid = [2, 4]", vec![6, 4], false, "'data.grid' cannot be [2, 4]"),
            ("axes = 'tyx'", vec![2, 3, 4], false, "[2, 3, 4] but 'data.axes' is 'tyx'"),
            ("axes = 'tqc'", vec![2, 3], false, "cannot be 'tqc'"),
            ("axes = 'tnyc'", vec![2, 3, 4], true, "cannot be 'tnyc'"),
            ("axes = 'tc'", vec![3], true, "cannot be 'tc'"),
        ] {
            let error = Layout::new(&config(text), &dims, None, has_points).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        let grid = Layout::new(&config("grid = [2, 3]"), &[6, 4], None, false).unwrap();
        assert_eq!((grid.n_nodes(), grid.n_channels), (6, 4));
        assert_eq!(Layout::new(&config(""), &[5], None, true).unwrap().n_nodes(), 5);
    }
}
