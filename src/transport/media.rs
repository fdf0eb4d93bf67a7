//! The media type of a message's body (RFC 9110, section 8.3).

use http::HeaderMap;
use http::header;

/// Returns the value of `Content-Type` with its parameters. `None` if it is missing or not text, or if there
/// are two: the reader of the body may use the other one.
pub fn content_type(headers: &HeaderMap) -> Option<&str> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (first, second) = (types.next()?, types.next());
    if second.is_none() { first.to_str().ok() } else { None }
}

/// Returns the media type without its parameters, as it was written; `None` as for [`content_type`].
pub fn media_type(headers: &HeaderMap) -> Option<&str> {
    content_type(headers)?.split(';').next().map(str::trim)
}

/// Returns whether the media type is `wanted`.
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
