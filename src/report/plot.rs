//! A plot: estimates, claims and measurements of the variants over two axes, drawn as SVG.

use super::axis::{Axis, ScaledAxis};
use super::format::readable;
use super::svg::{self, Anchor, Beside, Ink, Pixel};

/// Width and height of a plot in its own pixels; the page scales it.
pub const SIZE: (u32, u32) = (460, 350);

/// The edges of the plane that the axes span, in pixels. The labels are to its left and below it.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 446.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 290.0;
const TICK: f64 = 4.0;
/// The middles of the axes' own labels.
const Y_LABEL: f64 = 7.0;
const X_LABEL: f64 = 320.0;
/// The middle of the line that says what was measured.
const ABOUT: f64 = 340.0;
/// Radius of the ring around a claim: it goes round a marker.
const RING: f64 = 8.0;
/// From the middle of a marker to where an arrow ends, and the length of the arrow's head.
const MARKER: f64 = 6.0;
const HEAD: f64 = 7.0;
/// Share of the horizontal axis from which on a limit has its text at its left.
const FAR_RIGHT: f64 = 0.6;

/// A measured level: the mean of its accepted trials, and the lowest and the highest of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlotPoint {
    pub at: (f64, f64),
    pub x: Option<(f64, f64)>,
    pub y: Option<(f64, f64)>,
}

/// What is shown of one variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Place of the variant in the spec, from 0: decides colour and marker.
    pub index: usize,
    pub name: String,
    /// One line for each range of loads that has an estimate.
    pub estimate: Vec<Vec<(f64, f64)>>,
    pub claim: Option<(f64, f64)>,
    /// What was measured at the claim's own load, where an arrow from promise to outcome tells something.
    pub outcome: Option<(f64, f64)>,
    pub measured: Vec<PlotPoint>,
}

/// A limit of the SLA, and the text beside its line.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitLine {
    pub value: f64,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Unique in the page.
    pub id: &'static str,
    pub title: &'static str,
    pub caption: &'static str,
    pub x: Axis,
    pub y: Axis,
    pub x_limit: Option<LimitLine>,
    pub y_limit: Option<LimitLine>,
    pub series: Vec<Series>,
    /// Model, hardware, run and day: a picture is shown without its page, too.
    pub about: String,
    /// A word about the picture itself, in its corner.
    pub mark: Option<&'static str>,
}

impl Plot {
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|s| s.measured.is_empty() && s.estimate.is_empty() && s.claim.is_none())
    }

    /// The plot as SVG elements; nothing when there is nothing to show.
    pub fn elements(&self) -> String {
        let Some(plane) = self.plane().filter(|_| !self.is_empty()) else { return String::new() };
        let limits = [
            self.y_limit.as_ref().map(|limit| plane.y_limit(limit)),
            self.x_limit.as_ref().map(|limit| plane.x_limit(limit)),
        ];
        let series = self.series.iter().map(|series| plane.series(series));
        let mark = self.mark.map(mark);
        let about = svg::text(Ink::Text, Pixel { x: RIGHT, y: ABOUT }, Anchor::End, Beside::Level, &self.about);
        let parts = [plane.axes(self)].into_iter().chain(limits.into_iter().flatten()).chain(series);
        parts.chain(mark).chain([about]).collect()
    }

    /// The points as a sentence, for those who do not see the plot.
    pub fn description(&self) -> String {
        let of_series = |series: &Series| {
            let points = series.measured.iter().map(|p| format!("{} → {}", readable(p.at.0), readable(p.at.1)));
            let points = points.collect::<Vec<_>>().join(", ");
            let points = if points.is_empty() { "nothing" } else { &points };
            format!("{}: measured {points}.", series.name)
        };
        let all = self.series.iter().map(of_series).collect::<Vec<_>>().join(" ");
        format!("{} over {}. {all}", self.y.label, self.x.label)
    }

    fn plane(&self) -> Option<Plane> {
        let values =
            |of: fn(&(f64, f64)) -> f64, ends: fn(&PlotPoint) -> Option<(f64, f64)>, limit: &Option<LimitLine>| {
                let all = self.series.iter().flat_map(move |series| {
                    let measured = series.measured.iter().map(|point| of(&point.at));
                    let bars = series.measured.iter().filter_map(ends).flat_map(|(low, high)| [low, high]);
                    let others = series.estimate.iter().flatten().chain(&series.claim).map(of);
                    measured.chain(bars).chain(others).collect::<Vec<_>>()
                });
                all.chain(limit.as_ref().map(|limit| limit.value)).collect::<Vec<_>>()
            };
        let x = self.x.span(values(|at| at.0, |point| point.x, &self.x_limit))?;
        let y = self.y.span(values(|at| at.1, |point| point.y, &self.y_limit))?;
        Some(Plane { x, y })
    }
}

/// The plane the axes span.
struct Plane {
    x: ScaledAxis,
    y: ScaledAxis,
}

impl Plane {
    fn pixel(&self, (x, y): (f64, f64)) -> Option<Pixel> {
        Some(Pixel { x: across(self.x.share(x)?), y: up(self.y.share(y)?) })
    }

    /// Grid, axes, ticks and their labels.
    fn axes(&self, plot: &Plot) -> String {
        let (mut grid, mut axes, mut labels) = (vec![], vec![], String::new());
        for tick in self.x.ticks() {
            let x = across(tick.share);
            grid.push(vec![Pixel { x, y: TOP }, Pixel { x, y: BOTTOM }]);
            axes.push(vec![Pixel { x, y: BOTTOM }, Pixel { x, y: BOTTOM + TICK }]);
            let below = Pixel { x, y: BOTTOM + 2.0 * TICK };
            labels += &svg::text(Ink::Text, below, Anchor::Middle, Beside::Below, &tick.label);
        }
        for tick in self.y.ticks() {
            let y = up(tick.share);
            grid.push(vec![Pixel { x: LEFT, y }, Pixel { x: RIGHT, y }]);
            axes.push(vec![Pixel { x: LEFT - TICK, y }, Pixel { x: LEFT, y }]);
            let left = Pixel { x: LEFT - 2.0 * TICK, y };
            labels += &svg::text(Ink::Text, left, Anchor::End, Beside::Level, &tick.label);
        }
        axes.push(vec![Pixel { x: LEFT, y: TOP }, Pixel { x: LEFT, y: BOTTOM }, Pixel { x: RIGHT, y: BOTTOM }]);
        let (x, y) = ((LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0);
        labels += &svg::text(Ink::Text, Pixel { x, y: X_LABEL }, Anchor::Middle, Beside::Level, plot.x.label);
        labels += &svg::upright_text(Ink::Text, Pixel { x: Y_LABEL, y }, plot.y.label);
        svg::lines(Ink::Grid, &grid) + &svg::lines(Ink::Axis, &axes) + &labels
    }

    /// A horizontal line, its text above its left end.
    fn y_limit(&self, limit: &LimitLine) -> String {
        let Some(y) = self.y.share(limit.value).map(up) else { return String::new() };
        let line = vec![Pixel { x: LEFT, y }, Pixel { x: RIGHT, y }];
        let beside = Pixel { x: LEFT + TICK, y };
        svg::lines(Ink::Limit, &[line]) + &svg::text(Ink::Limit, beside, Anchor::Start, Beside::Above, &limit.text)
    }

    /// A vertical line, its text at its upper end, where there is room for it.
    fn x_limit(&self, limit: &LimitLine) -> String {
        let Some(share) = self.x.share(limit.value) else { return String::new() };
        let x = across(share);
        let line = vec![Pixel { x, y: TOP }, Pixel { x, y: BOTTOM }];
        let (anchor, aside) = if share > FAR_RIGHT { (Anchor::End, -TICK) } else { (Anchor::Start, TICK) };
        let beside = Pixel { x: x + aside, y: TOP };
        svg::lines(Ink::Limit, &[line]) + &svg::text(Ink::Limit, beside, anchor, Beside::Below, &limit.text)
    }

    fn series(&self, series: &Series) -> String {
        let estimate: Vec<Vec<Pixel>> = series.estimate.iter().map(|line| self.pixels(line)).collect();
        let bars: Vec<Vec<Pixel>> = series.measured.iter().flat_map(|point| self.bars(point)).collect();
        let markers = series.measured.iter().filter_map(|point| self.pixel(point.at));
        let markers: String = markers.map(|at| svg::marker(series.index, at)).collect();
        let claim = series.claim.and_then(|claim| self.pixel(claim));
        let ring = claim.map(|at| svg::ring(Ink::Claim(series.index), at, RING)).unwrap_or_default();
        let outcome = claim.zip(series.outcome.and_then(|outcome| self.pixel(outcome)));
        let arrow =
            outcome.map(|(from, to)| svg::lines(Ink::Claim(series.index), &arrow(from, to))).unwrap_or_default();
        svg::lines(Ink::Estimate(series.index), &estimate)
            + &svg::lines(Ink::Measured(series.index), &bars)
            + &markers
            + &ring
            + &arrow
    }

    fn pixels(&self, line: &[(f64, f64)]) -> Vec<Pixel> {
        line.iter().filter_map(|at| self.pixel(*at)).collect()
    }

    /// From the lowest to the highest trial, along each axis on which they differ.
    fn bars(&self, point: &PlotPoint) -> Vec<Vec<Pixel>> {
        let (x, y) = point.at;
        let apart = |ends: Option<(f64, f64)>| ends.filter(|(low, high)| low < high);
        let upright = apart(point.y).map(|(low, high)| [(x, low), (x, high)]);
        let level = apart(point.x).map(|(low, high)| [(low, y), (high, y)]);
        upright.into_iter().chain(level).map(|ends| self.pixels(&ends)).collect()
    }
}

/// Shaft and head from the edge of a claim's ring to the marker of what was measured; nothing where one covers the other.
fn arrow(from: Pixel, to: Pixel) -> Vec<Vec<Pixel>> {
    let (x, y) = (to.x - from.x, to.y - from.y);
    let length = x.hypot(y);
    if length < 2.5 * RING {
        return vec![];
    }
    let (x, y) = (x / length, y / length);
    let at = |along: f64, aside: f64| Pixel { x: to.x - along * x - aside * y, y: to.y - along * y + aside * x };
    let tip = at(MARKER, 0.0);
    let start = Pixel { x: from.x + RING * x, y: from.y + RING * y };
    vec![vec![start, tip], vec![at(MARKER + HEAD, HEAD / 2.0), tip, at(MARKER + HEAD, -HEAD / 2.0)]]
}

/// In the lower right corner, where curves seldom are.
fn mark(word: &str) -> String {
    let corner = Pixel { x: RIGHT - TICK, y: BOTTOM - TICK };
    svg::text(Ink::Text, corner, Anchor::End, Beside::Above, word)
}

fn across(share: f64) -> f64 {
    LEFT + share * (RIGHT - LEFT)
}

fn up(share: f64) -> f64 {
    BOTTOM - share * (BOTTOM - TOP)
}

#[cfg(test)]
mod tests {
    use super::super::axis::Scale;
    use super::*;

    fn plot(series: Series) -> Plot {
        Plot {
            id: "plot",
            title: "Title",
            caption: "Caption.",
            x: Axis { label: "load", scale: Scale::Linear },
            y: Axis { label: "ms", scale: Scale::Logarithmic },
            x_limit: None,
            y_limit: None,
            series: vec![series],
            about: "model, system, run 1".into(),
            mark: None,
        }
    }

    fn measured(points: &[(f64, f64)]) -> Series {
        let point = |at: &(f64, f64)| PlotPoint { at: *at, x: None, y: None };
        Series { name: "one".into(), measured: points.iter().map(point).collect(), ..Series::default() }
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(plot(Series::default()).elements(), "");
        assert!(plot(Series::default()).is_empty());
    }

    #[test]
    fn a_point_is_where_its_values_are() {
        let drawn = plot(measured(&[(100.0, 10.0), (50.0, 10.0)])).elements();
        // The axis ends at 108, the only value of the other is in its middle.
        let x = LEFT + (RIGHT - LEFT) * 100.0 / 108.0;
        assert!(drawn.contains(&format!(r##"<use href="#k0" x="{x:.1}" y="150"/>"##)), "{drawn}");
    }

    #[test]
    fn what_has_no_logarithm_is_not_drawn() {
        let drawn = plot(measured(&[(1.0, 0.0), (2.0, 5.0)])).elements();
        assert_eq!(drawn.matches("<use").count(), 1);
    }

    #[test]
    fn trials_that_differ_have_a_bar() {
        let mut series = measured(&[(1.0, 5.0), (2.0, 5.0)]);
        series.measured[0].y = Some((4.0, 6.0));
        series.measured[1].y = Some((5.0, 5.0));
        let drawn = plot(series).elements();
        let bars = drawn.split(r#"class="m v0" d=""#).nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(bars.matches('M').count(), 1, "{bars}");
    }

    #[test]
    fn a_limit_is_within_the_plane_and_has_its_text() {
        let limit = LimitLine { value: 500.0, text: "SLA 500 ms".into() };
        let drawn = Plot { y_limit: Some(limit), ..plot(measured(&[(1.0, 5.0)])) }.elements();
        assert!(drawn.contains(r#"<path class="s""#) && drawn.contains(">SLA 500 ms</text>"), "{drawn}");
    }

    #[test]
    fn an_arrow_leads_from_the_claim_to_what_was_measured() {
        let claimed = |outcome| Series { claim: Some((1.0, 5.0)), outcome, ..measured(&[(2.0, 5.0)]) };
        let paths = |series: Series| plot(series).elements().matches(r#"<path class="c v0""#).count();
        assert_eq!(paths(claimed(Some((2.0, 5.0)))), 1);
        assert_eq!(paths(claimed(Some((1.0, 5.0)))), 0, "it was kept to the digit");
        assert_eq!(paths(claimed(None)), 0, "its load was not measured");
    }

    #[test]
    fn a_picture_says_what_was_measured() {
        assert!(plot(measured(&[(1.0, 5.0)])).elements().contains(">model, system, run 1</text>"));
    }

    #[test]
    fn a_mark_is_in_the_picture() {
        let drawn = Plot { mark: Some("simulated"), ..plot(measured(&[(1.0, 5.0)])) }.elements();
        assert!(drawn.contains(">simulated</text>"), "{drawn}");
    }

    #[test]
    fn the_description_has_the_numbers() {
        let description = plot(measured(&[(1.0, 5.0)])).description();
        assert_eq!(description, "ms over load. one: measured 1.00 → 5.00.");
        assert!(
            plot(Series { name: "two".into(), ..Series::default() }).description().ends_with("two: measured nothing.")
        );
    }
}
