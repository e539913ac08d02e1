//! Evidence codes.

use super::explanation::{Explanation, explanation};
use crate::api::EvidenceCode;

const fn of(meaning: &'static str, why: &'static str, remedy: &'static str) -> Explanation {
    Explanation { why: Some(why), ..explanation(meaning, remedy) }
}

/// What a code means.
pub const fn code(code: EvidenceCode) -> Explanation {
    match code {
        EvidenceCode::NotStreaming => of(
            "Responses were not streamed: there is no time per token, or the time to first token equals the latency of the whole request.",
            "Without streaming, TTFT is the time of the whole response and TPOT does not exist, so the SLA cannot be checked.",
            "Run the load tool with `--streaming` (AIPerf, genai-perf), and check that no proxy between client and server buffers responses.",
        ),
        EvidenceCode::Incomplete => of(
            "The load tool marked its own result as incomplete, whatever its exit code.",
            "A result that covers part of the requests favours those that ended early.",
            "Read the tool's log for the cause and measure again. The operator runs the trial once more by itself.",
        ),
        EvidenceCode::Cancelled => of(
            "The load tool marked its own result as cancelled.",
            "A cancelled trial drops the requests that were still running, which are the slow ones.",
            "Measure again. If a failure threshold of the tool cancelled the trial, find out why the requests failed.",
        ),
        EvidenceCode::ErrorRate => of(
            "More requests failed than `evidence.maximumErrorPercent` allows; as a warning, the load tool does not count them.",
            "Failed requests often end at once: the others then share the server with fewer and look fast.",
            "Look in the server's log for the error in the message. Raise the limit only if failures are part of what you compare.",
        ),
        EvidenceCode::TooFewRequests => of(
            "Fewer than three requests for each concurrent request completed, so none counts: each user's first and last are left out.",
            "The first and the last request of a user run while load rises or falls; a figure over them is not one at this load.",
            "Raise `load.trialMinutes`; with another tool, send at least ten requests for each concurrent one.",
        ),
        EvidenceCode::OutputLengthMismatch => of(
            "Responses are longer or shorter than `workload.outputTokens` by more than `evidence.lengthTolerancePercent`.",
            "Throughput and latency depend on the length: the prediction was made for another workload.",
            "Make the server ignore its stop token (`ignore_eos`, `min_tokens`, `max_tokens`), and count tokens by the server's usage: a reasoning parser takes most tokens out of the content (turn it off, or use AIPerf's `--use-server-token-count`).",
        ),
        EvidenceCode::InputLengthMismatch => of(
            "Prompts are longer or shorter than `workload.inputTokens` by more than a chat template explains, or differ between variants.",
            "TTFT grows with the prompt: variants that get different prompts do different work.",
            "Give the load tool the served model's tokenizer (`load.tokenizer`), a standard deviation of 0, and all variants the same seed.",
        ),
        EvidenceCode::ConcurrencyNotReached => of(
            "Fewer requests were concurrent than the level asks for, or the file is about another level.",
            "The figures are those of a lighter load than the level's, with latencies that are too good.",
            "Look for a client without enough CPU, connection limits between client and server, or a server that refuses requests.",
        ),
        EvidenceCode::ClientSaturated => of(
            "Requests waited in the load generator before they were sent.",
            "The client caps the throughput: the figures describe it and not the server.",
            "Give the load pod more CPUs (`load.pod.resources`), or a node of its own.",
        ),
        EvidenceCode::PrefixCacheHits => of(
            "The server took part of the prompts from its prefix cache; as a warning, it does not report whether it did.",
            "A cached prompt costs no prefill: TTFT and throughput are too good, and the prediction assumes no cache.",
            "Use a new seed for each level and AIPerf's cache busting, or disable prefix caching in the server. If the server reports no cached tokens, make it report them.",
        ),
        EvidenceCode::ThroughputInconsistent => of(
            "Tokens per second is not requests per second times output length, or more requests were concurrent than there are users.",
            "Figures that contradict each other cannot all be true, and nothing tells which ones are.",
            "Measure the level again with AIPerf; genai-perf has reported such figures in short trials.",
        ),
        EvidenceCode::ModelMismatch => of(
            "The file is about another model than `model.servedName`, or than `model.name` where that is unset; as a warning, it names none.",
            "The results belong to another comparison, or the server answers under another name.",
            "Correct the path of the results, or set `model.servedName` to the name that the server answers to.",
        ),
        EvidenceCode::MissingMetric => of(
            "The file lacks a figure that the judgement or the audit needs.",
            "An unknown figure cannot be compared, and is never taken for zero.",
            "Check that the tool ran to its end and exports its whole summary (`--percentile-metrics ttft,tpot,itl,e2el` for `vllm bench serve`), or use a newer version of it.",
        ),
        EvidenceCode::NotFinite => of(
            "A figure in the file is NaN, infinite or null.",
            "The tool divided by zero: there were no requests, or no tokens.",
            "Read the tool's log, then measure the level again.",
        ),
        EvidenceCode::NotPlausible => of(
            "A latency or a rate is so small or so large that no server can have reached it.",
            "One such figure makes means, gains and errors of the whole comparison absurd.",
            "Check the units of the file and the clocks of the load generator, then measure the level again.",
        ),
        EvidenceCode::ServerRestarted => of(
            "A container of the server restarted, or another pod replaced its pod, during the trial.",
            "Requests failed or waited during the restart, and a restarted server is cold.",
            "Check the container's last state (often it ran out of memory), or why the pod went, and run again.",
        ),
        EvidenceCode::LoadPodLost => of(
            "The load pod was lost twice during the same trial.",
            "There is no result, and a third try would hold GPUs with no better prospect.",
            "Find out why the pod went: eviction, memory or node failure. Give it a priority class or more memory, and run again.",
        ),
        EvidenceCode::LoadPodReplaced => of(
            "Another load pod had begun this trial and did not finish it, so it was measured anew from its beginning.",
            "No request of the first pod is counted, but the server may still have been busy with some when the second one began.",
            "Trust the level if its other trials agree. Unless the run was suspended, find out why the pod went: eviction, memory or node failure.",
        ),
        EvidenceCode::LoadToolFailed => of(
            "The load tool ended without a result that can be read.",
            "There is nothing to judge.",
            "Read the end of the tool's output in the message, and the rest in the load pod's log.",
        ),
        EvidenceCode::RampIncluded => of(
            "Only the tool's summary was there, and it includes the moment when all users start at once.",
            "That burst makes TTFT many times longer than in operation, so TTFT is shown and not judged; TPOT reads up to 4 % low.",
            "Keep AIPerf's `profile_export.jsonl` beside its summary: the figures are then taken without the burst.",
        ),
        EvidenceCode::NotSteady => of(
            "Requests ended more than 10 % faster or slower than concurrency and latency say.",
            "The server was not in a steady state, so the figures depend on how long the trial took.",
            "Look for other work on the node at that time; raise `load.trialMinutes` if trials have three waves only.",
        ),
        EvidenceCode::HighVariance => of(
            "The level's trials scatter by more than 5 %.",
            "Differences of that size between variants may be chance; the interval of the gain says how large chance is.",
            "Look for other work on the nodes, changing clocks or a shared network; raise `load.decisionTrials`.",
        ),
        EvidenceCode::NotMonotone => of(
            "A level missed the SLA twice although a higher one meets it.",
            "Latency should grow with load; the throughput at the SLA is read at the lower level, which may understate it.",
            "Look for batch sizes without a CUDA graph in the engine, and for other work on the node at that time.",
        ),
        EvidenceCode::FlatLatency => of(
            "Latency hardly grows with load where the SLA ends.",
            "A small change of speed then moves the SLA's end by a large share of the load: the limit does not fix a throughput.",
            "Lower the limit, limit another latency, or compare throughput at the same load.",
        ),
        EvidenceCode::MostRequestsWait => of(
            "Far less throughput was measured than predicted, and most of the concurrent requests waited for their first token meanwhile instead of being answered.",
            "The engines let fewer requests in than the prediction assumes: their limits explain the gap, their speed does not.",
            "Compare the engines' maximum batch size, tokens per step and KV cache with what the prediction assumes; with disaggregated serving, look at the prefill workers.",
        ),
        EvidenceCode::SingleDeployment => of(
            "All trials come from one deployment of the variant.",
            "Deployments differ too (placement, clocks, memory layout), and trials within one do not show it: how much is assumed (`judgement.assumedScatterPercent`).",
            "No action needed while the outcome is decided; set `execution.rounds.minimum` to 2 to see the scatter.",
        ),
        EvidenceCode::ScatterAboveAssumed => of(
            "Deployments of the same variant differ by more than `judgement.assumedScatterPercent` says.",
            "The intervals of the first rounds are too narrow then: of identical variants at twice the assumed scatter, one comparison in fifteen is called different.",
            "Raise `judgement.assumedScatterPercent`, and look for what differs between deployments: nodes, clocks, other work.",
        ),
        EvidenceCode::SharedNodes => of(
            "Another variant's pods with GPUs ran on the same nodes at the same time.",
            "They share CPU, memory bandwidth, network and power, at times that differ between variants.",
            "Measure one variant at a time (`execution.mode: Sequential`), or on nodes of their own (`hardware.nodeSelector`).",
        ),
        EvidenceCode::DifferentNodes => of(
            "The variant ran on other nodes than the baseline.",
            "Nodes, and GPUs of one type, differ by some percent: part of the gain may be the node's.",
            "Pin both to the same nodes with `hardware.nodeSelector`, or raise `execution.rounds.minimum` to average over placements.",
        ),
        EvidenceCode::PrecisionDiffers => of(
            "Weights or KV cache have another precision than the baseline's.",
            "Lower precision is faster. Whether its answers are as good was not measured.",
            "Compare the quality of answers separately before you decide.",
        ),
        EvidenceCode::SpeculationDiffers => of(
            "The engines guess tokens ahead in another way than the baseline's, or only one side does.",
            "How much that gains depends on how many guesses are right, which is not the same for random prompts as for real text.",
            "Measure how many guesses are accepted with your own text before you rely on the gain.",
        ),
        EvidenceCode::ContextDiffers => of(
            "The longest request that the engines accept differs from the baseline's.",
            "A shorter maximum leaves more room for batches, and the variants cannot serve the same requests.",
            "Give all variants the same maximum (`--max-model-len`, `--context-length`, `max_seq_len`), unless it is what you compare.",
        ),
        EvidenceCode::ClocksDiffer => of(
            "The GPUs ran at other clocks than the baseline's.",
            "Speed follows the clock: part of the gain may come from power limits, heat or other settings of the GPUs.",
            "Look for power or thermal limits on the nodes, lock the clocks (`nvidia-smi -lgc`), and measure again.",
        ),
        EvidenceCode::ImageDiffers => of(
            "The engines' image is another than the baseline's.",
            "Part of the gain may come from the image's version and not from the configuration.",
            "Use one image for all variants, unless the image is what you compare.",
        ),
        EvidenceCode::Redeployed => of(
            "The variant was deployed again within a round.",
            "Its levels come from two deployments, which may differ.",
            "No action needed if the deciding levels come from one deployment; otherwise run again.",
        ),
        EvidenceCode::VolumeNotCreated => of(
            "The manifests hold a PersistentVolumeClaim, which the operator does not create.",
            "Its contents, weights most often, outlive the variant; where the claim is missing, the pods find no node.",
            "Create the claim in the comparison's namespace, and fill it, before the run; `kubectl get pvc` says whether it is there.",
        ),
        EvidenceCode::ImageChanged => of(
            "The image behind a tag changed between two deployments.",
            "Variants, or levels of one, were measured with two versions of the software.",
            "Set the image by digest, and run again.",
        ),
        EvidenceCode::ClaimNotDeployable => of(
            "The claim needs more tokens in one step than the deployed engine allows.",
            "The advertised figures describe an engine that is not deployed. What is judged is the estimate for the deployed one.",
            "Raise `max_num_tokens` or enable chunked prefill by a patch, or take the estimate for the claim.",
        ),
        EvidenceCode::PredictionInconsistent => of(
            "The predicted throughput does not follow from the predicted latency and concurrency.",
            "At least one of the predicted figures is wrong, so errors against it say little.",
            "Compare with a newer version of the predictor, and decide by the measurement.",
        ),
        EvidenceCode::InclusiveTpot => of(
            "The predictor's table spreads TTFT over the tokens (`--inclusive-tpot`): its time per token is not the one that is measured.",
            "Taken as it stands, it would be too high by TTFT ÷ tokens. It was computed anew from the table's request latency.",
            "No action needed. To see the same figure in the table, run the predictor without `--inclusive-tpot`.",
        ),
        EvidenceCode::NotTheDeployedShape => of(
            "The prediction is for another shape (parallelism, replicas, batch size) than the deployed one.",
            "Comparing it with this measurement would compare two configurations.",
            "Describe in `variants[].shape` what the manifests do not show, or predict what is deployed.",
        ),
        EvidenceCode::QuantizationMismatch => of(
            "The prediction assumes another type of weights or KV cache than the deployed model has.",
            "FP8 instead of BF16 alone changes throughput by half or more: nothing else about the prediction can be judged fairly.",
            "Predict for the checkpoint that is deployed, or deploy the one that was predicted.",
        ),
        EvidenceCode::DatabaseVersionMismatch => of(
            "The predictor's performance database was measured with another engine version than the deployed one.",
            "Engines get faster from version to version: the error may be the version's and not the prediction's.",
            "Set `predictor.databaseVersion` to the version nearest to the deployed one.",
        ),
        EvidenceCode::ClaimNotMeasured => of(
            "No trial was accepted at the concurrency that the predictor advertises.",
            "The claim was not tested: it can be neither confirmed nor refuted.",
            "Check why that level was rejected or left out. The operator adds it to every ladder by itself.",
        ),
        EvidenceCode::RuntimeVersionUnsupported => of(
            "The predictor has no template for the runtime's version; the nearest one was used.",
            "Flags and engine files change between versions: the server may refuse or ignore a setting that the prediction relies on.",
            "Compare the generated engine file with the runtime's documentation, or set `runtime.version` to a supported one.",
        ),
        EvidenceCode::NotPredicted => of(
            "Nothing is predicted for what is deployed.",
            "The variant is measured, but the result cannot confirm or refute anything.",
            "Describe in the variant's `shape` what the manifests do not show, or use a model, GPU and engine that the predictor knows.",
        ),
    }
}
