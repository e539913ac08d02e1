//! When watching begins, who holds GPUs and who wants some is learnt from a few lists: not by reading a thousand comparisons
//! one by one before the first of them is looked at.

use kube::api::ListParams;

use super::context::Context;
use super::error::Error;
use super::fetch::fetch_page;
use super::lists::WHOLE;
use crate::api::BenchmarkComparison;
use crate::lifecycle::facts::anything_deployed;

/// Reads all comparisons of a namespace, or of all. What is not known afterwards is learnt by looking at it.
pub async fn meet(context: &Context, namespace: Option<&str>) {
    if let Err(error) = meet_all(context, namespace).await {
        tracing::warn!(%error, "who holds GPUs is not known yet");
    }
}

async fn meet_all(context: &Context, namespace: Option<&str>) -> Result<(), Error> {
    let learn = |comparison: &BenchmarkComparison| {
        let holds = comparison.status.as_ref().is_some_and(anything_deployed);
        context.lanes.learn(comparison.metadata.uid.as_deref().unwrap_or_default(), holds);
        context.comparisons.learn(comparison);
    };
    let mut parameters = ListParams::default().limit(WHOLE);
    while let Some(token) = fetch_page(&context.client, namespace, &parameters, learn).await? {
        parameters = parameters.continue_token(&token);
    }
    Ok(())
}
