//! One worker: a queue, a batch, and one step after another.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::job::{Job, JobPart, RequestId};
use super::random::Random;
use super::settings::{Engine, Mixing, Prefill};
use super::step::Step;

/// What a step brought.
#[derive(Debug, Default)]
pub(super) struct StepEnd {
    pub decoded: bool,
    pub first: Vec<RequestId>,
    pub finished: Vec<Job>,
}

#[derive(Debug)]
pub(super) struct Worker {
    engine: Engine,
    noise: Random,
    waiting: VecDeque<Job>,
    /// The prompt of which a part is computed, and that part's tokens. A part fills its step: there is never a second.
    begun: Option<(Job, u32)>,
    /// Requests that decode, by the decoding step that brings their last token.
    decoding: BinaryHeap<Reverse<(u64, Job)>>,
    /// Decoding steps so far.
    decoded: u64,
    /// Tokens that the decoding requests have behind them.
    context: u64,
    /// Tokens for which KV memory is reserved.
    reserved: u64,
    running: Option<Running>,
}

/// The step under way.
#[derive(Debug)]
struct Running {
    end: f64,
    decodes: bool,
    /// Requests whose prompt is complete with this step: it brings their first token.
    completed: Vec<Job>,
    /// Requests that begin with decoding.
    joined: Vec<RequestId>,
}

impl Worker {
    pub fn new(engine: &Engine, noise: Random) -> Self {
        Self {
            engine: engine.clone(),
            noise,
            waiting: VecDeque::new(),
            begun: None,
            decoding: BinaryHeap::new(),
            decoded: 0,
            context: 0,
            reserved: 0,
            running: None,
        }
    }

    /// Takes a request that its engine accepts.
    pub fn submit(&mut self, job: Job) {
        self.waiting.push_back(job);
    }

    /// When the step under way ends. Starts one where none is and something is to be done.
    pub fn start(&mut self, now: f64) -> Option<f64> {
        if self.running.is_none() && !self.is_idle() {
            self.running = Some(self.step(now));
        }
        self.running.as_ref().map(|running| running.end)
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.begun.is_none() && self.decoding.is_empty()
    }

    fn step(&mut self, now: f64) -> Running {
        let mut intake = Intake::new(&self.engine, self.decoding.len());
        self.resume(&mut intake);
        self.admit(&mut intake);
        let Intake { mut step, completed, joined, .. } = intake;
        let decodes = step.prompts == 0 || self.engine.mixing == Mixing::Together;
        if decodes {
            step.decoding = u32::try_from(self.decoding.len()).unwrap_or(u32::MAX);
            step.context_tokens = self.context;
        }
        let took = self.engine.steps.milliseconds(&step) * self.slowness();
        Running { end: now + took, decodes, completed, joined }
    }

    /// A prompt of which a part is computed comes before new ones.
    fn resume(&mut self, intake: &mut Intake) {
        if let Some((job, done)) = self.begun.take() {
            self.proceed(job, done + intake.take(job.prompt - done), intake);
        }
    }

    /// First come, first served: nobody overtakes the first in the queue.
    fn admit(&mut self, intake: &mut Intake) {
        while let Some(job) = self.waiting.front().copied().filter(|job| self.has_seat(job, intake)) {
            let taken = intake.take(job.prefill());
            if taken == 0 && job.prefill() > 0 {
                return;
            }
            self.waiting.pop_front();
            self.reserved += job.tokens();
            if job.part == JobPart::Decode { self.join(job, intake) } else { self.proceed(job, taken, intake) }
        }
    }

    /// A computed prompt decodes from this step on.
    fn join(&mut self, job: Job, intake: &mut Intake) {
        intake.joined.push(job.id);
        self.context += u64::from(job.prompt);
        self.decoding.push(Reverse((self.decoded + u64::from(job.output), job)));
    }

    fn proceed(&mut self, job: Job, done: u32, intake: &mut Intake) {
        if done == job.prompt { intake.completed.push(job) } else { self.begun = Some((job, done)) }
    }

    fn has_seat(&self, job: &Job, intake: &Intake) -> bool {
        let seated = self.decoding.len() + usize::from(self.begun.is_some()) + intake.completed.len();
        let fits = |kv_tokens: std::num::NonZeroU64| self.reserved + job.tokens() <= kv_tokens.get();
        seated < self.engine.seats() && self.engine.kv_tokens.is_none_or(fits)
    }

    fn slowness(&mut self) -> f64 {
        match self.engine.scatter.get() {
            0.0 => 1.0,
            percent => (percent / 100.0 * self.noise.normal()).exp(),
        }
    }

    /// Ends the step under way.
    pub fn finish(&mut self) -> StepEnd {
        let Some(running) = self.running.take() else { return StepEnd::default() };
        let mut end = StepEnd { decoded: running.decodes, first: running.joined, finished: vec![] };
        if running.decodes {
            self.decoded += 1;
            self.context += self.decoding.len() as u64;
            while let Some(Reverse((_, job))) = self.decoding.peek().copied().filter(|next| next.0.0 <= self.decoded) {
                self.decoding.pop();
                self.context -= job.tokens();
                self.leave(&job, &mut end);
            }
        }
        for job in running.completed {
            end.first.push(job.id);
            if job.output == 1 || job.part == JobPart::Prefill {
                self.leave(&job, &mut end);
            } else {
                self.context += u64::from(job.prompt) + 1;
                self.decoding.push(Reverse((self.decoded + u64::from(job.output) - 1, job)));
            }
        }
        end
    }

    fn leave(&mut self, job: &Job, end: &mut StepEnd) {
        self.reserved -= job.tokens();
        end.finished.push(*job);
    }
}

/// What prompts the next step takes in.
struct Intake {
    prefill: Prefill,
    /// Tokens the step has room for.
    room: u32,
    /// Prompts it may still take.
    prompts: u32,
    step: Step,
    completed: Vec<Job>,
    joined: Vec<RequestId>,
}

impl Intake {
    fn new(engine: &Engine, decoding: usize) -> Self {
        let decoding = match engine.mixing {
            Mixing::Together => u32::try_from(decoding).unwrap_or(u32::MAX),
            Mixing::PromptsFirst => 0,
        };
        Self {
            prefill: engine.prefill,
            room: engine.max_num_tokens.get().saturating_sub(decoding),
            prompts: engine.prompts_per_step.map_or(u32::MAX, std::num::NonZeroU32::get),
            step: Step::default(),
            completed: vec![],
            joined: vec![],
        }
    }

    /// How many of a prompt's remaining tokens the step takes.
    fn take(&mut self, tokens: u32) -> u32 {
        let taken = match self.prefill {
            _ if self.prompts == 0 => 0,
            Prefill::Whole if tokens > self.room => 0,
            Prefill::Whole | Prefill::Chunked => tokens.min(self.room),
        };
        if taken > 0 {
            self.room -= taken;
            self.prompts -= 1;
            self.step.prompts += 1;
            self.step.prompt_tokens += taken;
        }
        taken
    }
}
