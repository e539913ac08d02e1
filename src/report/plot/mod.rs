//! Pictures: predictions over measurements. Drawn by plotters, written by a backend of ours.

pub mod axis;
pub mod data;
pub mod svg;

use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::element::{Circle, EmptyElement, PathElement, Text};
use plotters::prelude::{Cartesian2d, ChartBuilder, ChartContext, DrawingArea, IntoDrawingArea};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, ShapeStyle, TextStyle};

use axis::{Axis, Drawn};
use svg::{FINE, Ink, Svg, Unwritable};

/// Width and height of a picture; it is scaled to the room there is.
pub const SIZE: (u32, u32) = (460, 330);
const FONT: i32 = 13;

/// One measured point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it is.
    pub at: (f64, f64),
    /// Lowest and highest of the repetitions.
    pub x: Option<(f64, f64)>,
    /// Lowest and highest of the repetitions.
    pub y: Option<(f64, f64)>,
}

/// One variant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Place in the spec, from 0; decides colour and marker.
    pub index: u8,
    /// Its name.
    pub name: String,
    /// The estimate of what is deployed, as lines: there is none where nothing supports it.
    pub predicted: Vec<Vec<(f64, f64)>>,
    /// The advertised point.
    pub claimed: Option<(f64, f64)>,
    /// What was measured.
    pub measured: Vec<Point>,
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Unique in the page.
    pub id: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What is to be said about it.
    pub caption: &'static str,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// A limit of the SLA on the horizontal axis, and its words.
    pub x_limit: Option<(f64, String)>,
    /// A limit of the SLA on the vertical axis, and its words.
    pub y_limit: Option<(f64, String)>,
    /// The variants.
    pub series: Vec<Series>,
}

type Plane<'a, 'b> = ChartContext<'a, Svg<'b>, Cartesian2d<Drawn, Drawn>>;
type Failed = plotters::drawing::DrawingAreaErrorKind<Unwritable>;

impl Plot {
    /// Whether there is anything to see.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|s| s.measured.is_empty() && s.predicted.is_empty() && s.claimed.is_none())
    }

    /// The elements of the picture; nothing when there is nothing to see.
    pub fn elements(&self) -> String {
        let mut elements = String::new();
        if self.is_empty() {
            return elements;
        }
        let area = Svg::new(&mut elements, SIZE).into_drawing_area();
        // A string takes everything that is written into it.
        let drawn = self.draw(&area);
        drop(area);
        if drawn.is_err() { String::new() } else { elements }
    }

    /// The points in words, for those who do not see the picture.
    pub fn description(&self) -> String {
        let one = |series: &Series| {
            let points = series.measured.iter().map(|p| format!("{} → {}", short(p.at.0), short(p.at.1)));
            let points = points.collect::<Vec<_>>().join(", ");
            let points = if points.is_empty() { "nothing".to_owned() } else { points };
            format!("{}: measured {points}.", series.name)
        };
        let all = self.series.iter().map(one).collect::<Vec<_>>().join(" ");
        format!("{} over {}. {all}", self.y.label, self.x.label)
    }

    fn values(&self, of: fn(&(f64, f64)) -> f64, spread: fn(&Point) -> Option<(f64, f64)>) -> Vec<f64> {
        let each = |series: &Series| {
            let ends = series.measured.iter().filter_map(spread).flat_map(|(low, high)| [low, high]);
            let points = series.measured.iter().map(|point| of(&point.at));
            let others = series.predicted.iter().flatten().chain(&series.claimed).map(of);
            ends.chain(points).chain(others).collect::<Vec<_>>()
        };
        self.series.iter().flat_map(each).collect()
    }

    fn draw(&self, area: &DrawingArea<Svg<'_>, Shift>) -> Result<(), Failed> {
        let limit = |limit: &Option<(f64, String)>| limit.as_ref().map(|(value, _)| *value);
        let x = self.x.drawn(self.values(|p| p.0, |p| p.x).into_iter().chain(limit(&self.x_limit)));
        let y = self.y.drawn(self.values(|p| p.1, |p| p.y).into_iter().chain(limit(&self.y_limit)));
        let (Some(x), Some(y)) = (x, y) else { return Ok(()) };
        let (across, up) = (x.range(), y.range());
        let mut plane = ChartBuilder::on(area)
            .margin_top(10 * FINE)
            .margin_right(14 * FINE)
            .x_label_area_size(40 * FINE)
            .y_label_area_size(58 * FINE)
            .build_cartesian_2d(x, y)?;
        let text = words(Ink::Text);
        plane
            .configure_mesh()
            .light_line_style(Ink::Grid.token().mix(0.0))
            .bold_line_style(Ink::Grid.token())
            .axis_style(Ink::Axis.token())
            .label_style(text.clone())
            .axis_desc_style(text)
            .x_desc(self.x.label)
            .y_desc(self.y.label)
            .draw()?;
        if let Some((value, words)) = &self.y_limit
            && let Some(at) = self.y.place(*value)
        {
            rule(&mut plane, [(across.start, at), (across.end, at)], words, (HPos::Left, VPos::Bottom))?;
        }
        if let Some((value, words)) = &self.x_limit
            && let Some(at) = self.x.place(*value)
        {
            let right = at - across.start > 0.6 * (across.end - across.start);
            let side = if right { HPos::Right } else { HPos::Left };
            rule(&mut plane, [(at, up.end), (at, up.start)], words, (side, VPos::Top))?;
        }
        for series in &self.series {
            self.draw_series(&mut plane, series)?;
        }
        Ok(())
    }

    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.x.place(x)?, self.y.place(y)?))
    }

    /// The error bars of a point, where repetitions lie apart.
    fn bars(&self, point: &Point) -> Vec<[(f64, f64); 2]> {
        let (x, y) = point.at;
        let apart = |spread: Option<(f64, f64)>| spread.filter(|(low, high)| low < high);
        let upright = apart(point.y).map(|(low, high)| [(x, low), (x, high)]);
        let level = apart(point.x).map(|(low, high)| [(low, y), (high, y)]);
        let placed = |[a, b]: [(f64, f64); 2]| Some([self.place(a)?, self.place(b)?]);
        upright.into_iter().chain(level).filter_map(placed).collect()
    }

    fn draw_series(&self, plane: &mut Plane, series: &Series) -> Result<(), Failed> {
        for line in &series.predicted {
            let line: Vec<_> = line.iter().filter_map(|point| self.place(*point)).collect();
            plane.draw_series([PathElement::new(line, stroke(Ink::Predicted(series.index)))])?;
        }
        let ink = Ink::Measured(series.index);
        let bars = series.measured.iter().flat_map(|point| self.bars(point));
        plane.draw_series(bars.map(|bar| PathElement::new(bar.to_vec(), stroke(ink))))?;
        let points = series.measured.iter().filter_map(|point| self.place(point.at));
        plane.draw_series(points.map(|at| Circle::new(at, 4 * FINE, ink.token().filled())))?;
        if let Some(at) = series.claimed.and_then(|point| self.place(point)) {
            plane.draw_series([Circle::new(at, 8 * FINE, stroke(Ink::Claimed(series.index)))])?;
        }
        Ok(())
    }
}

/// Draws a limit of the SLA and what it is at its first point.
fn rule(plane: &mut Plane, ends: [(f64, f64); 2], what: &str, (h_pos, v_pos): (HPos, VPos)) -> Result<(), Failed> {
    plane.draw_series([PathElement::new(ends.to_vec(), stroke(Ink::Limit))])?;
    let style = words(Ink::Limit).pos(Pos::new(h_pos, v_pos));
    let [start, _] = ends;
    // A little off the line and off the edge.
    let aside = if matches!(h_pos, HPos::Right) { -4 * FINE } else { 4 * FINE };
    let place = EmptyElement::at(start) + Text::new(what.to_owned(), (aside, 0), style);
    plane.draw_series([place])?;
    Ok(())
}

/// Outline of the marker of the n-th variant, around (0, 0).
pub const fn marker(index: usize) -> &'static str {
    match index {
        0 => "M-4 0A4 4 0 1 1 4 0A4 4 0 1 1 -4 0z",
        1 => "M-3.6 -3.6H3.6V3.6H-3.6z",
        2 => "M0 -5L4.8 3.6H-4.8z",
        3 => "M0 -5.4L4.6 0L0 5.4L-4.6 0z",
        4 => "M0 5L4.8 -3.6H-4.8z",
        _ => "M-5 -1.7H-1.7V-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5z",
    }
}

fn stroke(ink: Ink) -> ShapeStyle {
    ink.token().stroke_width(1)
}

fn words(ink: Ink) -> TextStyle<'static> {
    ("sans-serif", FONT * FINE).into_font().color(&ink.token())
}

fn short(value: f64) -> String {
    super::words::figure(value)
}
