//! What a message says that its body is (RFC 9110, section 8.3).

use http::HeaderMap;
use http::header;

/// What the one `Content-Type` says, parameters included. `None`: there is none, or it is no text, or there are two: who reads the body may
/// take the other one.
pub fn content_type(headers: &HeaderMap) -> Option<&str> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (first, second) = (types.next()?, types.next());
    if second.is_none() { first.to_str().ok() } else { None }
}

/// The media type, without its parameters, as it was written; `None` as of [`content_type`].
pub fn media_type(headers: &HeaderMap) -> Option<&str> {
    content_type(headers)?.split(';').next().map(str::trim)
}

/// Whether the media type is this one.
pub fn is_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    media_type(headers).is_some_and(|found| found.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_type_is_told_and_two_are_none() {
        for (types, wanted) in [
            (&[][..], None),
            (&["application/json"][..], Some("application/json")),
            (&[" Application/JSON ; charset=utf-8"], Some("Application/JSON")),
            (&["text/event-streamX"], Some("text/event-streamX")),
            (&[""], Some("")),
            (&["application/json", "application/json"], None),
            (&["text/plain", "application/json"], None),
            (&["application/json\u{e9}"], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in types {
                headers.append(header::CONTENT_TYPE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            assert_eq!(media_type(&headers), wanted, "{types:?}");
            let json = wanted.is_some_and(|found| found.to_lowercase() == "application/json");
            assert_eq!(is_media_type(&headers, "application/json"), json, "{types:?}");
            assert!(!is_media_type(&headers, "text/event-stream"));
        }
    }
}
