//! A backend of plotters that writes small, themable SVG: classes instead of colours, real text, real dashes.
//!
//! plotters' own SVG backend writes fixed colours, and a dashed line as one element for each dash. Here a colour is only a
//! token for an [`Ink`]; the page's style sheet says what it looks like, in light, in dark and in print.

use std::fmt::Write;

use plotters::style::RGBColor;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontTransform,
};

/// plotters reckons in whole pixels: it is given this many for one of the picture's.
pub const FINE: i32 = 4;

/// What a stroke or a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Lines of the grid.
    Grid,
    /// Lines of the axes.
    Axis,
    /// Words and numbers.
    Text,
    /// A limit of the SLA.
    Limit,
    /// The prediction of the n-th variant, dashed.
    Predicted(u8),
    /// The measurement of the n-th variant.
    Measured(u8),
    /// The advertised point of the n-th variant.
    Claimed(u8),
}

impl Ink {
    /// The token plotters passes on.
    pub const fn token(self) -> RGBColor {
        match self {
            Self::Grid => RGBColor(1, 0, 0),
            Self::Axis => RGBColor(2, 0, 0),
            Self::Text => RGBColor(3, 0, 0),
            Self::Limit => RGBColor(4, 0, 0),
            Self::Predicted(n) => RGBColor(5, n, 0),
            Self::Measured(n) => RGBColor(6, n, 0),
            Self::Claimed(n) => RGBColor(7, n, 0),
        }
    }

    fn class(token: BackendColor) -> String {
        match token.rgb {
            (1, _, _) => "g".into(),
            (2, _, _) => "a".into(),
            (3, _, _) => "t".into(),
            (4, _, _) => "s".into(),
            (5, n, _) => format!("p v{n}"),
            (7, n, _) => format!("c v{n}"),
            (_, n, _) => format!("m v{n}"),
        }
    }
}

/// Collects the elements of one picture.
pub struct Svg<'a> {
    elements: &'a mut String,
    size: (u32, u32),
    /// Class of the last element, while it is a path that may go on.
    open: Option<String>,
}

const PATH_END: &str = r#""/>"#;

/// Drawing into a string cannot fail; plotters wants an error type.
#[derive(Debug, thiserror::Error)]
#[error("the picture cannot be written")]
pub struct Unwritable;

type Drawn = Result<(), DrawingErrorKind<Unwritable>>;

impl<'a> Svg<'a> {
    /// A picture of this size, in its own pixels, whose elements are appended to `elements`.
    pub fn new(elements: &'a mut String, (width, height): (u32, u32)) -> Self {
        let fine = FINE.unsigned_abs();
        Self { elements, size: (width * fine, height * fine), open: None }
    }

    fn write(&mut self, element: std::fmt::Arguments) -> Drawn {
        self.elements.write_fmt(element).map_err(|_| DrawingErrorKind::DrawingError(Unwritable))
    }

    fn path(&mut self, points: impl IntoIterator<Item = BackendCoord>, color: BackendColor, end: &str) -> Drawn {
        if color.alpha == 0.0 {
            return Ok(());
        }
        let mut d = String::new();
        for (index, (x, y)) in points.into_iter().enumerate() {
            let letter = if index == 0 { 'M' } else { 'L' };
            let _ = write!(d, "{letter}{} {}", fine(x), fine(y));
        }
        let filled = if end.is_empty() { "" } else { " f" };
        let class = format!("{}{filled}", Ink::class(color));
        // Lines of one ink in a row are one element: a grid, the error bars of a series.
        if self.open.as_ref() == Some(&class) && self.elements.ends_with(PATH_END) {
            self.elements.truncate(self.elements.len() - PATH_END.len());
            return self.write(format_args!("{d}{PATH_END}"));
        }
        self.write(format_args!(r#"<path class="{class}" d="{d}{end}{PATH_END}"#))?;
        self.open = end.is_empty().then_some(class);
        Ok(())
    }
}

/// A coordinate in the picture's pixels.
fn fine(value: i32) -> f64 {
    f64::from(value) / f64::from(FINE)
}

impl DrawingBackend for Svg<'_> {
    type ErrorType = Unwritable;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> Drawn {
        self.path([point, (point.0 + FINE, point.1)], color, "")
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.path([from, to], style.color(), "")
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        self.path(corners, style.color(), if fill { "z" } else { "" })
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.path(path, style.color(), "")
    }

    fn draw_circle<S: BackendStyle>(&mut self, (x, y): BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        self.open = None;
        let class = Ink::class(style.color());
        // A filled disc of a variant stands for its marker: shapes differ, so that colour is not needed to tell them apart.
        if let (true, (6, n, _)) = (fill, style.color().rgb) {
            return self.write(format_args!(r##"<use href="#k{n}" x="{}" y="{}"/>"##, fine(x), fine(y)));
        }
        let filled = if fill { " f" } else { "" };
        let radius = f64::from(radius) / f64::from(FINE);
        self.write(format_args!(r#"<circle class="{class}{filled}" cx="{}" cy="{}" r="{radius}"/>"#, fine(x), fine(y)))
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Drawn {
        self.path(corners, style.color(), "z")
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, (x, y): BackendCoord) -> Drawn {
        self.open = None;
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let down = match style.anchor().v_pos {
            VPos::Top => ".8em",
            VPos::Center => ".35em",
            VPos::Bottom => "-.2em",
        };
        let (x, y) = (fine(x), fine(y));
        let turned = match style.transform() {
            FontTransform::None => String::new(),
            FontTransform::Rotate90 => format!(r#" transform="rotate(90 {x} {y})""#),
            FontTransform::Rotate180 => format!(r#" transform="rotate(180 {x} {y})""#),
            FontTransform::Rotate270 => format!(r#" transform="rotate(-90 {x} {y})""#),
        };
        let class = Ink::class(style.color());
        let text = askama::filters::escape(text, askama::filters::Html)
            .map_err(|_| DrawingErrorKind::DrawingError(Unwritable))?;
        self.write(format_args!(
            r#"<text class="{class}" x="{x}" y="{y}" dy="{down}" text-anchor="{anchor}"{turned}>{text}</text>"#
        ))
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Unwritable>> {
        let size = style.size();
        Ok(((0.55 * size * text.chars().count() as f64) as u32, size as u32))
    }
}
