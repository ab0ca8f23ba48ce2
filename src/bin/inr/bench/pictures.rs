//! A slice of the shown step: original, then what each codec made of it, and its error.

use adios2_inr::field::{self, Array};
use adios2_inr::mesh::Mesh;
use anyhow::Result;

use super::data::Shown;
use super::kept::{Finished, Kept};
use crate::page::Picture;
use crate::raster::{self, Panel, View};
use crate::table;

/// Pictures of the step `shown` of each row of a group; errors of all have one range of colours.
pub fn pictures(shown: &Shown, group: &[Finished], kept: &Kept) -> Result<Vec<Picture>> {
    let view = View::new(&Mesh::grid(&shown.dims));
    let original = numbers(&shown.field.values, shown);
    let colours = (shown.field.low as f32, shown.field.high as f32);
    let picture = |caption: String, values: &[f64], range| -> Result<Picture> {
        let values = values.iter().map(|v| *v as f32).collect();
        let panel = Panel { caption: String::new(), values, range };
        let (pixels, size) = raster::compose(&view, &[panel], 1)?;
        Ok(Picture { caption, png: raster::png(&pixels, size)? })
    };
    let mut decoded = Vec::new();
    for finished in group {
        let array = kept.step(finished)?;
        let values = numbers(&field::values(array.dtype, 0, &array.bytes)?.as_slice().to_array(), shown);
        let error: Vec<f64> = original.iter().zip(&values).map(|(x, y)| (x - y).abs()).collect();
        decoded.push((finished, values, error));
    }
    let worst = decoded.iter().flat_map(|(_, _, error)| error).filter(|e| e.is_finite()).fold(0f64, |a, b| a.max(*b));
    let [low, high] = [shown.field.low, shown.field.high].map(table::number);
    let caption = format!("original, step {}: {low} to {high}", shown.field.number);
    let mut pictures = vec![picture(caption, &original, colours)?];
    for (finished, values, error) in decoded {
        let row = &finished.row;
        let caption = format!("{}, ratio {}, PSNR {:.1} dB", row.codec, table::number(row.ratio), row.errors.psnr);
        pictures.push(picture(caption, &values, colours)?);
        let caption = format!("|error| of {}: 0 to {}", row.codec, table::number(worst));
        pictures.push(picture(caption, &error, (0.0, worst as f32))?);
    }
    Ok(pictures)
}

/// NaN where values do not count.
fn numbers(values: &Array, shown: &Shown) -> Vec<f64> {
    let values = values.as_slice().iter().enumerate();
    values.map(|(i, v)| if shown.field.counts(i) { v } else { f64::NAN }).collect()
}
