//! How long GPUs take for a step, and how much they hold.
//!
//! Known are the steps that AIConfigurator 0.12.0 gives for Qwen3-32B on H200, on one GPU and on eight. Between and beyond
//! them, and for models of another size, they follow powers. A system of another name differs in its memory alone.

use std::num::{NonZeroU32, NonZeroU64};

use crate::simulation::engine::Linear;
use crate::units::Milliseconds;

/// Billions of parameters that the name of the known model gives.
const KNOWN_SIZE: f64 = 32.0;
/// Tokens of the prompt that is known.
const KNOWN_PROMPT: f64 = 4000.0;
/// GPUs of the larger engine that is known.
const KNOWN_GPUS: f64 = 8.0;
/// Milliseconds on one GPU and on eight: a prompt, decoding for one request, and for each further one.
const PROMPT: [f64; 2] = [378.0, 86.9];
const DECODE: [f64; 2] = [18.7, 5.15];
const FURTHER_DECODE: [f64; 2] = [0.12, 0.03];
/// Tokens that one GPU's KV memory holds beside the known model: 52 requests of 4500.
const KNOWN_KV_TOKENS: f64 = 52.0 * 4500.0;
/// Share of a GPU's memory that weights and KV cache may take.
const USABLE: f64 = 0.9;
/// Gigabytes of weights for a billion parameters.
const GIGABYTES: f64 = 2.0;

/// Systems and the gigabytes of one of their GPUs; the longest name that a system begins with counts.
const MEMORY: [(&str, f64); 9] = [
    ("h200", KNOWN_MEMORY),
    ("h100", 80.0),
    ("gb200", 186.0),
    ("b200", 180.0),
    ("gb300", 279.0),
    ("b300", 279.0),
    ("a100", 80.0),
    ("l40s", 48.0),
    ("rtx_pro_6000", 96.0),
];
const KNOWN_MEMORY: f64 = 141.0;

/// A model on a kind of GPU.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelOnGpu {
    /// Billions of parameters, all and those that take part in a token.
    size: f64,
    active: f64,
    memory: f64,
    assumed: Vec<String>,
}

impl ModelOnGpu {
    /// A model, by the size in its name, on a system.
    pub fn of(model: &str, system: &str) -> Self {
        let mut assumed = vec![];
        let size = size_in(model);
        if size.is_none() {
            assumed.push(format!("{model} names no size, such as 32B: it is taken to be as large as Qwen3-32B"));
        }
        let size = size.unwrap_or(KNOWN_SIZE);
        let memory = MEMORY.iter().find(|(name, _)| system.starts_with(name)).map(|(_, gigabytes)| *gigabytes);
        match memory {
            None => assumed.push(format!("the system {system} is taken to be an H200")),
            Some(_) if !system.starts_with("h200") => {
                assumed.push(format!("the GPUs of {system} are taken to be as fast as an H200"));
            }
            Some(_) => {}
        }
        Self { size, active: active_in(model).unwrap_or(size), memory: memory.unwrap_or(KNOWN_MEMORY), assumed }
    }

    /// What is not known and taken for something else: whole clauses.
    pub fn assumed(&self) -> &[String] {
        &self.assumed
    }

    /// How long a step takes on an engine of so many GPUs.
    pub fn steps(&self, gpus: u32) -> Linear {
        let time = |known: [f64; 2]| known[0] * power(gpus, known) * self.active / KNOWN_SIZE;
        let milliseconds = |time: f64| Milliseconds::new(time).unwrap_or_default();
        Linear {
            prompt: Milliseconds::default(),
            prompt_token: milliseconds(time(PROMPT) / KNOWN_PROMPT),
            decode: milliseconds(time(DECODE)),
            further_decode: milliseconds(FURTHER_DECODE[0] * power(gpus, FURTHER_DECODE) * self.relative_cache()),
        }
    }

    /// Tokens that the KV memory of an engine of so many GPUs holds; `None` where the weights leave no room.
    pub fn kv_tokens(&self, gpus: u32) -> Option<NonZeroU64> {
        let free = f64::from(gpus) * USABLE * self.memory - GIGABYTES * self.size;
        let known = USABLE * KNOWN_MEMORY - GIGABYTES * KNOWN_SIZE;
        // The cast saturates.
        NonZeroU64::new((KNOWN_KV_TOKENS * free / known / self.relative_cache()) as u64)
    }

    /// Requests of so many tokens that an engine works on at once, by its memory.
    pub fn seats(&self, gpus: u32, tokens: u64) -> Option<NonZeroU32> {
        let seats = self.kv_tokens(gpus)?.get() / tokens.max(1);
        NonZeroU32::new(u32::try_from(seats).unwrap_or(u32::MAX))
    }

    /// The KV cache of a token grows with layers and width, slower than parameters do.
    fn relative_cache(&self) -> f64 {
        (self.size / KNOWN_SIZE).sqrt()
    }
}

/// How a time on one GPU shrinks on several, given the one on eight.
fn power(gpus: u32, known: [f64; 2]) -> f64 {
    let exponent = (known[1] / known[0]).ln() / KNOWN_GPUS.ln();
    f64::from(gpus.max(1)).powf(exponent)
}

/// Words of a model's name: `Qwen`, `Qwen3`, `30B`, `A3B`.
fn words(model: &str) -> impl Iterator<Item = &str> {
    model.split(['/', '-', '_', ':', ' '])
}

/// `32B` or `8x7B`, in billions.
fn size_in(model: &str) -> Option<f64> {
    words(model).find_map(|word| {
        let number = word.strip_suffix(['b', 'B'])?;
        let factors: Option<Vec<f64>> = number.split('x').map(|factor| factor.parse().ok()).collect();
        factors.map(|factors| factors.iter().product()).filter(|size: &f64| size.is_finite() && *size > 0.0)
    })
}

/// `A3B`, in billions.
fn active_in(model: &str) -> Option<f64> {
    words(model).find_map(|word| size_in(word.strip_prefix(['a', 'A'])?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Qwen/Qwen3-32B", 32.0, 32.0)]
    #[case("Qwen/Qwen3-30B-A3B", 30.0, 3.0)]
    #[case("mistralai/Mixtral-8x7B-v0.1", 56.0, 56.0)]
    #[case("meta-llama/Llama-3.2-0.5b", 0.5, 0.5)]
    #[case("openai/whatever", KNOWN_SIZE, KNOWN_SIZE)]
    fn the_size_is_in_the_name(#[case] model: &str, #[case] size: f64, #[case] active: f64) {
        let hardware = ModelOnGpu::of(model, "h200_sxm");
        assert_eq!((hardware.size, hardware.active), (size, active));
        assert_eq!(hardware.assumed().is_empty(), model != "openai/whatever");
    }

    #[test]
    fn the_known_engines_take_their_known_times() {
        let hardware = ModelOnGpu { size: KNOWN_SIZE, active: KNOWN_SIZE, memory: KNOWN_MEMORY, assumed: vec![] };
        for (index, gpus) in [1, 8].into_iter().enumerate() {
            let Linear { prompt_token, decode, further_decode, .. } = hardware.steps(gpus);
            let near = |found: f64, known: f64| assert!((found / known - 1.0).abs() < 1e-9, "{found} {known}");
            near(prompt_token.get() * KNOWN_PROMPT, PROMPT[index]);
            near(decode.get(), DECODE[index]);
            near(further_decode.get(), FURTHER_DECODE[index]);
        }
        assert_eq!(hardware.seats(1, 4500), NonZeroU32::new(52));
        assert!(hardware.kv_tokens(8) > hardware.kv_tokens(1));
    }

    #[test]
    fn what_is_too_large_has_no_seats() {
        assert_eq!(ModelOnGpu::of("a/b-405B", "h100_sxm").kv_tokens(8), None);
        assert!(ModelOnGpu::of("a/b-70B", "h100_sxm").kv_tokens(8).is_some());
    }

    #[test]
    fn what_is_assumed_is_named() {
        assert!(ModelOnGpu::of("a/b-7B", "mystery").assumed()[0].contains("mystery"));
        assert!(ModelOnGpu::of("a/b-7B", "b200_sxm").assumed()[0].contains("as fast as an H200"));
    }
}
