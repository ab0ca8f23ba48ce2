//! Logistic mixing: one probability from those of several models, each weighted by how well it did in the same kind of decision.
//!
//! `p = squash(sum_i w_i stretch(p_i))` with `stretch = squash^-1 = ln(p / (1 - p))`; the weights descend the code length online.
//! All in integers: every machine mixes the same probabilities.

use super::bit::{Bit, PROBABILITY_BITS};
use super::range::Coder;

/// Stretched probabilities are multiples of `1 / 256`, from -8 to 8,
const HALF: usize = 1 << 11;
/// and weights of `1 / 65536`.
const WEIGHT_BITS: u32 = 16;
/// A weight moves by `error * stretched / 2^15`: a rate of 0.008.
const RATE_BITS: u32 = 15;
/// No weight leaves this range, whatever a stream says.
const LIMIT: i32 = 16 << WEIGHT_BITS;
/// Weights at the start: models that agree are a little surer together.
const FIRST_SUM: i32 = 6 << (WEIGHT_BITS - 2);
/// Bits of a probability that are not looked at to stretch it.
const DROPPED: u32 = PROBABILITY_BITS - 12;

/// `exp(-1 / 256)`.
const RATIO: f64 = 0.996_101_369_470_117_5;

/// Of each stretched probability, the probability.
static SQUASH: [u16; 2 * HALF] = {
    let (mut table, mut decay, mut k) = ([0; 2 * HALF], 1.0, 0);
    let one = (1u32 << PROBABILITY_BITS) as f64;
    while k <= HALF {
        let p = (one / (1.0 + decay) + 0.5) as u32;
        if k < HALF {
            table[HALF + k] = p as u16;
        }
        table[HALF - k] = ((1 << PROBABILITY_BITS) - p) as u16;
        decay *= RATIO;
        k += 1;
    }
    table
};

/// Of each probability, without its last bits, stretched.
static STRETCH: [i16; 1 << (PROBABILITY_BITS - DROPPED)] = {
    let (mut table, mut i, mut x) = ([0; 1 << (PROBABILITY_BITS - DROPPED)], 0, 0);
    while i < table.len() {
        let p = ((i as u32) << DROPPED) + (1 << (DROPPED - 1));
        while x + 1 < SQUASH.len() && (SQUASH[x] as u32) < p {
            x += 1;
        }
        table[i] = x as i16 - HALF as i16;
        i += 1;
    }
    table
};

/// Weights of `N` models in one kind of decision.
#[derive(Clone, Copy, Debug)]
pub struct Mixer<const N: usize> {
    weights: [i32; N],
}

impl<const N: usize> Default for Mixer<N> {
    fn default() -> Self {
        Mixer { weights: [FIRST_SUM / N as i32; N] }
    }
}

impl<const N: usize> Mixer<N> {
    /// Codes a decision with what the models say together; they and the weights adapt.
    #[inline]
    pub fn code<C: Coder>(&mut self, coder: &mut C, models: [&mut Bit; N], bit: bool) -> bool {
        let inputs: [i32; N] = std::array::from_fn(|i| {
            i32::from(STRETCH[(models[i].probability() >> DROPPED) as usize & (STRETCH.len() - 1)])
        });
        let sum: i64 = inputs.iter().zip(&self.weights).map(|(&x, &w)| i64::from(x) * i64::from(w)).sum();
        let stretched = (sum >> WEIGHT_BITS).clamp(1 - HALF as i64, HALF as i64 - 1);
        let probability = u32::from(SQUASH[(stretched + HALF as i64) as usize]);
        let bit = coder.decide(probability, bit);
        let error = (i32::from(bit) << PROBABILITY_BITS) - probability as i32;
        for (weight, input) in self.weights.iter_mut().zip(inputs) {
            let step = (error * input + (1 << (RATE_BITS - 1))) >> RATE_BITS;
            *weight = (*weight + step).clamp(-LIMIT, LIMIT);
        }
        models.into_iter().for_each(|model| model.update(bit));
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{Decoder, Encoder};
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{Rng, SeedableRng};

    const UNIT: f64 = 256.0;

    #[test]
    fn stretching_is_the_logarithm_of_the_odds_and_squashing_its_inverse() {
        let one = f64::from(1u32 << PROBABILITY_BITS);
        for (i, &stretched) in STRETCH.iter().enumerate() {
            let p = ((i as f64) + 0.5) / STRETCH.len() as f64;
            let exact = (p / (1.0 - p)).ln().clamp(-8.0, 8.0);
            assert!((f64::from(stretched) / UNIT - exact).abs() < 0.07, "{p}: {stretched} for {exact}");
        }
        for (x, &p) in SQUASH.iter().enumerate() {
            let exact = one / (1.0 + (-(x as f64 - HALF as f64) / UNIT).exp());
            assert!((f64::from(p) - exact).abs() <= 0.5 + 1e-6, "{x}: {p} for {exact}");
        }
    }

    #[test]
    fn a_model_that_knows_outweighs_one_that_does_not() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let bits: Vec<bool> = (0..20_000).map(|_| random.next_u64() >> 63 != 0).collect();
        let n_bytes = |n_known: usize| {
            let (mut encoder, mut mixer) = (Encoder::default(), Mixer::<2>::default());
            let (mut known, mut blind) = (vec![Bit::default(); 2], Bit::default());
            for &bit in &bits {
                let context = usize::from(bit) * n_known;
                mixer.code(&mut encoder, [&mut known[context], &mut blind], bit);
            }
            encoder.finish().len()
        };
        assert!(n_bytes(0) > bits.len() / 8 - 20 && n_bytes(1) < bits.len() / 8 / 50, "{} {}", n_bytes(0), n_bytes(1));
    }

    #[test]
    fn decisions_come_back() {
        let bits: Vec<bool> = (0..5000u32).map(|i| i.wrapping_mul(0x9E37_79B9) >> 29 == 0 || i % 7 == 0).collect();
        let (mut encoder, mut mixer, mut models) = (Encoder::default(), Mixer::<2>::default(), [Bit::default(); 9]);
        for (i, &bit) in bits.iter().enumerate() {
            let [first, rest @ ..] = &mut models;
            mixer.code(&mut encoder, [first, &mut rest[i % 7]], bit);
        }
        let bytes = encoder.finish();
        let (mut decoder, mut mixer, mut models) = (Decoder::new(&bytes), Mixer::<2>::default(), [Bit::default(); 9]);
        for (i, &bit) in bits.iter().enumerate() {
            let [first, rest @ ..] = &mut models;
            assert_eq!(mixer.code(&mut decoder, [first, &mut rest[i % 7]], false), bit);
        }
        decoder.finish().unwrap();
    }
}
