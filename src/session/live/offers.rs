//! What the variables written last offer those after them: the steps that these may be predicted with.

use std::collections::{HashMap, VecDeque};

use crate::codec::Other;
use crate::session::SeriesKey;

/// Variables written last that the next one may be predicted with.
const MOST: usize = 4;

/// A variable's step that others of the same dataset and place may be predicted with.
#[derive(Clone)]
pub struct Offer {
    /// Blocks of the variable so far, this one included.
    pub n_blocks: u64,
    /// Of the dataset.
    pub generation: u64,
    pub other: Other,
}

/// Dataset and start of a block.
type Place = (String, Vec<usize>);

fn place(key: &SeriesKey) -> Place {
    (key.dataset.clone(), key.start.clone())
}

/// By place, with the names of the variables, the one written last behind.
#[derive(Default)]
pub struct Offers(HashMap<Place, VecDeque<(String, Offer)>>);

impl Offers {
    /// What the variables before this one offer.
    pub fn before(&self, key: &SeriesKey) -> Vec<Offer> {
        let offers = self.0.get(&place(key)).into_iter().flatten();
        offers.filter(|(variable, _)| *variable != key.variable).map(|(_, offer)| offer.clone()).collect()
    }

    /// Replaces what a variable offers. Places without offers are forgotten.
    pub fn put(&mut self, key: &SeriesKey, offer: Option<Offer>) {
        let place = place(key);
        let mut offers = self.0.remove(&place).unwrap_or_default();
        offers.retain(|(variable, _)| *variable != key.variable);
        offers.extend(offer.map(|offer| (key.variable.clone(), offer)));
        if offers.len() > MOST {
            offers.pop_front();
        }
        if !offers.is_empty() {
            self.0.insert(place, offers);
        }
    }

    /// Forgets a dataset.
    pub fn forget(&mut self, dataset: &str) {
        self.0.retain(|(of, _), _| of != dataset);
    }
}
