//! More than 2^31 values. Pages that nobody wrote to are one page of zeros, so the blocks here take little memory.

use adios2_inr::codec::{self, Context};
use adios2_inr::{Block, Dtype, Error, Settings};

const N: usize = (1 << 31) + 1;

#[test]
fn a_block_of_more_than_2_to_the_31_values_is_counted_right() {
    let zeros = vec![0; 4 * N];
    let block = Block::new(Dtype::F32, &[N], &zeros).unwrap();
    let encoded = codec::encode(&block, &Settings::default(), &Context::default()).unwrap();
    assert!(encoded.record.len() <= 40, "{} bytes", encoded.record.len());
    assert_eq!(codec::inspect(&encoded.record).unwrap().dims, [N]);
    let Err(Error::Limit { asked, .. }) = codec::decode_within(&encoded.record, 1 << 33) else { panic!("no limit") };
    assert_eq!(asked, 4 * N as u64);
}
