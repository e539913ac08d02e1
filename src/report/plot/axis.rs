//! Axes: what they say, where they begin and end, and where their ticks are.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero.
    Linear,
    /// Each factor of ten has the same length.
    Logarithmic,
}

/// One axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Quantity and unit.
    pub label: &'static str,
    /// How values lie along it.
    pub scale: Scale,
}

/// An axis with its ends and ticks, as plotters draws it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    axis: Axis,
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Drawn {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (low, high): (i32, i32)) -> i32 {
        let share = (place - self.range.start) / (self.range.end - self.range.start);
        low + (share * f64::from(high - low)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { vec![] } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Drawn {
    fn format_ext(&self, place: &f64) -> String {
        self.axis.say(*place)
    }
}

/// Ticks of a linear axis at most.
const LINEAR_TICKS: f64 = 6.0;
/// Factors of ten up to which a logarithmic axis shows 2 and 5 as well.
const DETAILED_DECADES: f64 = 3.2;

impl Axis {
    /// Where a value lies, in the coordinates plotters reckons in; `None` where it has no place.
    pub fn place(self, value: f64) -> Option<f64> {
        match self.scale {
            Scale::Linear => Some(value),
            Scale::Logarithmic => Some(value.log10()),
        }
        .filter(|place| place.is_finite())
    }

    /// From where to where values reach, with a margin, in coordinates.
    fn range(self, values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
        let places = values.filter_map(|value| self.place(value));
        let (low, high) = places.fold(None, |range: Option<(f64, f64)>, place| {
            let (low, high) = range.unwrap_or((place, place));
            Some((low.min(place), high.max(place)))
        })?;
        Some(match self.scale {
            Scale::Linear if high > 0.0 => 0.0..high * 1.08,
            Scale::Linear => 0.0..1.0,
            Scale::Logarithmic => {
                let margin = ((high - low) * 0.05).max(0.05);
                low - margin..high + margin
            }
        })
    }

    /// The axis as it is drawn for these values; `None` when none has a place.
    pub fn drawn(self, values: impl Iterator<Item = f64>) -> Option<Drawn> {
        let range = self.range(values)?;
        Some(Drawn { axis: self, ticks: self.ticks(&range), range })
    }

    /// Coordinates of the ticks.
    fn ticks(self, range: &Range<f64>) -> Vec<f64> {
        match self.scale {
            Scale::Linear => steps(step(range.end - range.start), range),
            Scale::Logarithmic => {
                let decades = range.end - range.start;
                if decades < 0.6 {
                    return narrow(range);
                }
                let digits: &[f64] = if decades < DETAILED_DECADES { &[1.0, 2.0, 5.0] } else { &[1.0] };
                let powers = range.start.floor() as i32..=range.end.ceil() as i32;
                let all = powers.flat_map(|power| digits.iter().map(move |digit| digit.log10() + f64::from(power)));
                all.filter(|tick| range.contains(tick)).collect()
            }
        }
    }

    /// What a tick says.
    fn say(self, place: f64) -> String {
        let value = match self.scale {
            Scale::Linear => place,
            Scale::Logarithmic => 10_f64.powf(place),
        };
        if value >= 10_000.0 {
            return format!("{}k", trimmed(value / 1000.0));
        }
        trimmed(value)
    }
}

/// Ticks of a logarithmic axis that spans little: evenly spaced numbers at their places.
fn narrow(range: &Range<f64>) -> Vec<f64> {
    let numbers = 10_f64.powf(range.start)..10_f64.powf(range.end);
    steps(step(numbers.end - numbers.start), &numbers).into_iter().filter(|n| *n > 0.0).map(f64::log10).collect()
}

fn step(length: f64) -> f64 {
    let raw = length / LINEAR_TICKS;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= raw);
    step.filter(|step| step.is_finite() && *step > 0.0).unwrap_or(1.0)
}

fn steps(step: f64, range: &Range<f64>) -> Vec<f64> {
    let first = (range.start / step).ceil() as i64;
    (first..first + 3 * LINEAR_TICKS as i64).map(|n| n as f64 * step).take_while(|tick| *tick <= range.end).collect()
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() || text == "-" { "0".into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const LINEAR: Axis = Axis { label: "x", scale: Scale::Linear };
    const LOGARITHMIC: Axis = Axis { label: "x", scale: Scale::Logarithmic };

    fn said(axis: Axis, values: &[f64]) -> Vec<String> {
        let range = axis.range(values.iter().copied()).unwrap();
        axis.ticks(&range).into_iter().map(|tick| axis.say(tick)).collect()
    }

    #[rstest]
    #[case(LINEAR, &[3.0, 41.0], &["0", "10", "20", "30", "40"])]
    #[case(LINEAR, &[0.02], &["0", "0.005", "0.01", "0.015", "0.02"])]
    #[case(LINEAR, &[0.0], &["0", "0.2", "0.4", "0.6", "0.8", "1"])]
    #[case(LOGARITHMIC, &[1.0, 250.0], &["1", "2", "5", "10", "20", "50", "100", "200"])]
    #[case(LOGARITHMIC, &[1.0, 100_000.0], &["1", "10", "100", "1000", "10k", "100k"])]
    #[case(LOGARITHMIC, &[40.0, 60.0], &["40", "50", "60"])]
    fn ticks_are_round_numbers(#[case] axis: Axis, #[case] values: &[f64], #[case] expected: &[&str]) {
        assert_eq!(said(axis, values), expected);
    }

    #[test]
    fn what_has_no_place_does_not_count() {
        assert_eq!(LOGARITHMIC.range([0.0, -1.0, f64::NAN].into_iter()), None);
        assert_eq!(LOGARITHMIC.range([0.0, 5.0].into_iter()), LOGARITHMIC.range([5.0].into_iter()));
    }
}
