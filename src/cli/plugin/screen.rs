//! Output to a terminal or a file. Everything shown goes through here, and control characters are removed.

use std::io::{self, IsTerminal, Write};

use crate::report::format::wrapped;
use crate::report::labels::Tone;

/// Columns where there is no terminal to ask.
pub const WIDTH: usize = 110;

/// Text of one tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    tone: Tone,
    text: String,
}

/// Lines to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    lines: Vec<Vec<Span>>,
    /// Columns at which text wraps.
    width: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self::of_width(WIDTH)
    }
}

/// Text that stands out.
pub fn toned(tone: Tone, text: impl Into<String>) -> Span {
    Span { tone, text: text.into() }
}

/// Text that does not.
pub fn plain(text: impl Into<String>) -> Span {
    toned(Tone::Plain, text)
}

impl Page {
    /// A page whose text wraps at so many columns.
    pub fn of_width(width: usize) -> Self {
        Self { lines: vec![], width }
    }

    /// Adds a line.
    pub fn line(&mut self, text: impl Into<String>) {
        self.lines.push(vec![plain(text)]);
    }

    /// Adds a line of several tones.
    pub fn spans(&mut self, spans: Vec<Span>) {
        self.lines.push(spans);
    }

    /// Adds lines.
    pub fn text(&mut self, text: &str) {
        text.lines().for_each(|line| self.line(line));
    }

    /// Adds a paragraph: indented, and wrapped at the width.
    pub fn paragraph(&mut self, text: &str) {
        self.hanging("  ".into(), text);
    }

    /// Columns at which text wraps.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Adds a field: its name, and text that wraps at the width.
    pub fn field(&mut self, name: &str, text: &str) {
        self.labelled(13, name, text);
    }

    /// Adds a field whose name takes so many columns.
    pub fn labelled(&mut self, columns: usize, name: &str, text: &str) {
        self.hanging(format!("  {name:<columns$} "), text);
    }

    /// Adds an entry of a list: a name, and text that wraps at the width.
    pub fn entry(&mut self, name: &str, text: &str) {
        self.hanging(format!("  {name:<25} "), text);
    }

    fn hanging(&mut self, start: String, text: &str) {
        wrapped(&start, start.chars().count(), text, self.width).into_iter().for_each(|line| self.line(line));
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines, none of them wider than so many columns.
    #[must_use]
    pub fn narrowed(self, columns: usize) -> Self {
        let narrow = |line: Vec<Span>| {
            let mut left = columns;
            let cut = |span: Span| {
                let text: String = span.text.chars().take(left).collect();
                left -= text.chars().count();
                Span { text, ..span }
            };
            line.into_iter().map(cut).collect()
        };
        Self { lines: self.lines.into_iter().map(narrow).collect(), ..self }
    }
}

/// Both outputs of the process, or what stands in for them.
pub struct Screen {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Columns of the terminal; absent when output goes elsewhere.
    columns: Option<usize>,
    colours: bool,
    /// Lines of the picture that is drawn over.
    drawn: usize,
    /// The reader has closed the output.
    closed: bool,
}

impl Screen {
    /// The process's own. Colours only on a terminal, and not where `NO_COLOR` is set.
    pub fn of_process() -> Self {
        let stdout = io::stdout();
        let columns = stdout.is_terminal().then(|| {
            let size = rustix::termios::tcgetwinsize(&stdout).ok();
            size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
        });
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self::new(Box::new(stdout), Box::new(io::stderr()), columns, columns.is_some() && !refused)
    }

    /// Other outputs; `columns`: of a terminal.
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, columns: Option<usize>, colours: bool) -> Self {
        Self { out, err, columns, colours, drawn: 0, closed: false }
    }

    /// Whether output goes to a terminal.
    pub fn is_terminal(&self) -> bool {
        self.columns.is_some()
    }

    /// Columns there are.
    pub fn width(&self) -> usize {
        self.columns.unwrap_or(WIDTH)
    }

    /// Whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Shows lines.
    ///
    /// # Errors
    /// The output cannot be written. A reader that has seen enough is not an error.
    pub fn show(&mut self, page: &Page) -> io::Result<()> {
        let text = self.painted(page);
        self.write(&text)
    }

    /// Writes a document as it is, but for control characters.
    ///
    /// # Errors
    /// As of [`Screen::show`].
    pub fn document(&mut self, text: &str) -> io::Result<()> {
        let text: String = text.chars().filter(|c| *c == '\n' || *c == '\t' || !is_control(*c)).collect();
        self.write(&text)
    }

    /// Draws lines over those that were drawn last.
    ///
    /// # Errors
    /// As of [`Screen::show`].
    pub fn redraw(&mut self, page: Page) -> io::Result<()> {
        let page = page.narrowed(self.width());
        let up = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        let text = format!("{up}\r\x1b[J{}", self.painted(&page));
        self.drawn = page.lines.len();
        self.write(&text)
    }

    /// What was drawn stays; what comes next goes below it.
    pub fn leave(&mut self) {
        self.drawn = 0;
    }

    /// Writes a message for people to stderr.
    pub fn note(&mut self, text: &str) {
        self.leave();
        let text = text.lines().map(clean).collect::<Vec<_>>().join("\n");
        // There is no other place to report this.
        let _ = writeln!(self.err, "{text}");
    }

    fn painted(&self, page: &Page) -> String {
        let mut text = String::new();
        for line in &page.lines {
            let spans = line.iter().map(|span| self.paint(span)).collect::<String>();
            text.push_str(spans.trim_end());
            text.push('\n');
        }
        text
    }

    fn paint(&self, span: &Span) -> String {
        let text = clean(&span.text);
        let code = match span.tone {
            _ if !self.colours => return text,
            Tone::Plain => return text,
            Tone::Good => 32,
            Tone::Fair => 33,
            Tone::Bad => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => result,
        }
    }
}

/// One line without control characters. What the cluster says may be anybody's: it must not steer a terminal.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_control(*c)).collect()
}

/// Control characters, and those that turn the direction of writing.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\r\nc\u{9b}1md\u{202e}e\u{7f}"), "a[2Jb  c1mde");
    }

    #[test]
    fn lines_are_cut_at_the_width_over_all_their_spans() {
        let mut page = Page::default();
        page.spans(vec![toned(Tone::Good, "good"), plain(" news")]);
        let mut expected = Page::default();
        expected.spans(vec![toned(Tone::Good, "good"), plain(" n")]);
        assert_eq!(page.narrowed(6), expected);
    }
}
