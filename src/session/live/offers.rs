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

/// By place, with the names of the variables, the one written last behind.
#[derive(Default)]
pub struct Offers(HashMap<Place, VecDeque<(String, Offer)>>);

impl Offers {
    /// What the variables before this one offer.
    pub fn before(&self, key: &SeriesKey) -> Vec<Offer> {
        let offers = self.0.get(&(key.dataset.clone(), key.start.clone())).into_iter().flatten();
        offers.filter(|(variable, _)| *variable != key.variable).map(|(_, offer)| offer.clone()).collect()
    }

    /// Replaces what a variable offers.
    pub fn put(&mut self, key: &SeriesKey, offer: Option<Offer>) {
        let offers = self.0.entry((key.dataset.clone(), key.start.clone())).or_default();
        offers.retain(|(variable, _)| *variable != key.variable);
        offers.extend(offer.map(|offer| (key.variable.clone(), offer)));
        if offers.len() > MOST {
            offers.pop_front();
        }
    }

    /// Forgets a dataset.
    pub fn forget(&mut self, dataset: &str) {
        self.0.retain(|(of, _), _| of != dataset);
    }
}
