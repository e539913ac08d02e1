//! SVG elements as text. Colours and dashes are left to the style sheet of whoever shows the picture: an element only
//! names its [`Ink`], so that one picture serves light, dark, print and PNG.

use std::fmt::{self, Write};

/// What a line or a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Grid,
    Axis,
    Text,
    /// A limit of the SLA.
    Limit,
    /// What is estimated for the n-th variant.
    Estimate(usize),
    /// What is measured of the n-th variant.
    Measured(usize),
    /// The claim made for the n-th variant.
    Claim(usize),
}

impl fmt::Display for Ink {
    /// The classes of an element.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grid => f.write_str("g"),
            Self::Axis => f.write_str("a"),
            Self::Text => f.write_str("t"),
            Self::Limit => f.write_str("s"),
            Self::Estimate(variant) => write!(f, "e v{variant}"),
            Self::Measured(variant) => write!(f, "m v{variant}"),
            Self::Claim(variant) => write!(f, "c v{variant}"),
        }
    }
}

/// A place in a picture, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixel {
    pub x: f64,
    pub y: f64,
}

/// Which side of a text is at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Where a text is, seen from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Below,
    Level,
    Above,
}

/// Lines of one ink as one element; nothing where no line has two ends.
pub fn lines(ink: Ink, lines: &[Vec<Pixel>]) -> String {
    let mut d = String::new();
    for line in lines.iter().filter(|line| line.len() > 1) {
        for (index, at) in line.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(d, "{command}{} {}", short(at.x), short(at.y));
        }
    }
    if d.is_empty() { d } else { format!(r#"<path class="{ink}" d="{d}"/>"#) }
}

pub fn ring(ink: Ink, at: Pixel, radius: f64) -> String {
    format!(r#"<circle class="{ink}" cx="{}" cy="{}" r="{}"/>"#, short(at.x), short(at.y), short(radius))
}

/// The marker of the n-th variant. The document around the picture defines it, see [`marker_shape`].
pub fn marker(variant: usize, at: Pixel) -> String {
    format!(r##"<use href="#k{variant}" x="{}" y="{}"/>"##, short(at.x), short(at.y))
}

/// Outline of the n-th variant's marker around (0, 0). Shapes differ, so that nobody needs the colours to tell them apart.
pub const fn marker_shape(variant: usize) -> &'static str {
    match variant {
        0 => "M-4 0A4 4 0 1 1 4 0A4 4 0 1 1 -4 0z",
        1 => "M-3.6 -3.6H3.6V3.6H-3.6z",
        2 => "M0 -5L4.8 3.6H-4.8z",
        3 => "M0 -5.4L4.6 0L0 5.4L-4.6 0z",
        4 => "M0 5L4.8 -3.6H-4.8z",
        _ => "M-5 -1.7H-1.7V-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5z",
    }
}

pub fn text(ink: Ink, at: Pixel, anchor: Anchor, beside: Beside, content: &str) -> String {
    text_element(ink, at, anchor, beside, "", content)
}

/// A text that is read from the bottom to the top, its middle at its place.
pub fn upright_text(ink: Ink, at: Pixel, content: &str) -> String {
    let turned = format!(r#" transform="rotate(-90 {} {})""#, short(at.x), short(at.y));
    text_element(ink, at, Anchor::Middle, Beside::Level, &turned, content)
}

fn text_element(ink: Ink, at: Pixel, anchor: Anchor, beside: Beside, attributes: &str, content: &str) -> String {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    // From the baseline of a text to its upper edge, its middle and its lower edge.
    let down = match beside {
        Beside::Below => ".8em",
        Beside::Level => ".35em",
        Beside::Above => "-.2em",
    };
    let (x, y, content) = (short(at.x), short(at.y), escaped(content));
    format!(r#"<text class="{ink}" x="{x}" y="{y}" dy="{down}" text-anchor="{anchor}"{attributes}>{content}</text>"#)
}

/// Text that cannot be taken for markup.
pub fn escaped(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map(|text| text.to_string()).unwrap_or_default()
}

/// A coordinate to a tenth of a pixel: more digits take space and show nothing.
fn short(value: f64) -> f64 {
    let tenth = (value * 10.0).round() / 10.0;
    // Never "-0".
    if tenth == 0.0 { 0.0 } else { tenth }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Pixel = Pixel { x: 1.0, y: 2.25 };

    #[test]
    fn lines_of_one_ink_are_one_element() {
        let line = |y: f64| vec![Pixel { x: 0.04, y }, Pixel { x: 10.0, y }];
        let drawn = lines(Ink::Grid, &[line(1.0), line(-0.01)]);
        assert_eq!(drawn, r#"<path class="g" d="M0 1L10 1M0 0L10 0"/>"#);
    }

    #[test]
    fn a_line_with_one_end_is_not_drawn() {
        assert_eq!(lines(Ink::Estimate(1), &[vec![AT], vec![]]), "");
    }

    #[test]
    fn a_marker_refers_to_its_variant() {
        assert_eq!(marker(1, AT), r##"<use href="#k1" x="1" y="2.3"/>"##);
        assert_eq!(ring(Ink::Claim(1), AT, 8.0), r#"<circle class="c v1" cx="1" cy="2.3" r="8"/>"#);
    }

    #[test]
    fn text_stays_text() {
        let drawn = text(Ink::Limit, AT, Anchor::End, Beside::Above, "</text><script>");
        assert!(drawn.starts_with(r#"<text class="s" x="1" y="2.3" dy="-.2em" text-anchor="end">"#), "{drawn}");
        assert_eq!(drawn.matches('<').count(), 2, "{drawn}");
        assert!(upright_text(Ink::Text, AT, "y").contains(r#" transform="rotate(-90 1 2.3)">y<"#));
    }
}
