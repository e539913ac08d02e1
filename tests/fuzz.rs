//! Parsers of what other programs write, fed with damaged versions of real files, on stable Rust.
//!
//! The number of inputs is fixed and so is their sequence. `BCMP_FUZZ_INPUTS` sets another number for a longer run; the
//! coverage-guided fuzzer is in `fuzz/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rstest::rstest;

/// What parsers stumble over.
const WORDS: &[&[u8]] = &[
    b"NaN",
    b"-Infinity",
    b"null",
    b"-1",
    b"0",
    b"1e308",
    b"1e-320",
    b"18446744073709551616",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\n",
    b",",
    b": ",
    b"\xff",
    b"\xef\xbb\xbf",
    b"- ",
    b"&a ",
    b"*a",
    b"true",
    b"\"x\"",
];

/// A sequence of numbers that is the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, or 0 where that is 0.
    fn below(&mut self, end: usize) -> usize {
        (self.roll() % end.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..start + self.below((length - start).min(64) + 1)
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn damaged(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(4) {
        let range = dice.range(input.len());
        match dice.below(6) {
            0 if !input.is_empty() => {
                let at = dice.below(input.len());
                input[at] ^= 1 << dice.below(8);
            }
            1 => drop(input.drain(range)),
            2 => drop(input.splice(range, WORDS[dice.below(WORDS.len())].iter().copied())),
            3 => input.extend_from_within(range),
            4 => input.truncate(range.start),
            _ => {
                let other = &seeds[dice.below(seeds.len())];
                let piece = other[dice.range(other.len())].to_vec();
                input.splice(range, piece);
            }
        }
    }
    input
}

/// Replaces one of the numbers of a text by another: most fields of these files are numbers.
fn renumbered(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let input = &seeds[dice.below(seeds.len())];
    let starts: Vec<usize> =
        (1..input.len()).filter(|at| input[*at].is_ascii_digit() && b":,[ ".contains(&input[at - 1])).collect();
    let Some(start) = starts.get(dice.below(starts.len())) else { return input.clone() };
    let length = input[*start..].iter().take_while(|byte| byte.is_ascii_digit() || b".eE+-".contains(byte)).count();
    [&input[..*start], WORDS[dice.below(8)], &input[start + length..]].concat()
}

#[rstest]
#[case("aiperf_summary", 2000)]
#[case("aiperf_records", 2000)]
#[case("genai_perf", 2000)]
#[case("predictor_table", 2000)]
#[case("manifests", 200)]
fn damaged_files_break_no_promise(#[case] name: &str, #[case] inputs: u64) {
    let (_, target) = targets::TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let inputs = std::env::var("BCMP_FUZZ_INPUTS").map_or(inputs, |number| number.parse().unwrap());
    let seeds = seeds(name);
    seeds.iter().for_each(|seed| target(seed));
    let mut dice = Dice(1);
    for number in 0..inputs {
        let input = if number % 2 == 0 { damaged(&seeds, &mut dice) } else { renumbered(&seeds, &mut dice) };
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            panic!("input {number} of {name}: {}", input.escape_ascii());
        }
    }
}

#[test]
fn every_target_is_run() {
    let corpora: Vec<_> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(corpora, ["aiperf_summary", "aiperf_records", "genai_perf", "predictor_table", "manifests"]);
}
