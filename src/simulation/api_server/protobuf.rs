//! Protobuf bodies. `kubectl create namespace` sends one; whatever else it creates comes as JSON.

use serde_json::{Value, json};

/// What begins every such body.
const MAGIC: &[u8] = b"k8s\0";

/// A namespace with its name and labels; `None` for anything else.
pub fn namespace(body: &[u8]) -> Option<Value> {
    let envelope = fields(body.strip_prefix(MAGIC)?)?;
    let types = fields(bytes(&envelope, 1)?)?;
    if (bytes(&types, 1)?, bytes(&types, 2)?) != (b"v1".as_slice(), b"Namespace".as_slice()) {
        return None;
    }
    let object = fields(bytes(&envelope, 2)?)?;
    let metadata = fields(bytes(&object, 1)?)?;
    let name = text(bytes(&metadata, 1)?)?;
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    for (_, entry) in metadata.iter().filter(|(number, _)| *number == 11) {
        let entry = fields(entry)?;
        let (label, value) = (text(bytes(&entry, 1)?)?, text(bytes(&entry, 2)?)?);
        namespace["metadata"]["labels"][label] = json!(value);
    }
    Some(namespace)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn bytes<'a>(fields: &[(u64, &'a [u8])], number: u64) -> Option<&'a [u8]> {
    fields.iter().find(|(found, _)| *found == number).map(|(_, bytes)| *bytes)
}

/// Fields of a message that have a length, by number; numbers are skipped.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = vec![];
    while !message.is_empty() {
        let key = number(&mut message)?;
        match key & 7 {
            0 => drop(number(&mut message)?),
            2 => {
                let length = usize::try_from(number(&mut message)?).ok()?;
                let (field, rest) = message.split_at_checked(length)?;
                found.push((key >> 3, field));
                message = rest;
            }
            _ => return None,
        }
    }
    Some(found)
}

fn number(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    fn body(kind: &str) -> Vec<u8> {
        let types = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        let label = [field(1, b"team"), field(2, b"ml")].concat();
        let metadata = [field(1, b"benchmarks"), field(11, &label)].concat();
        [MAGIC.to_vec(), field(1, &types), field(2, &field(1, &metadata))].concat()
    }

    #[test]
    fn a_namespace_is_read() {
        let expected = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "benchmarks", "labels": {"team": "ml"}}});
        assert_eq!(namespace(&body("Namespace")), Some(expected));
    }

    #[test]
    fn nothing_else_is() {
        assert_eq!(namespace(&body("Secret")), None);
        let whole = body("Namespace");
        (0..whole.len()).for_each(|length| assert_eq!(namespace(&whole[..length]), None, "{length}"));
        assert_eq!(namespace(b"{}"), None);
    }
}
