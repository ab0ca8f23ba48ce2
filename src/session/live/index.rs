//! How many steps a dataset had before this process: ADIOS2 tells an operator neither step nor mode.

use std::path::Path;

/// Bytes before the first record of a BP5 index.
const HEADER: usize = 64;
/// First byte of a record that stands for a step.
const STEP: u8 = b's';

/// Steps that the index of the BP5 dataset at `dataset` lists; 0 without one. While a process has not ended its first step,
/// these are the steps it goes on after: none in a dataset that is written anew, once it is open.
pub fn n_steps(dataset: &Path) -> u64 {
    std::fs::read(dataset.join("md.idx")).map_or(0, |index| count(&index))
}

/// Records are one byte kind, eight bytes length, and as many bytes; an unfinished one at the end counts not.
fn count(index: &[u8]) -> u64 {
    let (mut n, mut rest) = (0, index.get(HEADER..).unwrap_or_default());
    while let Some((head, behind)) = rest.split_first_chunk::<9>() {
        let [kind, length @ ..] = *head;
        let body = usize::try_from(u64::from_le_bytes(length)).ok().and_then(|length| behind.split_at_checked(length));
        let Some((_, next)) = body else { break };
        n += u64::from(kind == STEP);
        rest = next;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_damage_ends_the_count() {
        let record = |kind: u8, n: usize| [&[kind][..], &(n as u64).to_le_bytes(), &vec![b's'; n]].concat();
        let index = [vec![0; HEADER], record(b'w', 32), record(STEP, 32), record(STEP, 48)].concat();
        assert_eq!((count(&index), count(&index[..index.len() - 1]), count(&index[..70]), count(&[])), (2, 1, 0, 0));
        let endless = [&index[..], &[STEP; 9]].concat();
        assert_eq!(count(&endless), 2);
    }

    #[test]
    fn a_dataset_without_an_index_has_no_steps() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(n_steps(folder.path()), 0);
    }
}
