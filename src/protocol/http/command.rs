//! Turns a request's head and body into the command that is judged. Anything ambiguous is refused.

use http::HeaderMap;
use http::Method;
use http::header;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::Protocol;
use crate::domain::command::Args;
use crate::domain::command::HttpCommand;
use crate::domain::command::Words;
use crate::domain::form::Form;
use crate::domain::hex;
use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::domain::percent;
use crate::protocol::http::overrides::Watch;
use crate::protocol::http::overrides::begins;
use crate::protocol::http::overrides::is_method_field;
use crate::protocol::web::request::bad;
use crate::protocol::web::request::folded;
use crate::transport::media::media_type;

/// Headers that ask a server to use another method than the one that was judged.
const METHOD_OVERRIDES: [&str; 8] = [
    "http-method-override",
    "method-override",
    "x-http-method",
    "x-http-method-override",
    "x-http-verb-override",
    "x-method",
    "x-method-override",
    "x-override-method",
];

/// Builds the command from method, path below the connection, query and headers; its arguments are not read
/// yet.
pub fn command(
    method: &Method,
    rest: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Result<Command, Denied> {
    let upgrade = headers.contains_key(header::UPGRADE);
    let class = classify(method, upgrade)?;
    if headers.keys().any(|name| overrides_method(name.as_str())) {
        return Err(bad("a header asks for another method than the request's own").because("method_override"));
    }
    check_connection(headers)?;
    let query = query.unwrap_or_default();
    check_query(query)?;
    Ok(Command {
        protocol: Protocol::Http,
        class,
        words: Words::Http(HttpCommand {
            method: method.as_str().into(),
            path: canonical_path(rest)?.into(),
            query: query.into(),
            args: Args::NotRead,
        }),
    })
}

/// Returns whether a header is one of [`METHOD_OVERRIDES`], also with `_` in place of `-`, which many servers
/// treat alike.
fn overrides_method(name: &str) -> bool {
    name.starts_with(['x', 'h', 'm']) && METHOD_OVERRIDES.contains(&&*folded(name))
}

/// Checks `Connection`: it may list hop-by-hop headers, but not those that describe the body or its
/// addressee. They were judged and must reach the target.
fn check_connection(headers: &HeaderMap) -> Result<(), Denied> {
    let judged = |name: &str| {
        ["content-", "if-", "accept"].iter().any(|family| name.starts_with(family))
            || matches!(name, "host" | "range" | "authorization")
    };
    let names = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    if names.map(|name| name.trim().to_ascii_lowercase()).any(|name| judged(&name)) {
        return Err(bad("Connection names a header that must reach the target").because("connection"));
    }
    Ok(())
}

fn classify(method: &Method, upgrade: bool) -> Result<Class, Denied> {
    if matches!(*method, Method::TRACE | Method::CONNECT) {
        return Err(bad("TRACE and CONNECT are not served").because("method"));
    }
    if upgrade {
        return Ok(Class::Unknown);
    }
    Ok(match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Class::Read,
        Method::POST | Method::PUT | Method::PATCH | Method::DELETE => Class::Write,
        _ => Class::Unknown,
    })
}

/// Checks a query. It is passed unchanged, but must not contain a token or a method.
fn check_query(query: &str) -> Result<(), Denied> {
    for pair in query.split(['&', ';']) {
        let name = pair.split('=').next().unwrap_or_default();
        let name = percent::decode(name.as_bytes())
            .ok_or_else(|| bad("a percent sign in the query without two hex digits"))?;
        if name.eq_ignore_ascii_case(b"access_token") {
            return Err(
                bad("a token in the query; send it in the Authorization header").because("token_in_query")
            );
        }
        if is_method_field(
            &name.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect::<Vec<_>>(),
        ) {
            return Err(
                bad("the query asks for another method than the request's own").because("method_override")
            );
        }
    }
    let decoded = percent::decode(query.as_bytes())
        .ok_or_else(|| bad("a percent sign in the query without two hex digits"))?;
    if decoded.contains(&0) { Err(bad("a NUL in the query")) } else { Ok(()) }
}

/// Returns whether a character means the same in a path, encoded or not: the unreserved ones, and those
/// sub-delimiters that no server interprets (RFC 3986, sections 2.3 and 3.3).
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

/// Returns the canonical form of a path, which is judged, recorded and sent: one spelling of
/// percent-encoding, no empty segments and no dot segments. It starts with `/`.
///
/// # Errors
/// The path has encoded slashes, backslashes, encoded dot segments, NUL or other control characters, `;`
/// parameters, double encoding, or bytes that are not UTF-8, or it climbs above its connection.
pub fn canonical_path(rest: &str) -> Result<String, Denied> {
    if is_canonical(rest) {
        return Ok(rest.to_owned());
    }
    let refuse = |what: &str| Err(bad(what).because("path"));
    let mut segments: Vec<String> = Vec::new();
    let mut ends_open = rest.is_empty() || rest.ends_with('/');
    for segment in rest.split('/') {
        let encoded_dots = segment.contains('%');
        let segment = canonical_segment(segment)?;
        match segment.as_str() {
            "" => {}
            "." | ".." if encoded_dots => return refuse("an encoded dot segment in the path"),
            "." => ends_open = rest.ends_with("/."),
            ".." => {
                if segments.pop().is_none() {
                    return refuse("a path that climbs above its connection");
                }
                ends_open = rest.ends_with("/..");
            }
            _ => {
                ends_open = rest.ends_with('/');
                segments.push(segment);
            }
        }
    }
    let mut path = String::with_capacity(rest.len() + 1);
    for segment in &segments {
        path.push('/');
        path.push_str(segment);
    }
    if ends_open || path.is_empty() {
        path.push('/');
    }
    Ok(path)
}

/// Returns whether a path is certainly canonical already, as most are.
fn is_canonical(rest: &str) -> bool {
    let bytes = rest.as_bytes();
    bytes.first() == Some(&b'/')
        && bytes.iter().all(|&byte| byte == b'/' || is_plain(byte))
        && bytes.windows(2).all(|pair| !matches!(pair, b"//" | b"/."))
}

fn canonical_segment(segment: &str) -> Result<String, Denied> {
    use std::fmt::Write;
    let refuse = |what: &str| Err(bad(what).because("path"));
    let decoded = percent::decode(segment.as_bytes())
        .ok_or_else(|| bad("a percent sign in the path without two hex digits").because("path"))?;
    if std::str::from_utf8(&decoded).is_err() {
        return refuse("bytes in the path that are not UTF-8");
    }
    let mut out = String::with_capacity(segment.len());
    let mut raw = segment.as_bytes().iter();
    for (at, &byte) in decoded.iter().enumerate() {
        // Whether this byte was percent-encoded. Some servers treat an encoded `+` differently, so it stays
        // as it was sent.
        let encoded = raw.next() == Some(&b'%');
        if encoded {
            raw.nth(1);
        }
        match byte {
            b'/' | b'\\' => return refuse("an encoded slash or a backslash in the path"),
            b';' => return refuse("a ; in the path"),
            0..=0x1f | 0x7f => return refuse("a control character in the path"),
            b'%' => {
                let next = decoded.get(at + 1..).unwrap_or_default().iter();
                let mut next = next.take(2);
                if next.next().copied().and_then(hex::digit).is_some()
                    && next.next().copied().and_then(hex::digit).is_some()
                {
                    return refuse("a path that is percent-encoded twice");
                }
                out.push_str("%25");
            }
            b'+' if !encoded => out.push('+'),
            byte if is_plain(byte) => out.push(char::from(byte)),
            byte => {
                let _infallible = write!(out, "%{byte:02X}");
            }
        }
    }
    Ok(out)
}

/// Reads the arguments from a whole body.
///
/// # Errors
/// A JSON body is ambiguous: it has duplicate members, a byte order mark, more than one value, or is too
/// deep. Also if the body asks for another method.
pub fn args(headers: &HeaderMap, body: &[u8]) -> Result<Args, Denied> {
    if body.is_empty() {
        return Ok(Args::Absent);
    }
    check_overrides(headers, body)?;
    if headers.get_all(header::CONTENT_TYPE).iter().nth(1).is_some() {
        return Err(bad("more than one Content-Type").because("content_type"));
    }
    let encoded = headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| coding != "identity");
    let essence = media_type(headers).unwrap_or_default().to_ascii_lowercase();
    if encoded {
        return Ok(Args::Unreadable);
    }
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        let json = Json::parse(body, DEPTH).map_err(|error| {
            bad(&format!("a JSON body with {} at byte {}", error.problem, error.at)).because("json")
        })?;
        // JSON Patch (RFC 6902) and its like name the values that they change in other places than a document
        // does. A merge patch has them where the document has them.
        return Ok(if essence.contains("json-patch") { Args::Unreadable } else { Args::Read(json) });
    }
    if essence == "application/x-www-form-urlencoded" {
        if looks_like_none(body) {
            // The target may go by the body's look, and would see an argument that no policy has seen.
            return Err(bad(NO_FORM).because("form"));
        }
        return Ok(Form::read(body).map_or(Args::Unreadable, Args::Form));
    }
    Ok(Args::Unreadable)
}

/// Refuses a body that asks for another method than the request's own, as some frameworks allow.
pub fn check_overrides(headers: &HeaderMap, body: &[u8]) -> Result<(), Denied> {
    if body.is_empty() {
        return Ok(());
    }
    if let Some(watch) = Watch::of(headers) {
        watch.sees_whole(body).map_err(|why| bad(why).because("method_override"))?;
    }
    if is_form(headers) && Form::read(body).is_none() {
        return Err(bad("a form that cannot be read").because("form"));
    }
    // Some frameworks parse any body that looks like JSON, and leniently: one that cannot be checked may ask
    // for another method, too.
    if is_form(headers) && looks_like_object(body) {
        let seen = if body.contains(&0) { Err(UTF_16) } else { Watch::of_json().sees_whole(body) };
        seen.map_err(|why| bad(why).because("method_override"))?;
    }
    Ok(())
}

/// The refusal of a form that looks like something else, if a policy needs its arguments.
const NO_FORM: &str = "a body that is labelled a form and looks like none, and a policy looks into it: say what it is, \
                       with curl -H 'Content-Type: application/json'";

/// The refusal of a form that looks like JSON in UTF-16 or UTF-32.
const UTF_16: &str = "a body that is labelled a form and holds NUL bytes";

/// Returns whether a form looks like JSON or XML. A field name that really begins so is percent-encoded.
fn looks_like_none(form: &[u8]) -> bool {
    matches!(first_sign(form), Some(b'{' | b'[' | b'"' | b'<'))
}

/// Returns whether a form looks like a JSON object, the only kind of JSON in which a member could ask for
/// another method: no field name ends (with `=`) before the first quote or colon.
fn looks_like_object(form: &[u8]) -> bool {
    let sign = form.iter().find(|byte| matches!(byte, b'=' | b'"' | b'\'' | b':'));
    first_sign(form) == Some(b'{') && sign != Some(&b'=')
}

/// Returns the first byte that is no white space, byte order mark, or NUL (as in UTF-16).
fn first_sign(form: &[u8]) -> Option<u8> {
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    let text = marks.iter().find_map(|mark| form.strip_prefix(*mark)).unwrap_or(form);
    text.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != 0).copied()
}

/// Returns whether the body is a form. It is read whole before it is sent, since one field of it may change
/// what the request is.
pub fn is_form(headers: &HeaderMap) -> bool {
    let types = headers.get_all(header::CONTENT_TYPE).iter();
    types.map(http::HeaderValue::as_bytes).any(|value| begins(value, b"application/x-www-form-urlencoded"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DenyCode;

    #[test]
    fn a_path_has_one_form() {
        for (rest, path) in [
            ("", "/"),
            ("/", "/"),
            ("/customers/7", "/customers/7"),
            ("/customers/7/", "/customers/7/"),
            ("//customers///7", "/customers/7"),
            ("/%63ustomers/%7e", "/customers/~"),
            ("/a%20b/%c3%a9", "/a%20b/%C3%A9"),
            ("/a/./b/../c", "/a/c"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a/..", "/"),
            ("/a+b/%2b", "/a+b/%2B"),
            ("/x:y@z/%40", "/x:y@z/@"),
            ("/100%25", "/100%25"),
            ("/a|b\"c", "/a%7Cb%22c"),
            ("/...", "/..."),
        ] {
            assert_eq!(canonical_path(rest).as_deref(), Ok(path), "{rest}");
            assert_eq!(canonical_path(path).as_deref(), Ok(path), "{path} is its own form");
        }
    }

    #[test]
    fn a_path_with_two_readings_is_refused() {
        for rest in [
            "/..",
            "/a/../..",
            "/a/../../c/other",
            "/%2e%2e/x",
            "/%2E./x",
            "/.%2e/x",
            "/%2e",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/..;/x",
            "/a;b=c",
            "/a%3bb",
            "/a%00",
            "/a%0d%0a",
            "/%c0%af",
            "/%c0%ae%c0%ae/",
            "/%ff",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%252e%252e/",
            "/%252f",
            "/%25%32%66",
            "/a%7f",
        ] {
            assert!(canonical_path(rest).is_err(), "{rest} gave {:?}", canonical_path(rest));
        }
    }

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (name.parse::<header::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn class(method: &str, list: &[(&'static str, &'static str)]) -> Result<Class, DenyCode> {
        command(&method.parse().unwrap(), "/x", None, &headers(list))
            .map(|command| command.class)
            .map_err(|denied| denied.code)
    }

    #[test]
    fn methods_have_their_class() {
        for (method, wanted) in [
            ("GET", Class::Read),
            ("HEAD", Class::Read),
            ("OPTIONS", Class::Read),
            ("POST", Class::Write),
            ("DELETE", Class::Write),
            ("PROPFIND", Class::Unknown),
            ("get", Class::Unknown),
            ("QUERY", Class::Unknown),
        ] {
            assert_eq!(class(method, &[]), Ok(wanted), "{method}");
        }
        assert_eq!(class("GET", &[("upgrade", "websocket")]), Ok(Class::Unknown));
        assert_eq!(class("TRACE", &[]), Err(DenyCode::BadRequest));
        assert_eq!(class("CONNECT", &[]), Err(DenyCode::BadRequest));
        for name in [
            "x-http-method-override",
            "X-HTTP-Method",
            "x-method-override",
            "x_http_method_override",
            "X-Method",
            "Method-Override",
        ] {
            let map: HeaderMap = [(name.parse::<header::HeaderName>().unwrap(), "DELETE".parse().unwrap())]
                .into_iter()
                .collect();
            assert!(command(&Method::POST, "/x", None, &map).is_err(), "{name}");
        }
    }

    #[test]
    fn a_query_holds_no_token_and_no_method() {
        for query in [
            "access_token=x",
            "a=b&ACCESS_TOKEN=x",
            "%61ccess_token=x",
            "_method=DELETE",
            "a;_method=x",
            "[_method]=x",
            "a=%0",
            "a=%00",
        ] {
            assert!(command(&Method::GET, "/", Some(query), &HeaderMap::new()).is_err(), "{query}");
        }
        assert!(command(&Method::GET, "/", Some("q=a%20b&page=2"), &HeaderMap::new()).is_ok());
    }

    #[test]
    fn arguments_have_one_reading() {
        let json = headers(&[("content-type", "application/json; charset=utf-8")]);
        assert!(matches!(args(&json, br#"{"a":1}"#), Ok(Args::Read(_))));
        assert_eq!(args(&json, b""), Ok(Args::Absent));
        assert!(args(&json, br#"{"a":1,"a":2}"#).is_err());
        assert!(args(&json, br#"{"a":1}{"a":2}"#).is_err());
        let patch = headers(&[("content-type", "Application/JSON-Patch+json")]);
        assert_eq!(args(&patch, br#"[{"op":"add","path":"/a","value":1}]"#), Ok(Args::Unreadable));
        assert!(args(&patch, br#"[{"op":"add","op":"test"}]"#).is_err());
        let merge = headers(&[("content-type", "application/merge-patch+json")]);
        assert!(matches!(args(&merge, br#"{"a":1}"#), Ok(Args::Read(_))));
        let form = headers(&[("content-type", "application/x-www-form-urlencoded")]);
        let body = b"a=1&b=x%20y&a=2";
        assert_eq!(args(&form, body), Ok(Args::Form(Form::read(body).unwrap())));
        for disguised in ["{\"a\":1}", " \n[1]", "\u{feff}{}", "<a>1</a>", "\"a\""] {
            let denied = args(&form, disguised.as_bytes()).unwrap_err();
            assert!(denied.detail.contains("Content-Type: application/json"), "{disguised:?}: {denied:?}");
        }
        assert!(args(&form, b"\0{\"a\":1}").is_err());
        for harmless in ["[a]=1&b=c", "<a>1</a>", "{a}=b"] {
            assert!(check_overrides(&form, harmless.as_bytes()).is_ok(), "{harmless}");
        }
        assert!(check_overrides(&form, br#"{"tier":"gold"}"#).is_ok());
        assert!(check_overrides(&form, b"<order/>").is_ok() && check_overrides(&form, b"[a]=1").is_ok());
        let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        for lenient in [
            br#"{'a':1,"_method":"DELETE"}"#.to_vec(),
            br#"{/**/"_method":"DELETE"}"#.to_vec(),
            b"\xef\xbb\xbf {_method:'DELETE'}".to_vec(),
            wide(r#"{"_method":"DELETE"}"#, u16::to_be_bytes),
            wide(r#"{"_method":"DELETE"}"#, u16::to_le_bytes),
        ] {
            let refused = check_overrides(&form, &lenient);
            assert!(refused.is_err(), "{}", String::from_utf8_lossy(&lenient));
        }
        assert!(check_overrides(&form, br#"{"_method":"DELETE"}"#).is_err());
        assert_eq!(args(&headers(&[("content-type", "text/plain")]), b"{}"), Ok(Args::Unreadable));
        let gzip = headers(&[("content-type", "application/json"), ("content-encoding", "gzip")]);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, b"{}").unwrap();
        assert_eq!(args(&gzip, &packed.finish().unwrap()), Ok(Args::Unreadable));
        assert!(args(&gzip, b"x").is_err());
        let two = headers(&[("content-type", "application/json"), ("content-type", "text/plain")]);
        assert!(args(&two, b"{}").is_err());
    }

    proptest::proptest! {
        #[test]
        fn a_canonical_path_is_its_own_form_and_stays_below(rest in "(/[a-z.%+;\\\\/0-9A-F ]{0,12}){0,4}") {
            if let Ok(path) = canonical_path(&rest) {
                let again = canonical_path(&path);
                proptest::prop_assert_eq!(again.as_ref(), Ok(&path));
                proptest::prop_assert!(path.starts_with('/') && !path.contains("//") && !path.contains("/../") && !path.contains(';') && !path.contains('\\'));
            }
        }
    }
}
