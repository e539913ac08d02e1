//! The plots of a report as PNG: the elements of the page with colours of their own, rasterised. The only user of resvg.

use std::fmt::Write;
use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::report::plot::{Plot, SIZE, Series};
use crate::report::svg::{self, Anchor, Beside, Ink, Pixel, escaped};

/// Pixels for one of the plot's own.
const SCALE: f32 = 2.0;
/// Height of the title, and of a line of the legend.
const TITLE: u32 = 34;
const LEGEND: u32 = 20;
/// Room at the left: the font is wider than most of the page's.
const MARGIN: u32 = 10;
const FONT: &[u8] = include_bytes!("../../report/assets/DejaVuSans.ttf");

/// The light colours of the page's style sheet; rasterisers know neither variables nor media queries.
const STYLE: &str = "\
text{font:13px 'DejaVu Sans';fill:#5a626b}.title{font-size:15px;fill:#1a1d21}
path,circle{fill:none;stroke-linejoin:round}
.g{stroke:#d5dae0;stroke-width:1}.a{stroke:#5a626b;stroke-width:1}.t{fill:#5a626b}
.s{stroke:#b00068;stroke-width:1.5;stroke-dasharray:1.5 3.5;stroke-linecap:round}text.s{stroke:none;fill:#b00068}
.e{stroke-width:1.8;stroke-dasharray:6 4}.m{stroke-width:1.6}.c{stroke-width:1.6}use{stroke:#fff;stroke-width:.8}
.marker{fill:inherit;stroke:inherit}
";

/// Colours of the variants, as in the page: safe for colour-blind readers.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#008462", "#b8578d", "#1a1d21", "#b87f00"];

#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("the plot cannot be drawn: {0}")]
    Svg(#[from] resvg::usvg::Error),
    #[error("the plot cannot be drawn: it has no size")]
    Size,
    #[error("the plot cannot be encoded: {0}")]
    Png(String),
}

/// The file name of a plot in NVIDIA's guide; a name of the same kind for those the guide does not have.
pub fn file_name(plot: &Plot) -> String {
    match plot.id {
        "pareto" => "efficiency_tok_s_gpu_vs_user.png".into(),
        "ttft" => "avg_time_to_first_token_vs_concurrency.png".into(),
        "tpot" => "avg_inter_token_latency_vs_concurrency.png".into(),
        "tpot-p50" => "p50_inter_token_latency_vs_concurrency.png".into(),
        "requests" => "request_throughput_vs_concurrency.png".into(),
        "throughput" => "tok_s_gpu_vs_concurrency.png".into(),
        "ratio" => "measured_over_estimated_vs_concurrency.png".into(),
        other => format!("{other}.png"),
    }
}

/// # Errors
/// The plot cannot be drawn or encoded.
pub fn png(plot: &Plot) -> Result<Vec<u8>, PictureError> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    let options = Options { fontdb: Arc::new(fonts), font_family: "DejaVu Sans".into(), ..Options::default() };
    let tree = Tree::from_str(&document(plot), &options)?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or(PictureError::Size)?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or(PictureError::Size)?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PictureError::Png(error.to_string()))
}

/// The plot as a document of its own, with its title and a legend.
fn document(plot: &Plot) -> String {
    let (width, below) = (SIZE.0 + MARGIN, TITLE + SIZE.1);
    let legend = legend(plot, below);
    let height = below + u32::try_from(legend.len()).unwrap_or(0) * LEGEND + LEGEND / 2;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"><style>{STYLE}{colours}</style><defs>{markers}</defs><text class="title" x="14" y="23">{title}</text><g transform="translate({MARGIN} {TITLE})">{elements}</g>{legend}</svg>"#,
        colours = colours(),
        markers = markers(plot),
        title = escaped(plot.title),
        elements = plot.elements(),
        legend = legend.concat(),
    )
}

fn colours() -> String {
    let mut style = String::new();
    for (index, colour) in COLOURS.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(
            style,
            ".e.v{index},.m.v{index},.c.v{index}{{stroke:{colour}}}use[href=\"#k{index}\"]{{fill:{colour}}}"
        );
    }
    style
}

fn markers(plot: &Plot) -> String {
    let marker = |index: usize| format!(r#"<path id="k{index}" class="marker" d="{}"/>"#, svg::marker_shape(index));
    (0..plot.series.len()).map(marker).collect()
}

/// One line for each variant, and one that says what is what.
fn legend(plot: &Plot, top: u32) -> Vec<String> {
    let middle = |row: u32| f64::from(top + row * LEGEND + LEGEND / 2);
    let at = |x: f64, row: u32| Pixel { x, y: middle(row) };
    let mut lines: Vec<String> = vec![];
    for (series, row) in plot.series.iter().zip(0..) {
        let line = vec![at(58.0, row), at(94.0, row)];
        lines.push(
            svg::lines(Ink::Estimate(series.index), &[line])
                + &svg::marker(series.index, at(76.0, row))
                + &svg::text(Ink::Text, at(104.0, row), Anchor::Start, Beside::Level, &series.name),
        );
    }
    let row = u32::try_from(lines.len()).unwrap_or(0);
    lines.push(svg::text(Ink::Text, at(58.0, row), Anchor::Start, Beside::Level, &key(plot)));
    lines
}

/// What lines and marks stand for, of those the plot has.
fn key(plot: &Plot) -> String {
    let has = |part: fn(&Series) -> bool| plot.series.iter().any(part);
    let parts = [
        ("dashed: estimate", has(|series| !series.estimate.is_empty())),
        ("points: measured", has(|series| !series.measured.is_empty())),
        ("ring: claim", has(|series| series.claim.is_some())),
        ("arrow: what became of it", has(|series| series.outcome.is_some())),
    ];
    parts.iter().filter(|(_, is_there)| *is_there).map(|(text, _)| *text).collect::<Vec<_>>().join("; ")
}
