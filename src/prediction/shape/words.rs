//! A shell script → its words, and what divides its commands.

/// A part of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word without its quotes; `bare` where it had none.
    Word {
        text: String,
        bare: bool,
    },
    /// The end of a command.
    End,
    /// `&&` or `||`: what follows may not run.
    AndOr,
    Parenthesis,
}

/// The words alone.
pub(super) fn words(text: &str) -> Vec<String> {
    let words = tokens(text).into_iter().filter_map(|token| match token {
        Token::Word { text, .. } => Some(text),
        _ => None,
    });
    words.collect()
}

/// Splits at white space and shell punctuation outside quotes; comments are dropped. `${…}` stays one word.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut splitter = Splitter::default();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (splitter.quote, character) {
            (Some(open), c) if c == open => splitter.quote = None,
            (None, '\'' | '"') => splitter.opens(character),
            (None | Some('"'), '\\') => match characters.next() {
                Some('\n') | None => {}
                Some(escaped) => splitter.takes(escaped),
            },
            (None, '#') if !splitter.started => while characters.next_if(|c| *c != '\n').is_some() {},
            (None, '{') if splitter.word.ends_with('$') => {
                splitter.takes('{');
                splitter.braces += 1;
            }
            (None, '}') if splitter.braces > 0 => {
                splitter.takes('}');
                splitter.braces -= 1;
            }
            (None, c) if splitter.braces == 0 && divides(c) => {
                splitter.ends_word();
                let doubled = matches!(c, '&' | '|') && characters.next_if_eq(&c).is_some();
                splitter.divides(c, doubled);
            }
            (_, c) => splitter.takes(c),
        }
    }
    splitter.ends_word();
    splitter.tokens
}

fn divides(character: char) -> bool {
    character.is_whitespace() || matches!(character, '(' | ')' | ';' | '|' | '&')
}

#[derive(Default)]
struct Splitter {
    tokens: Vec<Token>,
    word: String,
    quote: Option<char>,
    started: bool,
    quoted: bool,
    braces: u32,
}

impl Splitter {
    fn opens(&mut self, quote: char) {
        self.quote = Some(quote);
        (self.started, self.quoted) = (true, true);
    }

    fn takes(&mut self, character: char) {
        self.word.push(character);
        self.started = true;
    }

    fn ends_word(&mut self) {
        if self.started {
            self.tokens.push(Token::Word { text: std::mem::take(&mut self.word), bare: !self.quoted });
        }
        (self.started, self.quoted, self.braces) = (false, false, 0);
    }

    fn divides(&mut self, character: char, doubled: bool) {
        match character {
            '&' | '|' if doubled => self.tokens.push(Token::AndOr),
            '\n' | ';' | '&' | '|' => self.tokens.push(Token::End),
            '(' | ')' => self.tokens.push(Token::Parenthesis),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a 'b c' \"d e\"f # g", &["a", "b c", "d ef"])]
    #[case("x ${A:-b c} $(y z)", &["x", "${A:-b c}", "$", "y", "z"])]
    #[case("a\\\n b \\# c", &["a", "b", "#", "c"])]
    #[case("{ a; } }", &["{", "a", "}", "}"])]
    #[case("${unclosed a", &["${unclosed a"])]
    fn words_are_split(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(words(text), expected);
    }
}
