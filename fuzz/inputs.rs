//! Inputs for the same functions where running a fuzzer takes too long: in the unit tests of the crates, which include
//! this file.

use std::fs;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What means something in one of our formats.
const TOKENS: &[u8] = b"0123456789-/,?[]{}\"\\:&=b \x1e\x00\x80\xff\xed\xa0";

/// The seeds of a fuzz target, the files in `fuzz/seeds/<target>`, with a few bytes changed, added or taken away.
pub(crate) fn inputs(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let byte = prop_oneof![3 => select(TOKENS), 1 => any::<u8>()];
    let edit = (any::<Index>(), 0usize..6, vec(byte, 0..6));
    (select(seeds(target)), vec(edit, 0..5)).prop_map(|(mut bytes, edits)| {
        for (start, removed, added) in edits {
            let start = start.index(bytes.len() + 1);
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, added);
        }
        bytes
    })
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let files = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    let mut paths: Vec<_> = files
        .map(|file| file.expect("a folder can be read to its end").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("a seed is a file"))
        .collect()
}
