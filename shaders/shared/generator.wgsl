// The generator, a SIREN of GK hidden layers of GW neurons (src/model/series.rs): where its parameters stand in the
// stored vector, and what one visit keeps of it for the way back.

// A shared table entry at and above this number is an output of the generator.
const GENERATED: u32 = 0x80000000u;

// Per visit: phases [GK + 1][GW]; inputs of all layers [GK + 2][GW], the window's times first; dLoss/dsum [GK + 1][GW].
const PHASES: u32 = 0u;
const INPUTS: u32 = (GK + 1u) * GW;
const DELTAS: u32 = INPUTS + (GK + 2u) * GW;
const RECORD: u32 = DELTAS + (GK + 1u) * GW;

// First weight of layer 0 (from the times), 1..=GK, GK + 1 (output); its biases follow its weights.
fn generator_layer(layer: u32) -> u32 {
  let input = GW * work.time_span + GW;
  return work.n_shared + select(0u, input + (layer - 1u) * (GW * GW + GW), layer > 0u);
}

fn generator_output_bias() -> u32 {
  return generator_layer(GK + 1u) + work.n_generated * GW;
}
