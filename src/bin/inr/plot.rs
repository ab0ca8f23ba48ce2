//! Line charts as PNG and SVG with a font of their own, so that they work on a machine without any. `page::charts` shows the same panels on a
//! page.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

/// One chart of a figure.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub x_log: bool,
    pub y_log: bool,
    /// Names (shown in the legend) and points; values that cannot be drawn are left out.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
    /// The same, dashed in black behind the series.
    pub limits: Vec<(String, Vec<(f64, f64)>)>,
}

/// How a series is drawn, everywhere the same.
pub struct Look {
    pub colour: (u8, u8, u8),
    /// Colours come again as dashes.
    pub is_dashed: bool,
    /// Longer lines have no marks at their points.
    pub has_marks: bool,
}

impl Look {
    pub fn of(series: usize, n_points: usize) -> Look {
        let RGBColor(r, g, b) = COLOURS[series % COLOURS.len()];
        let is_dashed = series / COLOURS.len() % 2 == 1;
        Look { colour: (r, g, b), is_dashed, has_marks: n_points <= MAX_MARKS }
    }
}

impl Panel {
    /// Those of `points` that can be drawn.
    pub fn drawable(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let fits = |v: f64, log: bool| v.is_finite() && (!log || v > 0.0);
        points.iter().copied().filter(|&(x, y)| fits(x, self.x_log) && fits(y, self.y_log)).collect()
    }

    /// The range of x with a little room around it, and whether its axis is to be logarithmic.
    pub fn x_axis(&self) -> (Range<f64>, bool) {
        self.axis(self.x_log, |p| p.0)
    }

    /// As [`Panel::x_axis`].
    pub fn y_axis(&self) -> (Range<f64>, bool) {
        self.axis(self.y_log, |p| p.1)
    }

    fn axis(&self, log: bool, pick: fn((f64, f64)) -> f64) -> (Range<f64>, bool) {
        let all = self.series.iter().chain(&self.limits);
        let values = all.flat_map(|(_, points)| self.drawable(points)).map(pick);
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return (if log { 0.1..10.0 } else { 0.0..1.0 }, log);
        }
        if log && high / low >= LEAST_SPAN {
            return (low / 1.2..high * 1.2, true);
        }
        let room = if high > low { 0.05 * (high - low) } else { 0.5 * high.abs().max(1e-300) };
        (low - room..high + room, false)
    }
}

const WIDTH: u32 = 760;
const HEIGHT: u32 = 420;
/// The built-in font.
pub const FONT: &str = "sans-serif";

const MAX_MARKS: usize = 60;

/// A logarithmic axis spans this factor at least, so that labelled powers of ten stand on it.
const LEAST_SPAN: f64 = 30.0;

/// Colours that stay apart for colour-blind readers (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// Draws panels in rows of at most `columns` to `STEM.png` and `STEM.svg`; returns both names.
pub fn save(panels: &[Panel], columns: usize, stem: &Path) -> Result<[String; 2]> {
    register_font()?;
    let columns = columns.min(panels.len()).max(1);
    let rows = panels.len().div_ceil(columns).max(1);
    let size = (WIDTH * columns as u32, HEIGHT * rows as u32);
    let mut pixels = vec![0; size.0 as usize * size.1 as usize * 3];
    draw(BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area(), panels, (rows, columns))?;
    let mut svg = String::new();
    draw(SVGBackend::with_string(&mut svg, size).into_drawing_area(), panels, (rows, columns))?;

    let [png_path, svg_path] = [".png", ".svg"].map(|extension| {
        let mut name = stem.as_os_str().to_owned();
        name.push(extension);
        std::path::PathBuf::from(name)
    });
    crate::output::write_whole(&png_path, |w| {
        let mut encoder = png::Encoder::new(w, size.0, size.1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&pixels).context("PNG")
    })?;
    crate::output::write_whole(&svg_path, |w| Ok(w.write_all(svg.as_bytes())?))?;
    Ok([png_path, svg_path].map(|p| p.display().to_string()))
}

/// Makes [`FONT`] known to plotters.
pub fn register_font() -> Result<()> {
    plotters::style::register_font(FONT, FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| anyhow!("the built-in font cannot be read"))
}

fn draw<B: DrawingBackend>(
    root: DrawingArea<B, plotters::coord::Shift>,
    panels: &[Panel],
    grid: (usize, usize),
) -> Result<()>
where
    B::ErrorType: 'static,
{
    root.fill(&WHITE)?;
    for (area, panel) in root.split_evenly(grid).iter().zip(panels) {
        match (panel.x_axis(), panel.y_axis()) {
            ((x, false), (y, false)) => draw_panel(area, panel, x, y)?,
            ((x, false), (y, true)) => draw_panel(area, panel, x, y.log_scale())?,
            ((x, true), (y, false)) => draw_panel(area, panel, x.log_scale(), y)?,
            ((x, true), (y, true)) => draw_panel(area, panel, x.log_scale(), y.log_scale())?,
        }
    }
    root.present()?;
    Ok(())
}

fn draw_panel<B: DrawingBackend, X, Y>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    panel: &Panel,
    x: X,
    y: Y,
) -> Result<()>
where
    B::ErrorType: 'static,
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(&panel.title, (FONT, 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(76)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(RGBColor(240, 240, 240))
        .x_desc(&panel.x_label)
        .y_desc(&panel.y_label)
        .x_label_formatter(&|v| tick(*v))
        .y_label_formatter(&|v| tick(*v))
        .label_style((FONT, 13))
        .axis_desc_style((FONT, 14))
        .draw()?;
    for (name, points) in &panel.limits {
        let line = chart.draw_series(DashedLineSeries::new(panel.drawable(points), 4, 4, BLACK.stroke_width(1)))?;
        line.label(name).legend(|(x, y)| PathElement::new([(x, y), (x + 6, y)], BLACK));
    }
    for (i, (name, points)) in panel.series.iter().enumerate() {
        let points = panel.drawable(points);
        let Look { colour: (r, g, b), is_dashed, has_marks } = Look::of(i, points.len());
        let colour = RGBColor(r, g, b);
        let (style, length) = (colour.stroke_width(2), if is_dashed { 6 } else { 16 });
        let line = match is_dashed {
            false => chart.draw_series(LineSeries::new(points.clone(), style))?,
            true => chart.draw_series(DashedLineSeries::new(points.clone(), 6, 5, style))?,
        };
        line.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + length, y)], style));
        if has_marks {
            chart.draw_series(points.into_iter().map(|p| Circle::new(p, 3, colour.filled())))?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .label_font((FONT, 13))
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    Ok(())
}

/// A tick label: three digits at most, with an exponent for the very small and very large.
fn tick(v: f64) -> String {
    let short = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    if v == 0.0 {
        "0".into()
    } else if !(1e-2..1e6).contains(&v.abs()) {
        let text = format!("{v:.2e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{exponent}", short(digits))
    } else {
        short(&format!("{v:.3}"))
    }
}
