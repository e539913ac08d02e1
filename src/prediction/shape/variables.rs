//! Variables of a start script, as far as the manifests fix them.

use std::collections::BTreeMap;

/// Name → value; `None` for what is set at run time only.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, Option<String>>);

impl Variables {
    pub(super) fn of(environment: &BTreeMap<String, Option<String>>) -> Self {
        Self(environment.clone())
    }

    /// Sets a variable. What may or may not be set, or depends on what runs, is not known afterwards.
    pub(super) fn assign(&mut self, name: &str, adds: bool, value: String, is_conditional: bool) {
        let before = self.0.get(name).cloned();
        let value = match (adds, &before) {
            (true, Some(Some(before))) => format!("{before}{value}"),
            _ => value,
        };
        let unchanged = before.flatten().as_deref() == Some(value.as_str());
        let is_known = !value.contains('$') && (!is_conditional || unchanged);
        self.0.insert(name.to_owned(), is_known.then_some(value));
    }

    /// Replaces `$NAME`, `${NAME}`, and those with a default. What is not known stays as it is written.
    pub(super) fn expand(&mut self, text: &str) -> String {
        let (mut expanded, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('$') {
            expanded.push_str(&rest[..at]);
            let reference = VariableReference::at(&rest[at..]);
            let length = reference.as_ref().map_or(1, |reference| reference.length);
            match reference.and_then(|reference| self.value(&reference)) {
                Some(value) => expanded.push_str(&value),
                None => expanded.push_str(&rest[at..at + length]),
            }
            rest = &rest[at + length..];
        }
        expanded + rest
    }

    fn value(&mut self, reference: &VariableReference<'_>) -> Option<String> {
        let known = self.0.get(reference.name).cloned();
        let is_default = |operator: &str| operator.trim_start_matches(':').starts_with(['-', '=']);
        match (known, reference.otherwise) {
            (Some(None), _) => None,
            (Some(Some(value)), Some((operator, _))) if !operator.ends_with('+') => {
                let replaced = value.is_empty() && operator.starts_with(':');
                if replaced { self.default(reference) } else { Some(value) }
            }
            (Some(Some(value)), None) => Some(value),
            (None, Some((operator, _))) if is_default(operator) => self.default(reference),
            _ => None,
        }
    }

    fn default(&mut self, reference: &VariableReference<'_>) -> Option<String> {
        let (operator, default) = reference.otherwise?;
        let value = self.expand(default);
        if operator.ends_with('=') {
            self.assign(reference.name, false, value.clone(), false);
        }
        (!operator.ends_with('?')).then_some(value)
    }
}

/// `$NAME` or `${NAME…}` at the start of a text.
struct VariableReference<'a> {
    name: &'a str,
    /// Operator and word, as in `${NAME:-8}`.
    otherwise: Option<(&'a str, &'a str)>,
    /// Bytes of all of it.
    length: usize,
}

impl<'a> VariableReference<'a> {
    fn at(text: &'a str) -> Option<Self> {
        let after = text.strip_prefix('$')?;
        let Some(inside) = after.strip_prefix('{') else {
            let name = name_at(after)?;
            return Some(Self { name, otherwise: None, length: 1 + name.len() });
        };
        let inside = &inside[..closing(inside)?];
        let name = name_at(inside)?;
        let rest = &inside[name.len()..];
        let operator = [":-", ":=", ":?", ":+", "-", "=", "?", "+"].into_iter().find(|o| rest.starts_with(o));
        let otherwise = match operator {
            Some(operator) => Some(rest.split_at(operator.len())),
            None if rest.is_empty() => None,
            None => return None,
        };
        Some(Self { name, otherwise, length: inside.len() + 3 })
    }
}

/// Where the brace closes that was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_u32;
    for (index, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(index),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn name_at(text: &str) -> Option<&str> {
    let length = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    Some(&text[..length]).filter(|name| is_name(name))
}

/// Whether a text may be the name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Replaces `$(NAME)`, as Kubernetes does before a command starts.
pub(super) fn kubernetes(text: &str, environment: &BTreeMap<String, Option<String>>) -> String {
    environment.iter().fold(text.to_owned(), |text, (name, value)| match value {
        Some(value) => text.replace(&format!("$({name})"), value),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("$A-$AB/${A}", "1-2/1")]
    #[case("${A:-9} ${X:-9} ${X-9} ${X:=7} $X", "1 9 9 7 7")]
    #[case("${EMPTY:-9} ${EMPTY-9}", "9 ")]
    #[case("${X:-${A}}", "1")]
    #[case("$LATER ${LATER:-8}", "$LATER ${LATER:-8}")]
    #[case("${X:?no} ${A:?no} ${X:+y} $1 $ ${a[@]} ${", "${X:?no} 1 ${X:+y} $1 $ ${a[@]} ${")]
    #[case("ü$A€", "ü1€")]
    fn what_is_known_is_replaced(#[case] text: &str, #[case] expected: &str) {
        let known = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        let environment =
            BTreeMap::from([known("A", "1"), known("AB", "2"), known("EMPTY", ""), ("LATER".to_owned(), None)]);
        assert_eq!(Variables::of(&environment).expand(text), expected);
    }
}
