//! A chart as the page's script takes it: the panel that is drawn to PNG and SVG, with the same axes, colours and marks.

use serde::Serialize;

use crate::plot::{Look, Panel};

#[derive(Serialize)]
pub struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    series: Vec<Line>,
}

#[derive(Serialize)]
struct Axis {
    label: String,
    is_log: bool,
    low: f64,
    high: f64,
}

#[derive(Serialize)]
struct Line {
    name: String,
    /// CSS; none for limits, which have the colour of the text.
    colour: Option<String>,
    dash: Vec<u8>,
    has_marks: bool,
    points: Vec<(f64, f64)>,
}

impl Chart {
    pub fn of(panel: &Panel) -> Chart {
        let axis = |label: &str, (range, is_log): (std::ops::Range<f64>, bool)| Axis {
            label: label.to_owned(),
            is_log,
            low: range.start,
            high: range.end,
        };
        let limits = panel.limits.iter().map(|(name, points)| Line {
            name: name.clone(),
            colour: None,
            dash: vec![4, 4],
            has_marks: false,
            points: panel.drawable(points),
        });
        let series = panel.series.iter().enumerate().map(|(i, (name, points))| {
            let points = panel.drawable(points);
            let Look { colour: (r, g, b), is_dashed, has_marks } = Look::of(i, points.len());
            // Black is the colour of the text, which is light on a dark page.
            let colour = ((r, g, b) != (0, 0, 0)).then(|| format!("rgb({r}, {g}, {b})"));
            let dash = if is_dashed { vec![6, 5] } else { Vec::new() };
            Line { name: name.clone(), colour, dash, has_marks, points }
        });
        Chart {
            title: panel.title.clone(),
            x: axis(&panel.x_label, panel.x_axis()),
            y: axis(&panel.y_label, panel.y_axis()),
            series: series.chain(limits).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let points = vec![(1.0, 0.0), (2.0, f64::INFINITY), (3.0, 1e-5), (4.0, 1.0)];
        let panel = Panel { y_log: true, series: vec![("u".into(), points)], ..Panel::default() };
        let chart = Chart::of(&panel);
        assert_eq!(chart.series[0].points, [(3.0, 1e-5), (4.0, 1.0)]);
        assert!(chart.y.is_log && chart.y.low > 0.0 && !chart.x.is_log);
    }
}
