//! Reply headers that describe the bytes before masking: entity tags are sealed, digests are dropped.

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header;

use crate::mask::Plan;

/// Reply headers that describe the bytes before masking.
const OF_THE_BYTES: [&str; 9] = [
    "accept-ranges",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "digest",
    "repr-digest",
    "x-amz-meta-s3cmd-attrs",
    "x-goog-hash",
];
/// Prefixes of such headers.
const OF_THE_BYTES_FAMILIES: [&str; 3] = ["signature", "x-amz-checksum-", "x-checksum-"];
/// Words in header names that stand for a digest: one of the target's own bytes would allow guessing masked
/// values.
const DIGESTS: [&str; 12] = [
    "checksum",
    "checksums",
    "crc",
    "digest",
    "etag",
    "fingerprint",
    "hash",
    "hashes",
    "hmac",
    "integrity",
    "sha",
    "signature",
];
/// Prefixes of such words; the rest tells the kind: `sha256`, `crc64ecma`, `xxh3`.
const DIGEST_KINDS: [&str; 8] = ["blake", "crc32", "crc64", "md4", "md5", "sha1", "sha2", "xxh"];

/// Returns whether a header describes the body as it was before masking or decompression.
pub(super) fn speaks_of_the_bytes(name: &str) -> bool {
    OF_THE_BYTES.contains(&name) || OF_THE_BYTES_FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Returns whether a header's name suggests a digest of the body, or its length. `ETag` is excepted, because
/// it is sealed.
pub(super) fn may_tell_the_body(name: &str) -> bool {
    let word = |word: &str| {
        DIGESTS.contains(&word)
            || DIGEST_KINDS.iter().any(|kind| word.starts_with(kind))
            || ["sha3", "sha5"].iter().any(|kind| word.starts_with(kind))
            || ["md5", "checksum", "digest", "hash"].iter().any(|kind| word.ends_with(kind))
    };
    name != "etag"
        && (speaks_of_the_bytes(name)
            || name.ends_with("content-length")
            || name.split(|sign: char| !sign.is_ascii_alphanumeric()).any(word))
}

/// The entity tags of one address on a masked connection.
#[derive(Debug, Clone, Copy)]
pub struct Tags<'a> {
    /// The connection's masks.
    pub plan: &'a Plan,
    /// The path and query, as they are sent.
    pub address: &'a str,
    /// Whether the request changes something. `If-Match` then accepts the tag of any query of the path: a
    /// client may read with `?$select=…` and then change the same resource. For other requests that would
    /// reveal whether two queries give the same.
    pub changes: bool,
}

impl Tags<'_> {
    fn parts(&self) -> (&str, &str) {
        self.address.split_once('?').unwrap_or((self.address, ""))
    }
}

/// Seals the target's own entity tag of a masked body.
pub(super) fn masked_tag(value: &HeaderValue, tags: Tags<'_>) -> Option<HeaderValue> {
    let (weak, own) = parts(value.as_bytes())?;
    let (path, query) = tags.parts();
    let sealed = tags.plan.seal_tag(path, query, own)?;
    HeaderValue::from_str(&format!("{weak}\"{sealed}\"")).ok()
}

/// Replaces a client's entity tags with the target's own. A tag that was not given out for this address with
/// these masks matches nothing.
pub(super) fn translate_condition(headers: &mut HeaderMap, name: &HeaderName, of: Tags<'_>) {
    let lines: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    if lines.is_empty() {
        return;
    }
    let mut tags = Vec::new();
    let given = lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    for tag in given.map(<[u8]>::trim_ascii) {
        if !tags.is_empty() {
            tags.extend_from_slice(b", ");
        }
        tags.extend_from_slice(&own_tag(tag, name, of).unwrap_or_else(|| STALE.to_vec()));
    }
    // A condition that cannot be translated must not be left out: the command would be carried out without
    // it.
    let value = HeaderValue::from_bytes(&tags).unwrap_or(HeaderValue::from_static("\"hoopctl-stale\""));
    headers.insert(name, value);
}

/// An entity tag that matches nothing; the target has no such tag.
const STALE: &[u8] = b"\"hoopctl-stale\"";

fn own_tag(tag: &[u8], name: &HeaderName, of: Tags<'_>) -> Option<Vec<u8>> {
    if tag == b"*" {
        return Some(tag.to_vec());
    }
    let (weak, sealed) = parts(tag)?;
    let (path, query) = of.parts();
    let query = Some(query).filter(|_| !(of.changes && *name == header::IF_MATCH));
    let own = of.plan.open_tag(path, query, std::str::from_utf8(sealed).ok()?)?;
    Some([weak.as_bytes(), b"\"", &own, b"\""].concat())
}

/// Splits a tag into its `W/`, if any, and the text between its quotes.
fn parts(tag: &[u8]) -> Option<(&'static str, &[u8])> {
    let (weak, quoted) = tag.strip_prefix(b"W/").map_or(("", tag), |quoted| ("W/", quoted));
    Some((weak, quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MaskOp;
    use crate::domain::MaskRule;
    use crate::domain::Origin;

    fn plan(id: &str) -> Plan {
        plan_of(id, Origin::Store)
    }

    fn plan_of(id: &str, origin: Origin) -> Plan {
        let rule = MaskRule {
            id: id.into(),
            origin,
            connections: Vec::new(),
            tags: std::collections::BTreeMap::new(),
            fields: vec!["ssn".into()],
            entities: Vec::new(),
            patterns: std::collections::BTreeMap::new(),
            op: MaskOp::Redact,
            predicates: crate::domain::Predicates::default(),
        };
        Plan::compile(&[&rule], [7; 32]).unwrap()
    }

    #[test]
    fn entity_tags_of_masked_bodies_are_sealed_and_those_of_others_match_nothing() {
        let (plan, other) = (plan("pii"), plan("other"));
        let at = |address: &'static str| Tags { plan: &plan, address, changes: false };
        let own = at("/a?");
        let sealed = |plan: &Plan, tag: &str| {
            masked_tag(&HeaderValue::from_str(tag).unwrap(), Tags { plan, address: "/a?", changes: false })
        };
        let elsewhere = masked_tag(&HeaderValue::from_static("\"29-7q3q,x\""), at("/b?")).unwrap();
        let weak = sealed(&plan, "W/\"29-7q3q,x\"").unwrap();
        let strong = sealed(&plan, "\"29-7q3q,x\"").unwrap();
        let foreign = sealed(&other, "\"29-7q3q,x\"").unwrap();
        let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
        assert_eq!(text(&weak), format!("W/{}", text(&strong)));
        let moved = plan_of("pii", Origin::File { path: "hoopctl.toml".into(), line: 7 });
        assert_eq!(sealed(&moved, "\"29-7q3q,x\""), Some(strong.clone()), "the same rule in another place");
        assert!(!text(&weak).contains("7q3q") && foreign != strong && elsewhere != strong);
        for wrong in ["29", "W/29", "\"", "w/\"29\""] {
            assert_eq!(sealed(&plan, wrong), None, "{wrong}");
        }
        for (condition, wanted) in [
            (text(&weak), "W/\"29-7q3q,x\""),
            (text(&strong), "\"29-7q3q,x\""),
            (format!("{},{}", text(&strong), text(&weak)), "\"29-7q3q,x\", W/\"29-7q3q,x\""),
            (text(&foreign), "\"hoopctl-stale\""),
            (text(&elsewhere), "\"hoopctl-stale\""),
            ("\"29-7q3q,x\"".to_owned(), "\"hoopctl-stale\", \"hoopctl-stale\""),
            ("*".to_owned(), "*"),
            (String::new(), "\"hoopctl-stale\""),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, condition.parse().unwrap());
            translate_condition(&mut headers, &header::IF_MATCH, own);
            assert_eq!(headers[header::IF_MATCH], wanted, "{condition}");
        }
        // A changing request may use the tag of another query of the path, but not of another path.
        for (tags, name, opens) in [
            (Tags { changes: true, ..at("/a?x") }, header::IF_MATCH, true),
            (Tags { changes: true, ..at("/a?x") }, header::IF_NONE_MATCH, false),
            (at("/a?x"), header::IF_MATCH, false),
            (Tags { changes: true, ..at("/b?") }, header::IF_MATCH, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(&name, strong.clone());
            translate_condition(&mut headers, &name, tags);
            assert_eq!(headers[&name] == "\"29-7q3q,x\"", opens, "{name} {}", tags.address);
        }
        let mut headers = HeaderMap::new();
        headers.append(header::IF_NONE_MATCH, foreign);
        headers.append(header::IF_NONE_MATCH, strong);
        translate_condition(&mut headers, &header::IF_NONE_MATCH, own);
        assert_eq!(headers[header::IF_NONE_MATCH], "\"hoopctl-stale\", \"29-7q3q,x\"", "both lines");
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, HeaderValue::from_bytes(b"\"\xff\"").unwrap());
        translate_condition(&mut headers, &header::IF_MATCH, own);
        assert_eq!(headers[header::IF_MATCH], "\"hoopctl-stale\"", "it is not left out");
    }

    #[test]
    fn a_header_that_may_tell_the_body_is_known_by_its_name() {
        for told in [
            "content-length",
            "content-md5",
            "etag2-etag",
            "signature",
            "signature-input",
            "x-amz-checksum-crc32c",
            "x-amz-meta-md5chksum",
            "x-amz-meta-s3cmd-attrs",
            "x-amz-meta-sha",
            "x-amz-meta-sha512",
            "x-bz-content-sha1",
            "x-content-sha256",
            "x-file-hash",
            "x-hub-signature-256",
            "x-ms-blob-content-md5",
            "x-oss-hash-crc64ecma",
            "x-raw-content-length",
            "x_body_digest",
        ] {
            assert!(may_tell_the_body(told), "{told}");
        }
        for silent in ["etag", "content-type", "last-modified", "x-request-id", "x-shard", "cache-control"] {
            assert!(!may_tell_the_body(silent), "{silent}");
        }
    }
}
