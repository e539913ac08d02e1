//! Axes of a plot: where they begin and end, which ticks they have, and where a value is on them. Pure arithmetic; what is
//! drawn of it is decided in [`super::plot`].

use std::ops::Range;

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// Each factor of ten has the same length.
    Logarithmic,
}

/// A quantity and how it is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Quantity and unit.
    pub label: &'static str,
    pub scale: Scale,
}

/// An axis from its first to its last value.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaledAxis {
    scale: Scale,
    /// Of values, or of their decimal logarithms.
    range: Range<f64>,
}

/// A tick: its place as a share of the axis, and its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub share: f64,
    pub label: String,
}

/// Ticks of a linear axis at most.
const LINEAR_TICKS: f64 = 6.0;
/// Factors of ten up to which a logarithmic axis has ticks at 2 and 5 as well.
const DETAILED_DECADES: f64 = 3.2;
/// Factors of ten below which it has evenly spaced ticks: at most two would be at 1, 2 or 5.
const NARROW_DECADES: f64 = 0.6;

impl Axis {
    /// The axis with room for these values. `None` when none of them can be shown: zero has no logarithm.
    pub fn span(self, values: impl IntoIterator<Item = f64>) -> Option<ScaledAxis> {
        let placed = values.into_iter().filter_map(|value| self.scale.coordinate(value));
        let (low, high) = placed.fold(None, |ends: Option<(f64, f64)>, at| {
            let (low, high) = ends.unwrap_or((at, at));
            Some((low.min(at), high.max(at)))
        })?;
        let range = match self.scale {
            Scale::Linear if high > 0.0 => 0.0..high * 1.08,
            Scale::Linear => 0.0..1.0,
            Scale::Logarithmic => {
                let margin = ((high - low) * 0.05).max(0.05);
                low - margin..high + margin
            }
        };
        Some(ScaledAxis { scale: self.scale, range })
    }
}

impl Scale {
    fn coordinate(self, value: f64) -> Option<f64> {
        let coordinate = match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
        };
        Some(coordinate).filter(|coordinate| coordinate.is_finite())
    }
}

impl ScaledAxis {
    /// Where a value is, from 0 at the beginning of the axis to 1 at its end. `None` for what cannot be shown.
    pub fn share(&self, value: f64) -> Option<f64> {
        self.scale.coordinate(value).map(|coordinate| self.share_of(coordinate))
    }

    fn share_of(&self, coordinate: f64) -> f64 {
        (coordinate - self.range.start) / (self.range.end - self.range.start)
    }

    /// Ticks at round numbers, ascending.
    pub fn ticks(&self) -> Vec<Tick> {
        let tick = |coordinate: f64| {
            let value = if self.scale == Scale::Linear { coordinate } else { 10_f64.powf(coordinate) };
            Tick { share: self.share_of(coordinate), label: label(value) }
        };
        self.coordinates().into_iter().map(tick).collect()
    }

    fn coordinates(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => evenly(&self.range),
            Scale::Logarithmic if self.range.end - self.range.start < NARROW_DECADES => {
                let values = 10_f64.powf(self.range.start)..10_f64.powf(self.range.end);
                evenly(&values).into_iter().filter(|value| *value > 0.0).map(f64::log10).collect()
            }
            Scale::Logarithmic => self.digits_of_decades(),
        }
    }

    fn digits_of_decades(&self) -> Vec<f64> {
        let detailed = self.range.end - self.range.start < DETAILED_DECADES;
        let digits: &[f64] = if detailed { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = self.range.start.floor() as i32..=self.range.end.ceil() as i32;
        let all = decades.flat_map(|decade| digits.iter().map(move |digit| digit.log10() + f64::from(decade)));
        all.filter(|coordinate| self.range.contains(coordinate)).collect()
    }
}

/// Multiples of a round step within a range.
fn evenly(range: &Range<f64>) -> Vec<f64> {
    let step = round_step(range.end - range.start);
    let first = (range.start / step).ceil() as i64;
    (first..first + 3 * LINEAR_TICKS as i64).map(|n| n as f64 * step).take_while(|value| *value <= range.end).collect()
}

/// 1, 2 or 5 times a power of ten, large enough for few ticks.
fn round_step(length: f64) -> f64 {
    let least = length / LINEAR_TICKS;
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= least);
    step.filter(|step| step.is_finite() && *step > 0.0).unwrap_or(1.0)
}

fn label(value: f64) -> String {
    if value >= 10_000.0 { format!("{}k", trimmed(value / 1000.0)) } else { trimmed(value) }
}

/// Three decimals, without zeros at the end.
fn trimmed(value: f64) -> String {
    format!("{value:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LINEAR: Axis = Axis { label: "x", scale: Scale::Linear };
    const LOGARITHMIC: Axis = Axis { label: "x", scale: Scale::Logarithmic };

    #[rstest]
    #[case(LINEAR, &[3.0, 41.0], &["0", "10", "20", "30", "40"])]
    #[case(LINEAR, &[0.02], &["0", "0.005", "0.01", "0.015", "0.02"])]
    #[case(LINEAR, &[0.0], &["0", "0.2", "0.4", "0.6", "0.8", "1"])]
    #[case(LOGARITHMIC, &[1.0, 250.0], &["1", "2", "5", "10", "20", "50", "100", "200"])]
    #[case(LOGARITHMIC, &[1.0, 100_000.0], &["1", "10", "100", "1000", "10k", "100k"])]
    #[case(LOGARITHMIC, &[40.0, 60.0], &["40", "50", "60"])]
    fn ticks_are_round_numbers(#[case] axis: Axis, #[case] values: &[f64], #[case] expected: &[&str]) {
        let span = axis.span(values.iter().copied()).unwrap();
        let labels: Vec<String> = span.ticks().into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, expected);
    }

    #[rstest]
    #[case(LINEAR, &[100.0], 0.0, 0.0)]
    #[case(LINEAR, &[100.0], 54.0, 0.5)]
    #[case(LOGARITHMIC, &[1.0, 100.0], 10.0, 0.5)]
    fn a_value_has_its_share_of_the_axis(
        #[case] axis: Axis,
        #[case] values: &[f64],
        #[case] value: f64,
        #[case] expected: f64,
    ) {
        let share = axis.span(values.iter().copied()).unwrap().share(value).unwrap();
        assert!((share - expected).abs() < 1e-9, "{share}");
    }

    #[test]
    fn a_tick_is_where_its_value_is() {
        let span = LOGARITHMIC.span([1.0, 250.0]).unwrap();
        let ticks = span.ticks();
        assert!(ticks.iter().all(|tick| (tick.share - span.share(tick.label.parse().unwrap()).unwrap()).abs() < 1e-9));
    }

    #[rstest]
    #[case(0.0)]
    #[case(-1.0)]
    #[case(f64::NAN)]
    #[case(f64::INFINITY)]
    fn what_has_no_logarithm_is_left_out(#[case] value: f64) {
        assert_eq!(LOGARITHMIC.span([value]), None);
        assert_eq!(LOGARITHMIC.span([value, 5.0]), LOGARITHMIC.span([5.0]));
        assert_eq!(LOGARITHMIC.span([5.0]).unwrap().share(value), None);
    }
}
