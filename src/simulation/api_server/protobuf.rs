//! Protobuf bodies. `kubectl create` sends them for what everybody creates by hand; the rest comes as JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

/// What begins every such body.
const MAGIC: &[u8] = b"k8s\0";

/// Message of a message that have a length, by number.
type Message<'a> = Vec<(u64, &'a [u8])>;

/// A Namespace, ServiceAccount, ConfigMap or Secret with its name, namespace, labels, annotations and data; `None` for
/// anything else.
pub fn object(body: &[u8]) -> Option<Value> {
    let envelope = fields(body.strip_prefix(MAGIC)?)?;
    let types = fields(bytes(&envelope, 1)?)?;
    let (version, kind) = (text(bytes(&types, 1)?)?, text(bytes(&types, 2)?)?);
    let object = fields(bytes(&envelope, 2)?)?;
    let metadata = metadata(&fields(bytes(&object, 1)?)?)?;
    let mut read = json!({"apiVersion": version, "kind": kind, "metadata": metadata});
    let encoded = |value: &[u8]| Some(json!(BASE64.encode(value)));
    let plain = |value: &[u8]| Some(json!(text(value)?));
    match (version, kind) {
        ("v1", "Namespace" | "ServiceAccount") => {}
        ("v1", "ConfigMap") => {
            put(&mut read, "data", pairs(&object, 2, plain)?);
            put(&mut read, "binaryData", pairs(&object, 3, encoded)?);
        }
        ("v1", "Secret") => {
            put(&mut read, "data", pairs(&object, 2, encoded)?);
            if let Some(kind) = bytes(&object, 3) {
                read["type"] = json!(text(kind)?);
            }
        }
        _ => return None,
    }
    Some(read)
}

fn metadata(message: &Message) -> Option<Value> {
    let mut metadata = json!({"name": text(bytes(message, 1)?)?});
    if let Some(namespace) = bytes(message, 3).filter(|namespace| !namespace.is_empty()) {
        metadata["namespace"] = json!(text(namespace)?);
    }
    let plain = |value: &[u8]| Some(json!(text(value)?));
    put(&mut metadata, "labels", pairs(message, 11, plain)?);
    put(&mut metadata, "annotations", pairs(message, 12, plain)?);
    Some(metadata)
}

fn put(object: &mut Value, field: &str, pairs: Map<String, Value>) {
    if !pairs.is_empty() {
        object[field] = Value::Object(pairs);
    }
}

/// The entries of a map, whose values are read as told.
fn pairs(message: &Message, number: u64, read: impl Fn(&[u8]) -> Option<Value>) -> Option<Map<String, Value>> {
    let entries = message.iter().filter(|(found, _)| *found == number);
    entries
        .map(|(_, entry)| {
            let entry = fields(entry)?;
            // A value that is empty may be left out.
            Some((text(bytes(&entry, 1)?)?.to_owned(), read(bytes(&entry, 2).unwrap_or_default())?))
        })
        .collect()
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn bytes<'a>(fields: &[(u64, &'a [u8])], number: u64) -> Option<&'a [u8]> {
    fields.iter().find(|(found, _)| *found == number).map(|(_, bytes)| *bytes)
}

/// Reads a message; numbers in it are skipped.
fn fields(mut message: &[u8]) -> Option<Message<'_>> {
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
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, content.len() as u8], content].concat()
    }

    fn body(kind: &str, content: &[u8]) -> Vec<u8> {
        let types = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        let label = [field(1, b"team"), field(2, b"ml")].concat();
        let metadata = [field(1, b"benchmarks"), field(3, b""), field(11, &label)].concat();
        [MAGIC.to_vec(), field(1, &types), field(2, &[field(1, &metadata), content.to_vec()].concat())].concat()
    }

    fn pair(key: &str, value: &[u8]) -> Vec<u8> {
        field(2, &[field(1, key.as_bytes()), field(2, value)].concat())
    }

    fn read(kind: &str, more: Value) -> Value {
        let mut expected = json!({"apiVersion": "v1", "kind": kind,
            "metadata": {"name": "benchmarks", "labels": {"team": "ml"}}});
        expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        expected
    }

    #[test]
    fn what_is_created_by_hand_is_read() {
        let secret = [pair("token", b"hf_x"), pair("empty", b""), field(3, b"Opaque")].concat();
        let map = [pair("a.yaml", b"a: 1"), field(3, &[field(1, b"raw"), field(2, b"\xff")].concat())].concat();
        assert_eq!(object(&body("Namespace", &[])), Some(read("Namespace", json!({}))));
        assert_eq!(object(&body("ServiceAccount", &[])), Some(read("ServiceAccount", json!({}))));
        let data = json!({"data": {"token": "aGZfeA==", "empty": ""}, "type": "Opaque"});
        assert_eq!(object(&body("Secret", &secret)), Some(read("Secret", data)));
        let data = json!({"data": {"a.yaml": "a: 1"}, "binaryData": {"raw": "/w=="}});
        assert_eq!(object(&body("ConfigMap", &map)), Some(read("ConfigMap", data)));
    }

    #[test]
    fn nothing_else_is() {
        assert_eq!(object(&body("Pod", &[])), None);
        let whole = body("Namespace", &[]);
        (0..whole.len()).for_each(|length| assert_eq!(object(&whole[..length]), None, "{length}"));
        assert_eq!(object(b"{}"), None);
    }
}
