//! Where this process stands among the MPI ranks of its node, as launchers tell it, and what is its share of the cores.

use std::num::NonZero;

/// One of the ranks of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Rank {
    /// From 0.
    pub local: usize,
    /// Ranks of this program on the node; 1 where the launcher does not tell.
    pub n_local: usize,
    /// Who told.
    pub launcher: &'static str,
}

/// Launchers with the variables of the local rank and of the number of local ranks, in the order in which they are asked: a library's
/// own launcher knows more than the batch system that it runs in.
const LAUNCHERS: [(&str, &str, &str); 5] = [
    ("Open MPI", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MPICH or Intel MPI", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("MVAPICH", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("PMI", "PMI_LOCAL_RANK", "PMI_LOCAL_SIZE"),
    ("Cray PALS", "PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE"),
];

/// Reads an environment variable.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// This process; `None` without a launcher.
pub fn rank() -> Option<Rank> {
    find(&|name| std::env::var(name).ok())
}

fn find(environment: Lookup) -> Option<Rank> {
    let number = |name: &str| environment(name)?.trim().parse::<usize>().ok();
    let known =
        LAUNCHERS.iter().find_map(|&(launcher, local, n_local)| Some((launcher, number(local)?, number(n_local))));
    let flux = || {
        let size = number("FLUX_JOB_SIZE").zip(number("FLUX_JOB_NNODES").filter(|&n| n > 0));
        Some(("Flux", number("FLUX_TASK_LOCAL_ID")?, size.map(|(n_ranks, n_nodes)| n_ranks.div_ceil(n_nodes))))
    };
    let slurm = || {
        // Only steps have it: a batch script is one process, whatever its job may start.
        let per_node = environment("SLURM_STEP_TASKS_PER_NODE");
        let node = number("SLURM_NODEID").unwrap_or(0);
        Some(("Slurm", number("SLURM_LOCALID")?, per_node.and_then(|list| nth_of_list(&list, node))))
    };
    let (launcher, local, n_local) = known.or_else(flux).or_else(slurm)?;
    Some(Rank { local, n_local: n_local.unwrap_or(1).max(1), launcher })
}

/// The number for node `index` in Slurm's "4(x2),3", which is 4, 4, 3.
fn nth_of_list(list: &str, index: usize) -> Option<usize> {
    let mut left = index;
    for part in list.split(',') {
        let (number, times) = part.trim().split_once("(x").unwrap_or((part.trim(), "1)"));
        let times: usize = times.strip_suffix(')')?.parse().ok()?;
        if left < times {
            return number.parse().ok();
        }
        left -= times;
    }
    None
}

/// Threads for this process: the cores that it may use, or its share of the node's where its ranks have them in common.
pub fn n_threads() -> usize {
    let own = std::thread::available_parallelism().map_or(1, NonZero::get);
    rank().map_or(own, |rank| share(own, n_cores(own), rank.n_local))
}

/// A rank that its launcher bound to cores of its own has fewer than its share of the node's, or as many.
fn share(own: usize, n_cores: usize, n_local: usize) -> usize {
    own.min((n_cores / n_local).max(1))
}

/// Cores that all ranks of this node have together: those of the machine, or of the batch job, or of the container whose time is
/// limited to fewer than the process is bound to.
fn n_cores(own: usize) -> usize {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let bound = || {
        let status = read("/proc/self/status")?;
        count(status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?)
    };
    if bound().is_some_and(|bound| own < bound) {
        return own;
    }
    let online = read("/sys/devices/system/cpu/online").and_then(|list| count(&list)).unwrap_or(own);
    let of_job = std::env::var("SLURM_CPUS_ON_NODE").ok().and_then(|n| n.trim().parse().ok());
    online.min(of_job.unwrap_or(online)).max(1)
}

/// How many numbers are in Linux's "0-3,8".
fn count(list: &str) -> Option<usize> {
    let length = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(last.parse::<usize>().ok()?.checked_sub(first.parse().ok()?)? + 1)
    };
    list.trim().split(',').map(length).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Option<Rank> {
        let value = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        find(&value)
    }

    #[track_caller]
    fn is(variables: &[(&str, &str)], launcher: &'static str, local: usize, n_local: usize) {
        assert_eq!(found(variables), Some(Rank { local, n_local, launcher }));
    }

    #[test]
    fn every_launcher_tells_the_local_rank_and_their_number() {
        for (launcher, local, n_local) in LAUNCHERS {
            is(&[(local, "2"), (n_local, "4")], launcher, 2, 4);
        }
        is(&[("FLUX_TASK_LOCAL_ID", "1"), ("FLUX_JOB_SIZE", "7"), ("FLUX_JOB_NNODES", "2")], "Flux", 1, 4);
        let step = ("SLURM_STEP_TASKS_PER_NODE", "4(x2),3");
        is(&[("SLURM_LOCALID", "3"), ("SLURM_NODEID", "1"), step], "Slurm", 3, 4);
        is(&[("SLURM_LOCALID", "2"), ("SLURM_NODEID", "2"), step], "Slurm", 2, 3);
    }

    #[test]
    fn a_program_without_a_launcher_has_no_rank_and_one_in_a_batch_script_is_alone() {
        assert_eq!(found(&[]), None);
        is(&[("SLURM_LOCALID", "0"), ("SLURM_TASKS_PER_NODE", "64")], "Slurm", 0, 1);
        assert_eq!(found(&[("MPI_LOCALRANKID", "many")]), None);
    }

    #[test]
    fn mpirun_in_a_slurm_job_counts_not_slurm() {
        let both = [("SLURM_LOCALID", "0"), ("MPI_LOCALRANKID", "5"), ("MPI_LOCALNRANKS", "8")];
        is(&both, "MPICH or Intel MPI", 5, 8);
    }

    #[test]
    fn ranks_share_the_cores_unless_each_was_bound_to_its_own() {
        assert_eq!(share(64, 64, 4), 16);
        assert_eq!(share(16, 64, 4), 16, "bound to a quarter");
        assert_eq!(share(2, 64, 4), 2, "bound to two cores");
        assert_eq!(share(2, 2, 4), 1, "more ranks than cores");
        assert_eq!(share(8, 8, 1), 8);
    }

    #[test]
    fn lists_of_cores_are_counted() {
        assert_eq!(count("0-3,8\n"), Some(5));
        assert_eq!(count("\t0"), Some(1));
        assert_eq!(count("3-1"), None);
        assert_eq!(nth_of_list("2,1(x3)", 3), Some(1));
        assert_eq!(nth_of_list("2", 1), None);
    }
}
