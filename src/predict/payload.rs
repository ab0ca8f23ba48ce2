//! Bytes of a predictor: a head, then all weights as one sequence of integers, alone or less those of an earlier predictor.

use super::network::MAX_WIDTH;
use super::stencil::{Units, n_inputs};
use super::{Dense, Mlp, Predictor, Scaling, name};
use crate::entropy::{decode_integers, encode_integers};
use crate::{Error, Result};

/// Set in the first byte of a head where units of a field beside follow it.
const BESIDE: u8 = 1 << 7;

/// Everything but the weights.
#[derive(serde::Serialize, serde::Deserialize)]
struct Head {
    rank: u8,
    own: Units,
    /// Widths of the hidden layers.
    widths: Option<[u8; 2]>,
    /// [`Dense::shift`] of the linear part, then of the network's layers.
    layers: Vec<u8>,
    /// The weights are less those of the predictor before.
    is_update: bool,
}

impl Predictor {
    /// The layers in stored order.
    fn layers(&self) -> impl Iterator<Item = &Dense> {
        std::iter::once(&self.linear).chain(self.mlp.iter().flat_map(|mlp| &mlp.layers))
    }

    /// [`Self::name`] of the predictor of these bytes, from their head alone.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn name_of(bytes: &[u8]) -> Result<String> {
        let bad = |_| Error::corrupt("a predictor in the model store is damaged");
        let (head, _) = postcard::take_from_bytes::<Head>(bytes).map_err(bad)?;
        Ok(name(head.widths.map(|[width, _]| width.into()), head.rank & BESIDE != 0))
    }

    fn integers(&self) -> Vec<i32> {
        let of_layer = |layer: &Dense| {
            let weights: Vec<i32> = layer.weights.iter().map(|&w| w.into()).collect();
            weights.into_iter().chain(layer.biases.iter().map(|&b| b.into())).collect::<Vec<i32>>()
        };
        self.layers().flat_map(of_layer).collect()
    }

    /// Bytes that [`Self::decode`] turns back, given the same `previous`.
    pub fn encode(&self, previous: Option<&Predictor>) -> Vec<u8> {
        let integers = self.integers();
        let base = previous.map(Predictor::integers).filter(|base| base.len() == integers.len());
        let update = base.map(|base| integers.iter().zip(&base).map(|(v, b)| v - b).collect::<Vec<i32>>());
        let alone = self.with_head(false, &integers);
        let update = update.map(|update| self.with_head(true, &update));
        update.filter(|update| update.len() < alone.len()).unwrap_or(alone)
    }

    fn with_head(&self, is_update: bool, integers: &[i32]) -> Vec<u8> {
        let width = |layer: &Dense| layer.n_outputs() as u8;
        let head = Head {
            rank: self.rank as u8 | if self.is_cross() { BESIDE } else { 0 },
            own: self.scaling.own,
            widths: self.mlp.as_ref().map(|mlp| [width(&mlp.layers[0]), width(&mlp.layers[1])]),
            layers: self.layers().map(|layer| layer.shift).collect(),
            is_update,
        };
        let mut bytes = postcard::to_allocvec(&head).expect("a Vec takes any head");
        if let Some(units) = &self.scaling.beside {
            bytes = postcard::to_extend(units, bytes).expect("a Vec takes any units");
        }
        bytes.extend(encode_integers(integers));
        bytes
    }

    /// Mirror of [`Self::encode`].
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn decode(bytes: &[u8], previous: Option<&Predictor>) -> Result<Predictor> {
        let bad = || Error::corrupt("a predictor in the model store is damaged");
        let (head, mut rest) = postcard::take_from_bytes::<Head>(bytes).map_err(|_| bad())?;
        let rank = usize::from(head.rank & !BESIDE);
        let mut scaling = Scaling { own: head.own, beside: None };
        if head.rank & BESIDE != 0 {
            let (units, after) = postcard::take_from_bytes::<Units>(rest).map_err(|_| bad())?;
            (scaling.beside, rest) = (Some(units), after);
        }
        if !(1..=5).contains(&rank)
            || [Some(scaling.own), scaling.beside].iter().flatten().any(|u| !u.offset.is_finite())
        {
            return Err(bad());
        }
        let widths = head.widths.map(|widths| widths.map(usize::from));
        let is_width = |w: &usize| (2..=MAX_WIDTH).contains(w) && w.is_multiple_of(2);
        if !widths.iter().flatten().all(is_width) || head.layers.len() != if widths.is_some() { 4 } else { 1 } {
            return Err(bad());
        }
        let n = n_inputs(rank, scaling.n_fields());
        let sizes: Vec<[usize; 2]> = match widths {
            Some([a, b]) => vec![[n, 1], [n, a], [a, b], [b, 1]],
            None => vec![[n, 1]],
        };
        let mut integers = decode_integers(rest, sizes.iter().map(|[k, m]| (k + 1) * m).sum())?;
        if head.is_update {
            let base = previous.map(Predictor::integers).filter(|base| base.len() == integers.len()).ok_or_else(bad)?;
            integers.iter_mut().zip(base).for_each(|(v, b)| *v = v.wrapping_add(b));
        }
        let mut rest = integers.as_slice();
        let layers: Result<Vec<Dense>> =
            sizes.iter().zip(&head.layers).map(|(size, &shift)| take_layer(&mut rest, *size, shift)).collect();
        let mut layers = layers?.into_iter();
        let linear = layers.next().ok_or_else(bad)?;
        let mlp = layers.collect::<Vec<_>>().try_into().ok().map(|layers| Mlp { layers });
        Ok(Predictor { rank, scaling, linear, mlp })
    }
}

fn take_layer(rest: &mut &[i32], [n_inputs, n_outputs]: [usize; 2], shift: u8) -> Result<Dense> {
    let bad = || Error::corrupt("a weight of a predictor is out of range");
    let mut take = |n: usize| {
        let (head, tail) = rest.split_at(n);
        *rest = tail;
        head
    };
    let weights: Option<Vec<i8>> = take(n_inputs * n_outputs).iter().map(|&w| i8::try_from(w).ok()).collect();
    let biases: Option<Vec<i16>> = take(n_outputs).iter().map(|&b| i16::try_from(b).ok()).collect();
    let layer = Dense { n_inputs, weights: weights.ok_or_else(bad)?, biases: biases.ok_or_else(bad)?, shift };
    layer.check()?;
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::{Beside, Past};
    use proptest::prelude::*;

    fn predictor(seed: i32, has_network: bool, has_beside: bool) -> Predictor {
        let dense = |n_inputs: usize, n_outputs: usize| Dense {
            n_inputs,
            weights: (0..n_inputs * n_outputs).map(|i| ((i as i32 * 37 + seed) % 255 - 127) as i8).collect(),
            biases: (0..n_outputs).map(|i| (i as i32 * 300 - seed) as i16).collect(),
            shift: 7,
        };
        let own = Units { offset: 0.25, exponent: 24, shifts: [12, 9, 8, -1] };
        let scaling = Scaling { own, beside: has_beside.then_some(Units { offset: -3.0, ..own }) };
        let n = n_inputs(2, scaling.n_fields());
        let mlp = has_network.then(|| Mlp { layers: [dense(n, 16), dense(16, 16), dense(16, 1)] });
        Predictor { rank: 2, scaling, linear: dense(n, 1), mlp }
    }

    #[test]
    fn predictors_come_back_alone_and_as_updates() {
        for (has_network, has_beside) in [(false, false), (true, false), (false, true), (true, true)] {
            let [old, new] = [0, 1].map(|seed| predictor(seed, has_network, has_beside));
            let (alone, update) = (new.encode(None), new.encode(Some(&old)));
            assert_eq!(Predictor::decode(&alone, None), Ok(new.clone()));
            assert_eq!([&alone, &update].map(|bytes| Predictor::name_of(bytes)), [(); 2].map(|()| Ok(new.name())));
            assert!((0..alone.len()).all(|n| Predictor::decode(&alone[..n], None) != Ok(new.clone())));
            assert_eq!(Predictor::decode(&update, Some(&old)), Ok(new));
            assert!(update.len() < alone.len());
            assert!(Predictor::decode(&update, None).is_err());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_an_error_or_a_sound_predictor(bytes: Vec<u8>, cut in 0usize..400, at in 0usize..400, bit in 0u8..8, has_beside: bool) {
            let mut damaged = predictor(3, true, has_beside).encode(None);
            damaged.truncate(cut.max(1));
            let at = at % damaged.len();
            damaged[at] ^= 1 << bit;
            for bytes in [bytes, damaged] {
                if let Ok(predictor) = Predictor::decode(&bytes, None) {
                    let dims = vec![3; predictor.rank];
                    let last = vec![1.0; dims.iter().product()];
                    let beside = Some(Beside { now: &last, last: &last });
                    let values = predictor.predict(Past { last: &last, before: None, beside }, &dims).unwrap();
                    prop_assert_eq!(values.len(), last.len());
                }
            }
        }
    }
}
