//! What each code of the audit means, why it matters and what to do: for `kubectl bcmp explain` and the documentation.

use crate::api::EvidenceCode;

/// One code in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What was seen.
    pub meaning: &'static str,
    /// What it would do to the comparison if it were ignored.
    pub why: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// The explanation of a code.
pub const fn explain(code: EvidenceCode) -> Explanation {
    let (meaning, why, remedy) = words(code);
    Explanation { meaning, why, remedy }
}

const fn words(code: EvidenceCode) -> (&'static str, &'static str, &'static str) {
    match code {
        EvidenceCode::NotStreaming => (
            "Answers were not streamed: there is no time per token, or the time to first token equals the latency of the whole request.",
            "Without a stream, TTFT is the time of the whole answer and TPOT does not exist. Both halves of the SLA are then about something else.",
            "Run the load tool with streaming on (AIPerf and genai-perf: --streaming), and see that no proxy between client and server collects the answer.",
        ),
        EvidenceCode::Incomplete => (
            "The load tool marked its own result as incomplete, whatever its exit code.",
            "Figures of a part of a run favour the requests that ended early.",
            "Read the tool's log for the reason and run the level again. The operator tries once more by itself.",
        ),
        EvidenceCode::Cancelled => (
            "The load tool marked its own run as cancelled.",
            "A cancelled run drops the requests that were still in flight, which are the slow ones.",
            "Run the level again. If a failure threshold of the tool cancelled it, see what the requests failed with.",
        ),
        EvidenceCode::ErrorRate => (
            "More requests failed than evidence.maximumErrorPercent allows.",
            "Failed requests often end at once: the others then have the server for themselves and look fast.",
            "Look at the server's log for the error named in the message. Raise the limit only if failures belong to what you compare.",
        ),
        EvidenceCode::TooFewRequests => (
            "The level has fewer completed requests than evidence.minimumRequests, or too few for each user.",
            "With one or two requests a user, the start and the end of the run are most of it, and a mean says little.",
            "Raise load.minimumRequests or load.requestsPerConcurrency; with another tool, send at least ten requests for each user.",
        ),
        EvidenceCode::OutputLengthMismatch => (
            "Answers are longer or shorter than workload.outputTokens, by more than evidence.lengthTolerancePercent.",
            "Tokens per second and latency both depend on length: the prediction was made for another workload.",
            "Make the server ignore its stop token (ignore_eos, min_tokens, max_tokens) and count tokens with the server's own usage report.",
        ),
        EvidenceCode::InputLengthMismatch => (
            "Prompts are longer or shorter than workload.inputTokens by more than a chat template explains, or differ between variants.",
            "TTFT grows with the prompt: variants that get different prompts do different work.",
            "Give the load tool the served model's tokenizer (load.tokenizer), a standard deviation of 0, and all variants the same seed.",
        ),
        EvidenceCode::ConcurrencyNotReached => (
            "Fewer requests were in flight than the level asks for, or the file is about another level.",
            "The level then shows a lighter load than it is named after, with latencies that are too good.",
            "Look for a client without enough CPU, limits on connections between client and server, or a server that refuses requests.",
        ),
        EvidenceCode::ClientSaturated => (
            "Requests waited in the load generator before they were sent.",
            "The figures then describe the client: throughput is capped by it, and the server looks idle.",
            "Give the load pod more CPUs (load.pod.resources), or put it on a node of its own.",
        ),
        EvidenceCode::PrefixCacheHits => (
            "The server answered part of the prompts from its prefix cache; as a warning: the server does not report whether it did.",
            "A cached prompt costs no prefill. TTFT and throughput become too good, and the prediction was made without a cache.",
            "Use a new seed for each level and AIPerf's cache busting, or turn prefix caching off in the server. Unreported: have the server report cached tokens.",
        ),
        EvidenceCode::ThroughputInconsistent => (
            "Tokens per second is not requests per second times output length, or more requests were in flight than there are users.",
            "Figures that contradict each other cannot all be true, and it is not known which are.",
            "Measure the level again with AIPerf. genai-perf has been seen to report such figures in short runs.",
        ),
        EvidenceCode::ModelMismatch => (
            "The file is about another model than model.name.",
            "It belongs to another comparison, or the server answers under another name.",
            "Point to the right results, or set model.name to the id the server answers to.",
        ),
        EvidenceCode::MissingMetric => (
            "A figure the judgement or the audit needs is not in the file.",
            "What is not known cannot be compared, and is never taken for zero.",
            "See that the tool ran to its end and exports its summary in full; a newer version of the tool may help.",
        ),
        EvidenceCode::NotFinite => (
            "A figure in the file is NaN, infinite or null.",
            "The tool divided by nothing: there were no requests, or no tokens, to reckon with.",
            "Read the tool's log, then run the level again.",
        ),
        EvidenceCode::ServerRestarted => (
            "A container of the server restarted, or another pod took its place, while the level ran.",
            "Requests failed or waited during the restart, and a restarted server is cold.",
            "See the container's last state for the reason (often memory), or why the pod went, and run again.",
        ),
        EvidenceCode::LoadPodLost => (
            "The load pod was lost twice during the same level.",
            "No result of this level exists, and a third try would hold GPUs for no better reason.",
            "See why the pod went: eviction, memory or node failure. Give it a priority class or more memory, and run again.",
        ),
        EvidenceCode::LoadToolFailed => (
            "The load tool ended without a result that can be read.",
            "There is nothing to judge.",
            "The message has the tool's last words; the load pod's log has the rest.",
        ),
        EvidenceCode::NoWarmup => (
            "No warm-up came before the level, or the file does not say.",
            "First requests pay for what engines do once: graphs, tuning, filling of pools.",
            "Set load.warmupPerConcurrency to 1 or more (AIPerf: --warmup-request-count).",
        ),
        EvidenceCode::RampIncluded => (
            "Only the tool's summary was there, which covers the moment when all users start at once.",
            "That burst makes TTFT worse than it is in operation and throughput lower, the more so the fewer requests there are.",
            "Keep AIPerf's profile_export.jsonl beside its summary: the window without the burst is taken from it.",
        ),
        EvidenceCode::HighVariance => (
            "Repetitions of the level scatter by more than 5 %.",
            "Differences between variants of that size may be chance. The interval of the gain says how far that goes.",
            "Look for other work on the nodes, clocks that change, or a network that is shared; raise load.decisionTrials.",
        ),
        EvidenceCode::SlowerThanFuller => (
            "Tokens took more than 10 % longer than at a level with more requests in flight.",
            "A fuller batch does not shorten a step: something else held the level up, and a limit it missed may be missed for that reason alone.",
            "Look for other work on the node at that time, and for batch sizes that the engine has no CUDA graph for; run again.",
        ),
        EvidenceCode::Drift => (
            "The first level, repeated at the end, differs from itself by more than 3 %.",
            "Something changed while the variant was measured, so levels measured early and late are not quite comparable.",
            "Look for thermal throttling, neighbours on the node or growing caches. More warm-up helps where the start was the odd one.",
        ),
        EvidenceCode::ThroughputDrift => (
            "Throughput changed by more than 10 % from the first half of the level to the second.",
            "The level was not in a steady state: its mean depends on how long it ran.",
            "Raise load.requestsPerConcurrency or load.warmupPerConcurrency.",
        ),
        EvidenceCode::SingleRun => (
            "The level was measured once.",
            "How much a repetition would differ is not known, so small gains cannot be told from chance.",
            "Leave load.decisionTrials at 3 or more: only deciding levels are repeated.",
        ),
        EvidenceCode::SingleDeployment => (
            "All repetitions come from one deployment of the variant.",
            "Deployments differ too (placement, clocks, memory layout), and repetitions within one do not show it.",
            "Set execution.rounds to 2 or more if a small gain matters; each round deploys every variant again.",
        ),
        EvidenceCode::SharedNodes => (
            "Other pods with GPUs ran on the variant's nodes while it was measured.",
            "They share CPU, memory bandwidth, network and power, at times that differ between variants.",
            "Measure on nodes of your own (hardware.nodeSelector and tolerations), or repeat at another time.",
        ),
        EvidenceCode::DifferentNodes => (
            "Variants ran on different nodes.",
            "GPUs of one type differ by some percent, and so do nodes: part of the gain may be the node's.",
            "Pin both to the same nodes with hardware.nodeSelector, or use execution.rounds to average over placements.",
        ),
        EvidenceCode::Redeployed => (
            "The variant was deployed again in the middle of its levels.",
            "Levels come from two deployments, which may differ.",
            "Nothing, if the deciding levels come from one deployment; else run again.",
        ),
        EvidenceCode::ImageChanged => (
            "The image behind a tag changed between two deployments.",
            "Variants, or levels of one, were measured with two versions of the software.",
            "Name the image by digest and run again.",
        ),
        EvidenceCode::RowNotDeployable => (
            "The row the predictor advertises needs more tokens in one step than the deployed engine allows.",
            "The advertised figures describe an engine that is not deployed. The prediction that is judged is the one for the deployed engine.",
            "Raise max_num_tokens or turn on chunked prefill by a patch, or take the prediction for the deployed engine as the claim.",
        ),
        EvidenceCode::PredictionInconsistent => (
            "The predicted throughput does not follow from the predicted latency and the requests in flight.",
            "At least one of the predicted figures is off, so errors against it say little.",
            "Compare with a newer version of the predictor, and judge by the measurement.",
        ),
        EvidenceCode::NotTheDeployedShape => (
            "The prediction is for another shape (parallelism, replicas, batch size) than the one that is deployed.",
            "Comparing it with this measurement would compare two configurations.",
            "Give the variant's shape (variants[].shape) where it cannot be read from its manifests, or predict what is deployed.",
        ),
        EvidenceCode::QuantizationMismatch => (
            "The prediction assumes another type of weights or KV cache than the deployed model has.",
            "FP8 against BF16 alone changes throughput by half or more. Nothing else about the prediction can then be judged fairly.",
            "Predict for the checkpoint that is deployed, or deploy the checkpoint that was predicted.",
        ),
        EvidenceCode::DatabaseVersionMismatch => (
            "The predictor's performance database was measured with another engine version than the deployed one.",
            "Engines get faster between versions. Errors of the prediction may be the version's.",
            "Set predictor.databaseVersion to the version nearest to the deployed one.",
        ),
        EvidenceCode::ClaimedPointNotMeasured => (
            "No accepted level was measured at the concurrency the predictor advertises.",
            "The claim itself was never put to the test, so it can be neither confirmed nor refuted.",
            "See why that level was rejected or left out; the operator adds it to every ladder by itself.",
        ),
        EvidenceCode::RuntimeVersionUnsupported => (
            "The predictor has no template for the runtime's version; the nearest one was used.",
            "Flags and engine files change between versions: the server may refuse or ignore a setting the prediction relies on.",
            "Compare the generated engine file with the runtime's documentation, or set runtime.version to a supported one.",
        ),
        EvidenceCode::NotPredicted => (
            "Nothing is predicted for what is deployed.",
            "Its settings cannot be read from the manifests, or the predictor knows no such model, GPU or engine. It is measured all the same.",
            "Give the variant's shape what the manifests do not tell, or use a model and system the predictor knows.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The compiler sees to it that every code has an explanation; this, that it is one.
    #[test]
    fn every_code_is_explained_in_words_of_its_own() {
        let mut seen = BTreeSet::new();
        for code in EvidenceCode::ALL {
            let Explanation { meaning, why, remedy } = explain(*code);
            for text in [meaning, why, remedy] {
                assert!(text.len() > 20 && text.len() <= 240, "{code}: {} characters: {text}", text.len());
                assert!(text.ends_with('.') && text.starts_with(char::is_uppercase), "{code}: {text}");
                assert!(seen.insert(text), "{code}: said before: {text}");
            }
        }
    }
}
