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
    let original = floats(&shown.field.values, shown);
    let colours = (shown.field.low as f32, shown.field.high as f32);
    let picture = |caption: String, values: Vec<f32>, range| -> Result<Picture> {
        let panel = Panel { caption: String::new(), values, range };
        let (pixels, size) = raster::compose(&view, &[panel], 1)?;
        Ok(Picture { caption, png: raster::png(&pixels, size)? })
    };
    let mut decoded = Vec::new();
    for finished in group {
        let array = kept.step(finished)?;
        let values = floats(field::values(array.dtype, 0, &array.bytes)?.as_slice().to_array(), shown);
        let error: Vec<f32> = original.iter().zip(&values).map(|(x, y)| (x - y).abs()).collect();
        decoded.push((finished, values, error));
    }
    let worst = decoded.iter().flat_map(|(_, _, error)| error).filter(|e| e.is_finite()).fold(0f32, |a, b| a.max(*b));
    let caption = format!("original, step {}: {:.4} to {:.4}", shown.step, colours.0, colours.1);
    let mut pictures = vec![picture(caption, original.clone(), colours)?];
    for (finished, values, error) in decoded {
        let row = &finished.row;
        let caption = format!("{}, ratio {}, PSNR {:.1} dB", row.codec, table::number(row.ratio), row.errors.psnr);
        pictures.push(picture(caption, values, colours)?);
        let caption = format!("|error| of {}: 0 to {}", row.codec, table::number(f64::from(worst)));
        pictures.push(picture(caption, error, (0.0, worst))?);
    }
    Ok(pictures)
}

/// NaN where values do not count.
fn floats(values: impl std::borrow::Borrow<Array>, shown: &Shown) -> Vec<f32> {
    let values = values.borrow().as_slice().iter().enumerate();
    values.map(|(i, v)| if shown.field.counts(i) { v as f32 } else { f32::NAN }).collect()
}
