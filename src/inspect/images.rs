//! References to images.

/// Why a reference to an image is not one.
pub fn problem(image: &str) -> Option<&'static str> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (path, tag) = match name.rsplit_once(':') {
        // The part behind a colon with a slash in it belongs to a registry with a port.
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let is_hex =
        |digest: &str| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if digest.is_some_and(|digest| !digest.strip_prefix("sha256:").is_some_and(is_hex)) {
        return Some("the digest is not sha256: with 64 hexadecimal digits");
    }
    if tag.is_some_and(|tag| {
        tag.is_empty() || tag.len() > 128 || !tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    }) {
        return Some("the tag has characters that tags do not have");
    }
    let repository = path
        .split_once('/')
        .filter(|(host, _)| host.contains(['.', ':']) || *host == "localhost")
        .map_or(path, |(_, rest)| rest);
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    if !repository.split('/').all(is_part) {
        return Some(
            "the name has empty parts, upper-case letters or other characters that names of images do not have",
        );
    }
    None
}

/// Whether a reference names neither tag nor digest.
pub fn is_floating(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    !name.contains([':', '@'])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("registry.example/team/runtime:1.3.0", None)]
    #[case("localhost:5000/bcmp:dev", None)]
    #[case("bcmp:0.1.0", None)]
    #[case("registry.example/a@sha256:0123456789012345678901234567890123456789012345678901234567890123", None)]
    #[case("registry.example:5000/a", None)]
    #[case("registry.example/A:1", Some("upper-case"))]
    #[case("registry.example//a:1", Some("empty parts"))]
    #[case("a:", Some("tag"))]
    #[case("a:1 2", Some("tag"))]
    #[case("a@sha256:12", Some("digest"))]
    fn references_are_well_formed_or_it_is_said_why_not(#[case] image: &str, #[case] expected: Option<&str>) {
        match (problem(image), expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case("registry.example:5000/a", true)]
    #[case("a", true)]
    #[case("registry.example:5000/a:1", false)]
    #[case("a@sha256:0", false)]
    fn an_image_without_tag_and_digest_floats(#[case] image: &str, #[case] expected: bool) {
        assert_eq!(is_floating(image), expected);
    }
}
