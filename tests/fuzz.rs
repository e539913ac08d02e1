//! Parsers of what other programs write, fed with damaged versions of real files, on stable Rust.
//!
//! The number of inputs is fixed and so is their sequence. `BCMP_FUZZ_INPUTS` sets another number for each target and
//! `BCMP_FUZZ_SECONDS` a time instead, `BCMP_FUZZ_SEED` another sequence; the coverage-guided fuzzer is in `fuzz/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

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

/// Seconds one input may take. The slowest takes a few hundredths.
const PATIENCE: Duration = Duration::from_secs(10);
/// How far all inputs together may raise the memory of this process.
const MEMORY_MEGABYTES: u64 = 512;

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap_or_else(|_| panic!("{name} is not a number: {number}")))
}

/// Runs a target on an input; a broken promise leaves the input in a file.
fn run(name: &str, target: targets::Target, input: &[u8], number: &str) {
    let start = Instant::now();
    let kept = catch_unwind(AssertUnwindSafe(|| target(input))).is_ok();
    let (elapsed, memory) = (start.elapsed(), peak_megabytes());
    let problem = match () {
        () if !kept => "broke a promise, see above".to_owned(),
        () if elapsed > PATIENCE => format!("took {elapsed:?}"),
        () if memory.is_some_and(|megabytes| megabytes > MEMORY_MEGABYTES) => format!("raised memory to {memory:?} MB"),
        () => return,
    };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{number}"));
    std::fs::write(&path, input).unwrap();
    panic!(
        "input {number} of {name} {problem}; it is in {}: copy it to fuzz/corpus/{name}, where every run tries it first",
        path.display()
    );
}

/// Highest resident memory of this process so far, where the kernel tells.
fn peak_megabytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

#[rstest]
#[case("aiperf_summary", 2000)]
#[case("aiperf_records", 2000)]
#[case("genai_perf", 2000)]
#[case("load_tools", 1000)]
#[case("predictor_table", 2000)]
#[case("manifests", 200)]
#[case("patches", 300)]
#[case("comparison", 300)]
#[case("configurations", 1000)]
#[case("ledger", 1000)]
#[case("decimal", 5000)]
fn damaged_files_break_no_promise(#[case] name: &str, #[case] inputs: u64) {
    let (_, target) = targets::TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let inputs = from_environment("BCMP_FUZZ_INPUTS").unwrap_or(inputs);
    let until = from_environment("BCMP_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seeds = seeds(name);
    seeds.iter().enumerate().for_each(|(number, seed)| run(name, *target, seed, &format!("seed-{number}")));
    let mut dice = Dice(from_environment("BCMP_FUZZ_SEED").unwrap_or(1));
    let goes_on = |number: u64| until.map_or(number < inputs, |until| Instant::now() < until);
    let mut number = 0;
    while goes_on(number) {
        let input = if number % 2 == 0 { damaged(&seeds, &mut dice) } else { renumbered(&seeds, &mut dice) };
        run(name, *target, &input, &number.to_string());
        number += 1;
    }
    println!("{name}: {number} inputs");
}

#[test]
fn every_target_is_run() {
    let cases = include_str!("fuzz.rs").lines().filter_map(|line| line.strip_prefix("#[case(\"")?.split('"').next());
    let targets: Vec<_> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(cases.collect::<Vec<_>>(), targets);
    for name in targets {
        let binary = format!("fuzz/fuzz_targets/{name}.rs");
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&binary).is_file(), "{binary}");
    }
}
