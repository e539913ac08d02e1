//! A request on its way through the engine.

/// A request, numbered from 0 in the order of submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub(super) u64);

impl RequestId {
    /// The number.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A request as a worker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Job {
    pub id: RequestId,
    /// Tokens of the prompt, one or more.
    pub prompt: u32,
    /// Tokens of the answer, one or more.
    pub output: u32,
    pub part: JobPart,
}

/// What a worker does of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum JobPart {
    All,
    /// The prompt alone: another worker decodes.
    Prefill,
    /// Decoding alone: another worker has computed the prompt.
    Decode,
}

impl Job {
    /// Tokens of KV memory it needs.
    pub fn tokens(&self) -> u64 {
        let output = if self.part == JobPart::Prefill { 0 } else { self.output };
        u64::from(self.prompt) + u64::from(output)
    }

    /// Tokens that one step must take at once or in parts.
    pub fn prefill(&self) -> u32 {
        if self.part == JobPart::Decode { 0 } else { self.prompt }
    }
}
