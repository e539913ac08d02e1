//! Columns of `kubectl get bcmp`, and terms of reports and documents.

use strum::{EnumIter, IntoStaticStr};

use super::explanation::{Explanation, NO_ACTION, explanation};

/// A column of lists, or a term.
#[derive(Clone, Copy, Debug, EnumIter, IntoStaticStr, PartialEq, Eq)]
pub enum Term {
    #[strum(serialize = "PHASE")]
    Phase,
    #[strum(serialize = "MODEL")]
    Model,
    #[strum(serialize = "SYSTEM")]
    System,
    #[strum(serialize = "ROUNDS")]
    Rounds,
    #[strum(serialize = "GPUS")]
    Gpus,
    #[strum(serialize = "MESSAGE")]
    Message,
    #[strum(serialize = "PROGRESS")]
    Progress,
    #[strum(serialize = "VERDICT")]
    Verdict,
    #[strum(serialize = "GAIN")]
    Gain,
    #[strum(serialize = "CLAIM")]
    Claim,
    #[strum(serialize = "EST-ERR")]
    EstimateError,
    #[strum(serialize = "SLA")]
    Sla,
    #[strum(serialize = "GPU-H")]
    GpuHours,
    #[strum(serialize = "TTFT")]
    Ttft,
    #[strum(serialize = "TPOT")]
    Tpot,
    #[strum(serialize = "tokens/s/GPU")]
    PerGpu,
    #[strum(serialize = "tokens/s/user")]
    PerUser,
    #[strum(serialize = "at the SLA")]
    AtSla,
    #[strum(serialize = "variant")]
    Variant,
    #[strum(serialize = "baseline")]
    Baseline,
    #[strum(serialize = "candidate")]
    Candidate,
    #[strum(serialize = "run")]
    Run,
    #[strum(serialize = "round")]
    Round,
    #[strum(serialize = "deployment")]
    Deployment,
    #[strum(serialize = "level")]
    Level,
    #[strum(serialize = "trial")]
    Trial,
    #[strum(serialize = "concurrency")]
    Concurrency,
    #[strum(serialize = "ladder")]
    Ladder,
    #[strum(serialize = "bracket")]
    Bracket,
    #[strum(serialize = "deciding level")]
    DecidingLevel,
    #[strum(serialize = "capacity")]
    Capacity,
    #[strum(serialize = "estimate")]
    Estimate,
    #[strum(serialize = "met")]
    Met,
    #[strum(serialize = "missed")]
    Missed,
    #[strum(serialize = "window")]
    Window,
}

impl Term {
    /// As it stands above a column or in a text.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether it heads a column of `kubectl get bcmp`.
    pub const fn is_column(self) -> bool {
        matches!(
            self,
            Self::Phase
                | Self::Model
                | Self::System
                | Self::Rounds
                | Self::Gpus
                | Self::Message
                | Self::Progress
                | Self::Verdict
                | Self::Gain
                | Self::Claim
                | Self::EstimateError
                | Self::Sla
                | Self::GpuHours
        )
    }
}

/// What a column or a term means.
pub const fn term(term: Term) -> Explanation {
    match term {
        Term::Phase => explanation(
            "Where the run is: Pending, Generating, Predicted, Queued, Measuring, TearingDown or Suspended, and then how it ended.",
            "Read why with `kubectl bcmp get NAME`.",
        ),
        Term::Model => explanation("The model that is served (`spec.model.name`).", NO_ACTION),
        Term::System => explanation("The predictor's name of the GPUs (`spec.hardware.system`).", NO_ACTION),
        Term::Rounds => explanation(
            "Rounds that are over. The run ends when they tell enough, or at `execution.rounds.maximum`.",
            "Raise `execution.rounds.maximum` where the answer is still open.",
        ),
        Term::Gpus => explanation(
            "GPUs that each variant may use (`hardware.gpusPerVariant`).",
            "Use `kubectl bcmp tree NAME` to see what holds GPUs now.",
        ),
        Term::Message => explanation(
            "What the run is doing or waiting for or, once it is over, its result in a sentence.",
            NO_ACTION,
        ),
        Term::Progress => explanation(
            "Trials that ended, of those known to be needed. The second number changes when the bracket is found.",
            "Use `kubectl bcmp watch NAME` for the progress of each variant.",
        ),
        Term::Verdict => explanation(
            "Whether the measurement bears out the prediction: `Confirmed`, `DirectionOnly`, `Refuted`, `Inconclusive` or `NotPredicted`.",
            "Read the reasons with `kubectl bcmp report NAME`.",
        ),
        Term::Gain => explanation(
            "Measured tokens/s/GPU at the SLA, candidate over baseline. Empty where one side meets the SLA at no level, or the outcome is undetermined.",
            "Read `kubectl bcmp report NAME`: it says which side has no throughput at the SLA, and why.",
        ),
        Term::Claim => explanation(
            "How far the measurement at the claim's own level is off what the predictor advertises, in tokens/s/GPU. Negative: less than advertised.",
            "Use the measured throughput at the SLA in place of a claim that is missed.",
        ),
        Term::EstimateError => explanation(
            "The largest mean error of the predictor's estimates for what is deployed, in TPOT or tokens/s/GPU, of any variant. The claim is judged apart.",
            "Compare the errors level by level with `kubectl bcmp get NAME`.",
        ),
        Term::Sla => explanation(
            "The latency limits in `spec.sla`; as a column, how many variants have a level that meets them.",
            NO_ACTION,
        ),
        Term::GpuHours => explanation(
            "GPU-hours held by deployments that are gone. What is still deployed is not counted yet.",
            "Set `execution.budget` to limit them.",
        ),
        Term::Ttft => explanation(
            "Time to first token: from sending a request to the first token of its answer, in milliseconds.",
            NO_ACTION,
        ),
        Term::Tpot => explanation(
            "Time per output token after the first, in milliseconds. Load tools also call it inter-token latency.",
            NO_ACTION,
        ),
        Term::PerGpu => explanation(
            "Output tokens per second of the whole deployment, divided by the GPUs it holds: what a GPU is worth.",
            NO_ACTION,
        ),
        Term::PerUser => {
            explanation("Output tokens per second of one request, 1000 ÷ TPOT: what a user sees.", NO_ACTION)
        }
        Term::AtSla => explanation(
            "The most tokens/s/GPU a variant delivers while the SLA is met, interpolated within the bracket.",
            NO_ACTION,
        ),
        Term::Variant => explanation(
            "One configuration that is compared: the baseline, or one of up to five candidates (`spec.variants`).",
            NO_ACTION,
        ),
        Term::Baseline => explanation(
            "The variant that the others are compared with: the first, unless another has `role: Baseline`.",
            NO_ACTION,
        ),
        Term::Candidate => explanation("A variant that is compared with the baseline.", NO_ACTION),
        Term::Run => explanation(
            "A comparison carried out once, from prediction to verdict; numbered from 1.",
            "Use `kubectl bcmp rerun NAME` for another, and `kubectl bcmp stop NAME` to end it.",
        ),
        Term::Round => explanation(
            "All undecided variants deployed and measured once. Rounds show how much deployments of the same variant differ.",
            "Set `execution.rounds` to change how many there are.",
        ),
        Term::Deployment => explanation(
            "A variant deployed once: its objects are created, measured and deleted. It holds GPUs meanwhile.",
            "Use `kubectl bcmp tree NAME` to see its objects and what holds GPUs.",
        ),
        Term::Level => explanation(
            "A load that is measured, such as 10 concurrent requests. Each level has one or more trials.",
            "Set `workload.concurrency` to change the levels.",
        ),
        Term::Trial => explanation(
            "One execution of the load tool at a level. `2/3` means that two of three were accepted.",
            "Read every trial with `kubectl bcmp results NAME`.",
        ),
        Term::Concurrency => explanation(
            "Requests that are sent and not yet answered, over the whole deployment: the load of a level.",
            NO_ACTION,
        ),
        Term::Ladder => explanation(
            "The levels of `workload.concurrency` with those of claims and capacities, climbed until the SLA is missed.",
            NO_ACTION,
        ),
        Term::Bracket => explanation(
            "The last level that meets the SLA and the first that misses it. Levels are added between them, and throughput at the SLA is interpolated there.",
            "Raise `load.refinements` for a narrower one.",
        ),
        Term::DecidingLevel => explanation(
            "A level on which throughput at the SLA depends. It gets `load.decisionTrials` trials in each round.",
            "Raise `load.decisionTrials` to make it more certain.",
        ),
        Term::Capacity => explanation(
            "The concurrent requests that a variant's engines hold at once. More of them wait, so throughput grows no further.",
            NO_ACTION,
        ),
        Term::Estimate => explanation(
            "The predictor's figures for what is really deployed, at each level. The claim is what it advertises, at its own level.",
            NO_ACTION,
        ),
        Term::Met => explanation(
            "The level meets all limits of the SLA beyond doubt. `marginal`: it is within doubt of a limit.",
            NO_ACTION,
        ),
        Term::Missed => {
            explanation("The level exceeds a limit of the SLA beyond doubt.", "Lower the level, or relax `sla`.")
        }
        Term::Window => explanation(
            "The part of a trial that counts: load is up, and no request of the ramp or of the end is in it.",
            NO_ACTION,
        ),
    }
}
