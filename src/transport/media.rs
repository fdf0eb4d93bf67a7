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

/// Whether a type of content is `application/grpc`, or one with a suffix of it (gRPC over HTTP2,
/// "Content-Type").
pub fn is_grpc(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|found| {
        let found = found.to_ascii_lowercase();
        found == "application/grpc" || found.starts_with("application/grpc+")
    })
}

/// Every `charset` that the types of a message name; `None` for what is no text.
pub fn charsets(headers: &HeaderMap) -> impl Iterator<Item = Option<&str>> {
    headers.get_all(header::CONTENT_TYPE).iter().flat_map(|value| {
        let Ok(text) = value.to_str() else { return vec![None] };
        let parameters = text.split([';', ',']).filter_map(|parameter| parameter.split_once('='));
        let charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        charsets.map(|(_, value)| Some(value.trim().trim_matches(['"', '\'']))).collect()
    })
}

/// `Accept` without the parameters that ask for a character set.
pub fn without_charset(accept: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |sign: char| {
        let end = !quoted && matches!(sign, ',' | ';');
        quoted ^= sign == '"' && !escaped;
        escaped = quoted && !escaped && sign == '\\';
        end
    };
    let mut out = String::new();
    let mut separator = "";
    let mut at = 0;
    for piece in accept.split(ends) {
        let asks = piece.split_once('=').is_some_and(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        if !asks {
            out.extend([separator, piece]);
        } else if separator == "," {
            out.push(',');
        }
        at += piece.len();
        separator = accept.get(at..=at).unwrap_or_default();
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_asks_for_a_character_set_is_left_out() {
        for (accept, wanted) in [
            ("text/plain", "text/plain"),
            ("text/plain;charset=utf-16", "text/plain"),
            ("text/plain; Charset=\"utf-16\"; q=0.5, */*;q=0.1", "text/plain; q=0.5, */*;q=0.1"),
            (
                "a/b; x=\"1;charset=2,\\\";charset=3\" ; charset = utf-7,c/d",
                "a/b; x=\"1;charset=2,\\\";charset=3\" ,c/d",
            ),
            ("", ""),
        ] {
            assert_eq!(without_charset(accept), wanted, "{accept}");
        }
    }

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
