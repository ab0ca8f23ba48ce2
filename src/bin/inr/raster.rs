//! Fields as pictures: pixels from nodes, colours from values, panels with captions, PNG and GIF.

use std::path::Path;

use adios2_inr::mesh::Mesh;
use anyhow::{Context as _, Result};
use plotters::prelude::*;
use plotters::style::colors::colormaps::ViridisRGB;

use crate::plot;

/// Which node each pixel shows.
pub struct View {
    /// Pixels per row.
    width: usize,
    /// Rows.
    height: usize,
    /// Node of each pixel, row by row; none where no node is near.
    nodes: Vec<Option<u32>>,
}

/// Pixels along the longer side of a panel, at the most and (by repetition) at the least.
const MAX_SIDE: usize = 256;
const MIN_SIDE: usize = 160;

impl View {
    /// The grid itself, of three and four axes the middle plane of the last two; of points the first two coordinates.
    pub fn new(mesh: &Mesh) -> View {
        match mesh {
            Mesh::Grid { dims, .. } => {
                let &[.., width] = dims.as_slice() else { return View { width: 0, height: 0, nodes: Vec::new() } };
                let height = if dims.len() > 1 { dims[dims.len() - 2] } else { 1 };
                let planes: usize = dims.iter().rev().skip(2).product();
                let outer = &dims[..dims.len().saturating_sub(2)];
                // The middle along every outer axis.
                let plane = outer.iter().fold(0, |at, d| at * d + d / 2).min(planes.max(1) - 1);
                View::scaled(width, height, |x, y| Some(((plane * height + y) * width + x) as u32))
            }
            Mesh::Points { coordinates, n_axes, .. } => View::of_points(coordinates, *n_axes),
        }
    }

    /// `node_at` of every pixel, with pixels left out or repeated until the longer side fits.
    fn scaled(width: usize, height: usize, node_at: impl Fn(usize, usize) -> Option<u32>) -> View {
        let side = width.max(height).max(1);
        let target = side.clamp(MIN_SIDE, MAX_SIDE);
        let resize = |n: usize| (n * target / side).max(if height == 1 { 24 } else { 1 });
        let (to_width, to_height) = (resize(width), resize(height));
        let pixels = (0..to_height).flat_map(|y| (0..to_width).map(move |x| (x, y)));
        let nodes = pixels.map(|(x, y)| node_at(x * width / to_width, y * height / to_height)).collect();
        View { width: to_width, height: to_height, nodes }
    }

    /// Each node as a dot.
    fn of_points(coordinates: &[f32], n_axes: usize) -> View {
        let side = MAX_SIDE;
        let mut nodes = vec![None; side * side];
        let pixel = |x: f32| (((x + 1.0) * 0.5 * (side - 1) as f32).round() as usize).min(side - 1);
        let n_nodes = coordinates.len() / n_axes;
        let radius = if n_nodes > 10_000 { 0 } else { 1 };
        for (node, x) in coordinates.chunks_exact(n_axes).enumerate() {
            let (px, py) = (pixel(x[0]), if n_axes > 1 { side - 1 - pixel(x[1]) } else { side / 2 });
            for y in py.saturating_sub(radius)..(py + radius + 1).min(side) {
                for x in px.saturating_sub(radius)..(px + radius + 1).min(side) {
                    nodes[y * side + x] = Some(node as u32);
                }
            }
        }
        View { width: side, height: side, nodes }
    }

    /// Colour numbers 0..=254 of `values: [n_nodes]` from `low` to `high`, 255 where there is no node or no finite value.
    fn indices(&self, values: &[f32], (low, high): (f32, f32)) -> Vec<u8> {
        let factor = if high > low { 254.0 / (high - low) } else { 0.0 };
        let index = |node: &Option<u32>| match node.and_then(|node| values.get(node as usize)) {
            Some(value) if value.is_finite() => ((value - low) * factor).round().clamp(0.0, 254.0) as u8,
            _ => 255,
        };
        self.nodes.iter().map(index).collect()
    }
}

/// A field with its range of colours.
pub struct Panel {
    pub caption: String,
    /// One value per node; empty: nothing is drawn.
    pub values: Vec<f32>,
    /// Values of the first and the last colour.
    pub range: (f32, f32),
}

/// Lowest and highest value of all fields.
pub fn range<'a>(fields: impl IntoIterator<Item = &'a [f32]>) -> (f32, f32) {
    let all = fields.into_iter().flatten();
    let (low, high) = all.fold((f32::MAX, f32::MIN), |(low, high), &v| (low.min(v), high.max(v)));
    if low <= high { (low, high) } else { (0.0, 0.0) }
}

/// One channel of `values: [n_nodes][n_channels]`.
pub fn channel(values: &[f32], n_channels: usize, channel: usize) -> Vec<f32> {
    values.iter().skip(channel).step_by(n_channels).copied().collect()
}

const CAPTION: usize = 20;
const GAP: usize = 8;

/// 256 colours: viridis, and white where there is nothing.
fn palette() -> Vec<[u8; 3]> {
    let colour = |i: u16| {
        let RGBColor(r, g, b) = ViridisRGB::get_color_normalized(f32::from(i), 0.0, 254.0);
        [r, g, b]
    };
    (0..255).map(colour).chain([[255; 3]]).collect()
}

/// Panels in rows of `columns`, each under its caption: RGB pixels, width and height.
pub fn compose(view: &View, panels: &[Panel], columns: usize) -> Result<(Vec<u8>, (u32, u32))> {
    let columns = columns.clamp(1, panels.len().max(1));
    let cell = (view.width.max(170) + GAP, view.height + CAPTION + GAP);
    let size = (columns * cell.0 + GAP, panels.len().div_ceil(columns) * cell.1 + GAP);
    let mut pixels = vec![255u8; size.0 * size.1 * 3];
    let palette = palette();
    let corner = |i: usize| (GAP + i % columns * cell.0, GAP + i / columns * cell.1);
    for (i, panel) in panels.iter().enumerate() {
        let (x, y) = corner(i);
        for (row, indices) in view.indices(&panel.values, panel.range).chunks(view.width.max(1)).enumerate() {
            let start = ((y + CAPTION + row) * size.0 + x) * 3;
            let colours = indices.iter().flat_map(|&i| palette[usize::from(i)]);
            pixels[start..start + 3 * indices.len()].iter_mut().zip(colours).for_each(|(p, c)| *p = c);
        }
    }
    plot::register_font()?;
    {
        let root = BitMapBackend::with_buffer(&mut pixels, (size.0 as u32, size.1 as u32)).into_drawing_area();
        for (i, panel) in panels.iter().enumerate() {
            let (x, y) = corner(i);
            let text = Text::new(panel.caption.clone(), (x as i32, y as i32 + 2), (plot::FONT, 13).into_font());
            root.draw(&text)?;
        }
        root.present()?;
    }
    Ok((pixels, (size.0 as u32, size.1 as u32)))
}

/// RGB pixels as PNG.
pub fn png(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(pixels).context("PNG")?;
    Ok(bytes)
}

/// An endless animation of `frames` (one row of panels each, all of one view), 10 per second.
pub fn write_gif(path: &Path, view: &View, frames: impl Iterator<Item = Result<Vec<Panel>>>) -> Result<()> {
    let palette = palette().concat();
    let mut frames = frames.peekable();
    let n_panels = match frames.peek() {
        Some(Ok(panels)) => panels.len(),
        _ => 1,
    };
    let (width, height) = (n_panels * (view.width + GAP) - GAP, view.height);
    crate::output::write_whole(path, |w| {
        let mut encoder = gif::Encoder::new(w, width as u16, height as u16, &palette).context("GIF")?;
        encoder.set_repeat(gif::Repeat::Infinite).context("GIF")?;
        for panels in frames {
            let mut indices = vec![255u8; width * height];
            for (i, panel) in panels?.iter().enumerate() {
                for (row, colours) in view.indices(&panel.values, panel.range).chunks(view.width).enumerate() {
                    indices[row * width + i * (view.width + GAP)..][..view.width].copy_from_slice(colours);
                }
            }
            let buffer = indices.into();
            let frame =
                gif::Frame { width: width as u16, height: height as u16, delay: 10, buffer, ..gif::Frame::default() };
            encoder.write_frame(&frame).context("GIF")?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_shows_the_middle_plane_of_a_box() {
        let view = View::new(&Mesh::grid(&[3, 4, 5]));
        assert_eq!((view.width, view.height), (160, 128));
        assert_eq!((view.nodes[0], view.nodes[160 * 128 - 1]), (Some(20), Some(39)));
    }

    #[test]
    fn points_are_dots_on_nothing() {
        let mesh = Mesh::points(&[0.0, 0.0, 1.0, 1.0, 0.5, 0.5], 2).unwrap();
        let view = View::new(&mesh);
        let shown = view.nodes.iter().flatten().count();
        assert!(shown > 3 && shown < 30, "{shown}");
        assert_eq!(view.nodes[(view.height - 1) * view.width], Some(0), "the lowest y stands at the bottom");
        let indices = view.indices(&[0.0, 1.0, 0.5], (0.0, 1.0));
        assert!(indices.contains(&255) && indices.contains(&0) && indices.contains(&254) && indices.contains(&127));
    }
}
