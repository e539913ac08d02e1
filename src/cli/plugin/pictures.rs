//! The report's plots as PNG: the same elements as in the page, with colours of their own, rasterised.

use std::fmt::Write;
use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::report::plot::{Plot, SIZE, marker};

/// Pixels for one of the picture's own.
const SCALE: u16 = 2;
/// Height of the title, and of a line of the legend.
const TITLE: u32 = 34;
const LEGEND: u32 = 20;
/// Room at the left: the font is wider than the page's.
const MARGIN: u32 = 10;

/// What the page's style sheet says for the light page; rasterisers know neither variables nor media queries.
const STYLE: &str = "\
text{font:13px 'DejaVu Sans';fill:#5a626b}.title{font-size:15px;fill:#1a1d21}.name{fill:#1a1d21}
path,circle{fill:none;stroke-linejoin:round}
.g{stroke:#d5dae0;stroke-width:1}.a{stroke:#5a626b;stroke-width:1}.t{fill:#5a626b}
.s{stroke:#b00068;stroke-width:1.5;stroke-dasharray:1.5 3.5;stroke-linecap:round}text.s{stroke:none;fill:#b00068}
.p{stroke-width:1.8;stroke-dasharray:6 4}.m{stroke-width:1.6}.c{stroke-width:1.6}use{stroke:#fff;stroke-width:.8}
.marker{fill:inherit;stroke:inherit}
";

/// Colours of the variants, as in the page: safe for colour-blind readers.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#008462", "#b8578d", "#1a1d21", "#b87f00"];

/// Why a picture cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The elements are no SVG.
    #[error("the plot cannot be drawn: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// There is no memory for the pixels.
    #[error("the plot cannot be drawn: it has no size")]
    Size,
    /// The pixels cannot be encoded.
    #[error("the plot cannot be encoded: {0}")]
    Png(String),
}

/// What NVIDIA's guide calls the file of a plot; of those it does not have, a name of the same kind.
pub fn file_name(plot: &Plot) -> String {
    match plot.id {
        "pareto" => "efficiency_tok_s_gpu_vs_user.png".into(),
        "ttft" => "avg_time_to_first_token_vs_concurrency.png".into(),
        "tpot" => "avg_inter_token_latency_vs_concurrency.png".into(),
        "tpot-p50" => "p50_inter_token_latency_vs_concurrency.png".into(),
        "requests" => "request_throughput_vs_concurrency.png".into(),
        "throughput" => "tok_s_gpu_vs_concurrency.png".into(),
        other => format!("{other}.png"),
    }
}

/// The picture.
///
/// # Errors
/// It cannot be drawn.
pub fn png(plot: &Plot) -> Result<Vec<u8>, PictureError> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    let options = Options { fontdb: Arc::new(fonts), font_family: "DejaVu Sans".into(), ..Options::default() };
    let tree = Tree::from_str(&document(plot), &options)?;
    let size = tree.size().to_int_size().scale_by(f32::from(SCALE)).ok_or(PictureError::Size)?;
    let mut pixels = Pixmap::new(size.width(), size.height()).ok_or(PictureError::Size)?;
    pixels.fill(Color::WHITE);
    let scale = f32::from(SCALE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| PictureError::Png(error.to_string()))
}

/// The plot as a document of its own: title, plane, and what line and marker belong to which variant.
fn document(plot: &Plot) -> String {
    let (width, height) = (SIZE.0 + MARGIN, SIZE.1);
    let rows = u32::try_from(plot.series.len()).unwrap_or(0) + 1;
    let all = TITLE + height + rows * LEGEND + LEGEND / 2;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{all}" viewBox="0 0 {width} {all}"><style>{STYLE}"#
    );
    // Writing to a String cannot fail.
    for (index, colour) in COLOURS.iter().enumerate() {
        let _ = write!(
            svg,
            ".p.v{index},.m.v{index},.c.v{index}{{stroke:{colour}}}use[href=\"#k{index}\"]{{fill:{colour}}}"
        );
    }
    svg.push_str("</style><defs>");
    for index in 0..plot.series.len() {
        let _ = write!(svg, r#"<path id="k{index}" class="marker" d="{}"/>"#, marker(index));
    }
    let _ = write!(
        svg,
        r#"</defs><text class="title" x="14" y="23">{}</text><g transform="translate({MARGIN} {TITLE})">{}</g>"#,
        escaped(plot.title),
        plot.elements()
    );
    for (series, row) in plot.series.iter().zip(0..) {
        let (y, index) = (TITLE + height + row * LEGEND + LEGEND / 2, series.index);
        let _ = write!(
            svg,
            r##"<path class="p v{index}" d="M58 {y}H94"/><use href="#k{index}" x="76" y="{y}"/><text class="name" x="104" y="{y}" dy=".35em">{}</text>"##,
            escaped(&series.name)
        );
    }
    let y = TITLE + height + (rows - 1) * LEGEND + LEGEND / 2;
    let _ = write!(
        svg,
        r#"<text x="58" y="{y}" dy=".35em">dashed: predicted; points: measured; ring: advertised</text></svg>"#
    );
    svg
}

fn escaped(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map(|text| text.to_string()).unwrap_or_default()
}
