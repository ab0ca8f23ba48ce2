//! From steps to dispatches.

use super::program::{Needs, Program, Purpose};
use super::work::{Kind, MAX_AXES, SeriesWork, Visit, loss_number};
use crate::Result;
use crate::backend::gpu::layout::Layout;
use crate::backend::gpu::shader::Kernel;
use crate::backend::gpu::tile::{DeviceKind, Tile};
use crate::backend::series::{SeriesProblem, Step};
use crate::mesh::Mesh;
use crate::train::Objective;
use crate::train::Schedule;

/// Device memory for what workgroups keep.
const WORKGROUP_MEMORY: usize = 64 << 20;
/// Threads per workgroup of the kernels that have one per parameter or node.
const THREADS: u32 = 256;

/// What does not change from step to step.
#[derive(Clone, Debug)]
pub(super) struct Planner {
    tile: Tile,
    objective: Objective,
    n_mesh: u32,
    n_channels: u32,
    /// Parameters in a network on the device, in floats.
    n_positions: u32,
    /// Workgroups that a step's tiles are shared out to.
    n_workgroups: usize,
    tiles_per_dispatch: u32,
    /// What all dispatches have in common.
    common: SeriesWork,
}

impl Planner {
    /// # Errors
    /// One sentence on what the kernels cannot do.
    pub fn new(
        problem: &SeriesProblem,
        tile: Tile,
        kind: DeviceKind,
        max_binding_bytes: usize,
    ) -> Result<Planner, String> {
        let (shape, objective) = (&problem.shape, problem.objective);
        let spatial = shape.spatial();
        let Some(loss) = loss_number(objective.loss) else {
            return Err("the loss W2 has no GPU kernel".into());
        };
        let (kept, partial) = tile.bytes_per_workgroup(&spatial);
        let fit = (WORKGROUP_MEMORY / (kept + partial)).min(max_binding_bytes / kept.max(partial));
        let n_params = shape.n_params() as u32;
        let common = SeriesWork {
            seed: problem.seed,
            n_mesh: problem.mesh.n_nodes() as u32,
            loss,
            n_params,
            n_shared: shape.generator_params().start as u32,
            n_generated: shape.generated().len() as u32,
            time_span: shape.time_span as u32,
            clip: objective.clip,
            norm_decay: Objective::NORM_DECAY as f32,
            axes: axes(&problem.mesh),
            ..SeriesWork::default()
        };
        Ok(Planner {
            tile,
            objective,
            n_mesh: common.n_mesh,
            n_channels: shape.n_channels as u32,
            n_positions: 4 * Layout::new(&spatial).n_vectors() as u32,
            n_workgroups: fit.clamp(1, kind.max_workgroups(shape.width)),
            tiles_per_dispatch: tile.tiles_per_dispatch(&spatial) as u32,
            common,
        })
    }

    /// Appends a step, the `n_taken`-th of the optimiser (from 0), to `program`. `target` finds the visit of a slot.
    ///
    /// # Errors
    /// Those of `target`.
    pub fn add(
        &self,
        program: &mut Program,
        step: &Step,
        n_taken: u32,
        purpose: Purpose,
        target: impl Fn(usize) -> Result<Visit>,
    ) -> Result<()> {
        let mut visits = self.visits(step, target)?;
        let needs = self.place(&mut visits);
        let work = SeriesWork {
            step: n_taken,
            first_visit: program.visits.len() as u32,
            n_visits: visits.len() as u32,
            n_now: step.now.len() as u32,
            at_factors: (needs.n_sums - visits.len() * (1 + self.n_channels as usize)) as u32,
            parity: n_taken % 2,
            slot: program.n_evaluations.len() as u32,
            n_squares: if purpose == Purpose::Loss { 0 } else { self.common.n_params.div_ceil(THREADS) },
            threshold: if let Purpose::Train(Some(threshold)) = purpose { threshold.min(f32::MAX) } else { -1.0 },
            ..self.with_rates(step.rate, n_taken)
        };
        self.dispatches(program, work, &visits, purpose);
        program.n_evaluations.push(visits.iter().map(|v| u64::from(v.n_nodes)).sum());
        program.visits.extend(visits);
        let (n_descriptions, n_works) = (program.visits.len(), program.works.len());
        program.needs = Needs { n_descriptions, n_works, ..program.needs.max(needs) };
        Ok(())
    }

    /// The dispatches of a step in order.
    fn dispatches(&self, program: &mut Program, work: SeriesWork, visits: &[Visit], purpose: Purpose) {
        let (n_visits, n_squares) = (work.n_visits, work.n_squares);
        let n_slots = visits.iter().map(|v| v.n_slots).max().unwrap_or(0);
        let n_rows = visits.iter().map(|v| v.n_rows).max().unwrap_or(0);
        let rounds = self.rounds(visits);
        program.works.push(work);
        program.dispatch(Kernel::SeriesGenerate, (self.n_positions.div_ceil(THREADS), n_visits));
        program.over_tiles(Kernel::SeriesCompare, work, &rounds, (n_slots, n_visits));
        if n_rows > 0 {
            program.dispatch(Kernel::SeriesProject, (n_rows, n_visits));
        }
        program.dispatch(Kernel::SeriesLoss, (1, n_visits));
        if purpose != Purpose::Loss {
            if n_rows > 0 {
                program.dispatch(Kernel::SeriesUnproject, (self.n_mesh.div_ceil(THREADS), n_visits));
            }
            program.over_tiles(Kernel::SeriesTrain, work, &rounds, (n_slots, n_visits));
            if n_slots > 1 {
                program.dispatch(Kernel::SeriesReduce, (self.n_positions.div_ceil(4 * 32), n_visits));
            }
            if self.common.n_generated > 0 {
                program.dispatch(Kernel::SeriesGenerator, (1, n_visits));
            }
            program.dispatch(Kernel::SeriesGradient, (n_squares, 1));
        }
        if purpose != Purpose::Gradient {
            program.dispatch(Kernel::SeriesAdam, (n_squares.max(1), 1));
        }
    }

    fn with_rates(&self, rate: f32, n_taken: u32) -> SeriesWork {
        let (factor, is_adaptive) = self.objective.rectification(n_taken + 1);
        SeriesWork {
            is_adaptive,
            rate: rate * factor,
            generator_rate: rate * (factor * self.objective.generator_rate),
            correction: Schedule::bias_correction(n_taken),
            ..self.common
        }
    }

    /// The visits of a step, as src/backend/cpu/series/visit.rs draws them.
    fn visits(&self, step: &Step, target: impl Fn(usize) -> Result<Visit>) -> Result<Vec<Visit>> {
        let n_now = step.now.len();
        let slots = step.now.iter().chain(&step.past).enumerate();
        slots
            .map(|(index, &slot)| {
                let mut visit = target(slot)?;
                let is_now = index < n_now;
                visit.weight = if is_now { 1.0 / n_now as f32 } else { self.objective.weight / step.past.len() as f32 };
                if is_now && visit.kind == Kind::All && (1..self.n_mesh).contains(&step.n_nodes) {
                    visit.kind = Kind::Drawn;
                    visit.n_nodes = step.n_nodes;
                    visit.first_draw = (index as u32).wrapping_mul(step.n_nodes);
                    visit.energy_scale = self.n_mesh as f32 / step.n_nodes as f32;
                }
                Ok(visit)
            })
            .collect()
    }

    /// Gives each visit its workgroups and its place in the buffers of a step.
    fn place(&self, visits: &mut [Visit]) -> Needs {
        let n_channels = self.n_channels as usize;
        let n_tiles = |visit: &Visit| (visit.n_nodes as usize).div_ceil(self.tile.t);
        let all_tiles: usize = visits.iter().map(n_tiles).sum();
        let (mut n_slots, mut n_sums, mut n_errors) = (0, 0, 0);
        for visit in visits.iter_mut() {
            let share = (self.n_workgroups * n_tiles(visit) / all_tiles).clamp(1, n_tiles(visit));
            let n = if visit.n_rows > 0 { visit.n_rows as usize } else { share };
            (visit.n_slots, visit.first_slot) = (share as u32, n_slots as u32);
            (visit.n_sums, visit.first_sum) = (n as u32, n_sums as u32);
            visit.first_error = n_errors as u32;
            n_errors += visit.n_nodes as usize * n_channels;
            visit.first_row = n_errors as u32;
            n_errors += visit.n_rows as usize * n_channels;
            n_slots += share;
            n_sums += n;
        }
        let n_visits = visits.len();
        let n_sums = n_sums * n_channels + n_visits * (n_channels + 1);
        Needs { n_visits, n_slots, n_errors, n_sums, ..Needs::default() }
    }

    /// The rounds of each dispatch over tiles: as many as an invocation may loop over.
    fn rounds(&self, visits: &[Visit]) -> Vec<(u32, u32)> {
        let rounds = |visit: &Visit| visit.n_nodes.div_ceil(self.tile.t as u32).div_ceil(visit.n_slots);
        let n = visits.iter().map(rounds).max().unwrap_or(0);
        let first = (0..n).step_by(self.tiles_per_dispatch as usize);
        first.map(|first| (first, n.min(first + self.tiles_per_dispatch))).collect()
    }
}

/// Per axis of a grid: nodes along it and where its table begins; zeros for points.
fn axes(mesh: &Mesh) -> [(u32, u32); MAX_AXES] {
    let mut axes = [(0, 0); MAX_AXES];
    if let Mesh::Grid { dims, .. } = mesh {
        let mut first = 0;
        for (axis, &n) in axes.iter_mut().zip(dims) {
            *axis = (n as u32, first);
            first += n as u32;
        }
    }
    axes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::gpu::WorkgroupLimits;
    use crate::model::{NetworkKind, SeriesShape};
    use std::sync::Arc;

    fn planner(kind: DeviceKind, dims: &[usize]) -> (Planner, Tile) {
        let (n_space, width) = (dims.len(), 32);
        let shape = SeriesShape { kind: NetworkKind::Film, n_space, width, n_blocks: 3, n_channels: 2, time_span: 1 };
        let limits = WorkgroupLimits { bytes: 48 << 10, invocations: 1024 };
        let tile = Tile::choose(&shape.spatial(), limits, kind).expect("a tile");
        let objective = Objective::default();
        let problem = SeriesProblem { shape, mesh: Arc::new(Mesh::grid(dims)), objective, seed: 1 };
        (Planner::new(&problem, tile, kind, 1 << 27).expect("kernels for it"), tile)
    }

    #[test]
    fn a_step_visits_every_tile_once_and_no_invocation_loops_too_long() {
        for kind in [DeviceKind::Software, DeviceKind::Hardware] {
            let (planner, tile) = planner(kind, &[3000, 1000]);
            let step = Step { now: vec![0, 1], past: vec![2; 20], n_nodes: 0, rate: 1e-3 };
            let sketch = Visit { kind: Kind::Listed, n_nodes: 700, ..Visit::default() };
            let target = |slot| Ok(if slot < 2 { Visit { n_nodes: 3_000_000, ..Visit::default() } } else { sketch });
            let mut program = Program::default();
            planner.add(&mut program, &step, 5, Purpose::Train(None), target).expect("a plan");
            let rounds: Vec<_> = program.dispatches.iter().filter(|d| d.kernel == Kernel::SeriesTrain).collect();
            let works: Vec<_> = rounds.iter().map(|d| program.works[d.work as usize]).collect();
            assert!(works.windows(2).all(|w| w[0].end_round == w[1].first_round) && works[0].first_round == 0);
            let per_tile = tile.iterations_per_tile(&SIREN) as u32;
            assert!(works.iter().all(|w| (w.end_round - w.first_round) * per_tile < 65_535));
            for visit in &program.visits {
                let n_tiles = visit.n_nodes.div_ceil(tile.t as u32);
                assert!(works[works.len() - 1].end_round * visit.n_slots >= n_tiles && visit.n_slots <= n_tiles);
            }
            let last = program.visits[21];
            assert_eq!((last.first_slot + last.n_slots) as usize, program.needs.n_slots);
            assert_eq!(last.first_error as usize, 2 * (6_000_000 + 19 * 700));
        }
    }

    const SIREN: crate::model::SirenShape =
        crate::model::SirenShape { n_inputs: 2, width: 32, n_blocks: 3, n_outputs: 2 };

    #[test]
    fn losses_alone_need_no_gradient_and_a_gradient_alone_no_update() {
        let (planner, _) = planner(DeviceKind::Software, &[10, 10]);
        let step = Step { past: vec![0], ..Step::default() };
        let kernels = |purpose| {
            let mut program = Program::default();
            let target = |_| Ok(Visit { n_nodes: 100, ..Visit::default() });
            planner.add(&mut program, &step, 0, purpose, target).expect("a plan");
            program.dispatches.iter().map(|d| d.kernel).collect::<Vec<_>>()
        };
        assert!(!kernels(Purpose::Loss).contains(&Kernel::SeriesTrain));
        assert!(!kernels(Purpose::Gradient).contains(&Kernel::SeriesAdam));
        assert!(kernels(Purpose::Train(None)).ends_with(&[Kernel::SeriesGradient, Kernel::SeriesAdam]));
    }
}
