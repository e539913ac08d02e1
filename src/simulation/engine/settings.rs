//! What an engine is set to.

use std::num::{NonZeroU32, NonZeroU64};

use super::job::Job;
use super::steps::StepTime;
use crate::units::Percent;

/// The settings of one worker's engine.
#[derive(Clone, Debug, PartialEq)]
pub struct Engine {
    /// Most requests worked on at once.
    pub max_batch: NonZeroU32,
    /// Most tokens in a step: those of prompts, and one for each request that decodes.
    pub max_num_tokens: NonZeroU32,
    /// How prompts enter steps.
    pub prefill: Prefill,
    /// Most prompts, or parts of them, in a step; absent: as many as its tokens allow.
    pub prompts_per_step: Option<NonZeroU32>,
    /// What decoding does while prompts are in the step.
    pub mixing: Mixing,
    /// Tokens the KV memory holds; absent: more than are ever needed. A request holds its prompt and its whole output
    /// from its first step to its last.
    pub kv_tokens: Option<NonZeroU64>,
    /// How long a step takes.
    pub steps: StepTime,
    /// Standard deviation of a step's time about that (of its logarithm).
    pub scatter: Percent,
}

/// How prompts enter steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefill {
    /// Whole: a prompt waits until a step has room for all of it.
    Whole,
    /// In parts that fill what room a step has.
    Chunked,
}

/// What decoding does while prompts are in the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mixing {
    /// It goes on, at the pace of the longer step (TensorRT-LLM, vLLM).
    Together,
    /// It pauses until no prompt can enter (SGLang).
    PromptsFirst,
}

/// A request that an engine could never serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unservable {
    /// Without chunks, a prompt must fit into one step.
    #[error(
        "A prompt of {prompt} tokens does not fit into a step of {max_num_tokens}: raise the engine's max_num_tokens, or \
         enable chunked prefill"
    )]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt: u32,
        /// Tokens of a step.
        max_num_tokens: u32,
    },
    /// KV memory is reserved for prompt and output.
    #[error(
        "A request of {tokens} tokens does not fit into a KV memory of {kv_tokens}: shorten the request, or give the \
         engine more memory"
    )]
    LargerThanKvMemory {
        /// Tokens of prompt and output.
        tokens: u64,
        /// Tokens the memory holds.
        kv_tokens: u64,
    },
}

impl Engine {
    /// Whether a request could be served by an engine that does nothing else.
    pub(super) fn accepts(&self, job: &Job) -> Result<(), Unservable> {
        let (prompt, max_num_tokens) = (job.prefill(), self.max_num_tokens.get());
        if self.prefill == Prefill::Whole && prompt > max_num_tokens {
            return Err(Unservable::PromptTooLong { prompt, max_num_tokens });
        }
        let tokens = job.tokens();
        match self.kv_tokens.map(NonZeroU64::get) {
            Some(kv_tokens) if tokens > kv_tokens => Err(Unservable::LargerThanKvMemory { tokens, kv_tokens }),
            _ => Ok(()),
        }
    }

    /// Requests worked on at once: a request that decodes takes a token of each step.
    pub(super) fn seats(&self) -> usize {
        self.max_batch.min(self.max_num_tokens).get() as usize
    }
}
