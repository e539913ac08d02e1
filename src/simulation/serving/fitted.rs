//! Step times that bring about an estimate: for predictions that were made elsewhere.

use crate::prediction::{Curve, Serving};
use crate::simulation::engine::Linear;
use crate::units::Milliseconds;

/// Step times of one replica whose figures are those of a curve: of one request alone, and of half of what it holds. `None`
/// where the curve does not say enough.
pub fn steps(curve: &Curve, serving: &Serving, input_tokens: u32) -> Option<Linear> {
    let replicas = curve.replicas().max(1);
    let each = curve.end() / replicas;
    let alone = curve.at(1)?;
    let ttft = alone.steady_ttft.unwrap_or(alone.point.ttft).get();
    let decode = alone.point.tpot.get();
    let shared = matches!(serving, Serving::Aggregated { .. });
    // The first token of separate workers comes with a decoding step.
    let prompt = if shared { ttft } else { (ttft - decode).max(0.0) };
    let half = each.div_ceil(2).max(2);
    let following = f64::from(curve.output_tokens().saturating_sub(1)).max(1.0);
    let others = f64::from(half - 1);
    let more = curve.at(half.saturating_mul(replicas)).map_or(0.0, |level| level.point.tpot.get() - decode);
    let between = if shared { others * prompt / following } else { 0.0 };
    let milliseconds = |time: f64| Milliseconds::new(time.max(0.0)).ok();
    Some(Linear {
        prompt: Milliseconds::default(),
        prompt_token: milliseconds(prompt / f64::from(input_tokens.max(1)))?,
        decode: milliseconds(decode)?,
        further_decode: milliseconds((more - between) / others)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::{Burst, CurvePoint, Workers};
    use crate::units::RequestsPerSecond;

    #[test]
    fn the_formulas_and_the_fit_are_each_others_inverse() {
        let ms = |value: f64| Milliseconds::new(value).unwrap();
        let (prompt, decode, further) = (80.0, 5.0, 0.04);
        let point = |requests: u32| {
            let others = f64::from(requests - 1);
            let tpot = decode + further * others + others * prompt / 499.0;
            let rate = RequestsPerSecond::new(f64::from(requests) * 1000.0 / (prompt + 499.0 * tpot)).unwrap();
            CurvePoint { concurrency: requests, ttft: ms(prompt), tpot: ms(tpot), request_rate: rate }
        };
        let curve = Curve::new((1..=12).map(point).collect(), 2, 8, 500).unwrap().with_burst(Burst::Steady);
        let serving = Serving::Aggregated { workers: Workers::new(4, 1, 2) };
        let fitted = steps(&curve, &serving, 4000).unwrap();
        let near = |found: Milliseconds, known: f64| assert!((found.get() / known - 1.0).abs() < 1e-9, "{found:?}");
        near(fitted.prompt_token, prompt / 4000.0);
        near(fitted.decode, decode);
        near(fitted.further_decode, further);
    }
}
