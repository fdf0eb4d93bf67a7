//! Leaves bodies out of an event's data; their length and digest stay.

use serde_json::Value;

/// What a body holds besides its length and digest.
const CONTENT: [&str; 2] = ["text", "base64"];

/// Whether there may be the content of a body in `data`: a cheap look that spares the data of a caller who left it out.
pub(crate) fn may_hold_body(data: &str) -> bool {
    let data = data.as_bytes();
    memchr::memmem::find_iter(data, b"\"body\"")
        .any(|at| data.get(at + 6..).is_none_or(|rest| !rest.starts_with(b":null")))
}

/// `data` without the content of its bodies: `text` and `base64` of every member `body`. Data that cannot be read are
/// left out whole.
pub(crate) fn without_bodies(data: &str) -> String {
    let stripped = serde_json::from_str(data).map(|mut data: Value| {
        strip(&mut data);
        data.to_string()
    });
    stripped.unwrap_or_else(|_unreadable| "{}".to_owned())
}

fn strip(data: &mut Value) {
    let Some(body) = data.get_mut("body") else { return };
    match body {
        Value::Object(members) => members.retain(|name, _| !CONTENT.contains(&name.as_str())),
        other => *other = Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_body_only_length_and_digest_stay() {
        let data = r#"{"status":200,"body":{"text":"top secret","length":10,"sha256":"ab"},"n":18446744073709551615}"#;
        assert_eq!(
            &*without_bodies(data),
            r#"{"status":200,"body":{"length":10,"sha256":"ab"},"n":18446744073709551615}"#
        );
        assert_eq!(&*without_bodies(r#"{"body":{"base64":"AA==","cut":true}}"#), r#"{"body":{"cut":true}}"#);
        assert_eq!(&*without_bodies(r#"{"\u0062ody":"secret"}"#), r#"{"body":null}"#);
        assert_eq!(&*without_bodies(r#"{"body":"secret""#), "{}");
        assert!(may_hold_body(data) && may_hold_body(r#"{"body":null,"body" : {}}"#));
        assert!(!may_hold_body(r#"{"status":200,"body":null}"#));
    }
}
