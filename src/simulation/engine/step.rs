//! What an engine computes at once.

/// What one step computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Prompts, or parts of prompts, in it.
    pub prompts: u32,
    pub prompt_tokens: u32,
    /// Requests that decode one token each.
    pub decoding: u32,
    /// Tokens these have behind them, all together.
    pub context_tokens: u64,
}
