//! The two eras of MCP, and what each requires of a message's headers. Legacy: 2024-11-05 to 2025-11-25, with
//! `initialize` and sessions. Modern: 2026-07-28, where each request is self-contained (basic, "Transports",
//! "Streamable HTTP").

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use http::HeaderName;
use http::StatusCode;

use crate::domain::json::write::Object;
use crate::protocol::mcp::codec::envelope::Kind;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::ErrorField;
use crate::protocol::mcp::codec::envelope::names::Meta;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::codec::envelope::refusal::INVALID_REQUEST;
use crate::protocol::mcp::codec::splice::Edit;
use crate::protocol::mcp::reply::Fault;

/// The first version of the modern era. Versions are dates, so they compare as texts.
const FIRST_MODERN: &str = "2026-07-28";
/// The known versions of the modern era. Later versions are not judged by the rules of these.
const MODERN: [&str; 1] = [FIRST_MODERN];
/// The versions of the legacy era.
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// The header with the version.
pub const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The header that repeats the method.
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The header that repeats the name in the request.
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// JSON-RPC's code for invalid parameters.
pub const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC's code for an unknown method.
pub const NO_METHOD: i32 = -32601;
/// Requests of the legacy era that the modern one has removed. Each is answered as unknown, whatever else is
/// wrong with it, and does not reach a target that may still serve it.
const REMOVED: [&str; 8] = [
    "initialize",
    "logging/setLevel",
    "ping",
    "resources/subscribe",
    "resources/unsubscribe",
    "roots/list",
    "tasks/list",
    "tasks/result",
];
/// MCP's code for headers that contradict the body.
const HEADER_MISMATCH: i32 = -32020;
/// MCP's code for an unknown version.
const NO_VERSION: i32 = -32022;

/// JSON-RPC's code for an internal error.
const INTERNAL: i32 = -32603;

/// Returns the edits that an error needs for a modern client: codes that only older versions have are
/// replaced. The data of one of them, which directs a person to a URL, is removed too, since the modern era
/// asks for input in another way.
pub fn codes_of_now(message: &Message) -> Vec<Edit> {
    let Some(code) = message.failure(ErrorField::Code) else { return Vec::new() };
    let (now, keeps) = match code.integer() {
        Some(-32042) => (INTERNAL, false),
        Some(-32002) => (INVALID_PARAMS, true),
        _ => return Vec::new(),
    };
    let data = message.failure(ErrorField::Data).filter(|_| !keeps);
    let data = data.map(|data| Edit::replace(data.span, "{}"));
    std::iter::once(Edit::replace(code.span, now.to_string())).chain(data).collect()
}

/// An era of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Up to 2025-11-25.
    Legacy,
    /// 2026-07-28. Later versions are read as this era, to be refused as unknown.
    Modern,
}

impl Era {
    /// Returns the era that the headers of a request claim.
    pub fn claimed(headers: &HeaderMap) -> Self {
        let version = headers.get(&VERSION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if is_modern(version) { Self::Modern } else { Self::Legacy }
    }

    /// Returns the era of a message, which must be well-formed in it.
    ///
    /// # Errors
    /// Modern: no version or capabilities in `_meta`, an unknown or legacy version, headers that are missing
    /// or contradict the body, or a response. Legacy: an unknown version in the header.
    pub fn of(headers: &HeaderMap, message: &Message) -> Result<Self, Fault> {
        let version = message.meta(Meta::ProtocolVersion).and_then(|value| value.text());
        let (era, checked) = if version.is_none() && Self::claimed(headers) == Self::Legacy {
            (Self::Legacy, check_legacy(headers))
        } else {
            (Self::Modern, check_modern(headers, message, version.as_deref()))
        };
        checked.map(|()| era).map_err(|fault| fault.because("mcp_headers"))
    }
}

/// Returns whether the headers of a message that passed [`Era::of`] were compared with its body: only a
/// version that the legacy era does not have causes that.
pub fn says_what_the_body_says(headers: &HeaderMap) -> bool {
    headers.get(&VERSION).is_some_and(|value| !LEGACY.iter().any(|version| value == version))
}

fn is_modern(version: &str) -> bool {
    version.len() == FIRST_MODERN.len() && version.starts_with('2') && version >= FIRST_MODERN
}

/// Returns the legacy version that is written so, if there is one.
pub fn legacy(version: &str) -> Option<&'static str> {
    LEGACY.into_iter().find(|known| *known == version)
}

/// Returns the only value of a header; `Ok(None)` if there is none.
///
/// # Errors
/// There are several, or it is not plain ASCII.
pub fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let (first, more) = (values.next(), values.next());
    let text = first.map(|value| value.to_str().map(|text| text.trim_matches([' ', '\t'])));
    match (text, more) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        _ => Err(mismatch(&format!("the header {name} must come once, in plain ASCII"))),
    }
}

/// Checks that `MCP-Protocol-Version` is a legacy version. In a session it may differ from the negotiated
/// one: some clients always send the same version, and the target gets the negotiated one.
///
/// # Errors
/// It is another version.
pub fn check_legacy(headers: &HeaderMap) -> Result<(), Fault> {
    match one(headers, &VERSION)? {
        Some(version) if !LEGACY.contains(&version) => Err(Fault::new(
            StatusCode::BAD_REQUEST,
            INVALID_REQUEST,
            format!("MCP-Protocol-Version is none of {}, {FIRST_MODERN}", LEGACY.join(", ")),
        )),
        _ => Ok(()),
    }
}

fn check_modern(headers: &HeaderMap, message: &Message, version: Option<&str>) -> Result<(), Fault> {
    if matches!(message.kind(), Kind::Response | Kind::Error) {
        return Err(Fault::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, "a client sends no responses"));
    }
    if message.kind() == Kind::Request
        && (version.is_none() || message.meta(Meta::ClientCapabilities).is_none())
    {
        let detail =
            "params._meta must hold io.modelcontextprotocol/protocolVersion and …/clientCapabilities";
        return Err(Fault::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, detail));
    }
    let told = one(headers, &VERSION)?;
    let agree = version.is_none() || version == told;
    if let Some(fault) = told.filter(|_| agree).and_then(unknown) {
        return Err(fault);
    }
    let method = message.method();
    if message.kind() == Kind::Request && method.as_deref().is_some_and(|method| REMOVED.contains(&method)) {
        return Err(Fault::new(StatusCode::NOT_FOUND, NO_METHOD, "Method not found"));
    }
    if !agree {
        return Err(mismatch("MCP-Protocol-Version must equal the version in params._meta"));
    }
    let told = one(headers, &METHOD)?;
    if told != method.as_deref() && (told.is_some() || message.kind() == Kind::Request) {
        return Err(mismatch("Mcp-Method must equal the method in the body"));
    }
    let Some(named) = method.as_deref().and_then(|method| named(method, message)) else { return Ok(()) };
    let told = one(headers, &NAME)?;
    if told.and_then(decoded).as_deref() != Some(&*named) {
        return Err(mismatch("Mcp-Name must equal the name in the body"));
    }
    Ok(())
}

/// Returns the fault of a version that is unknown, or of the other era.
fn unknown(version: &str) -> Option<Fault> {
    if MODERN.contains(&version) {
        return None;
    }
    if legacy(version).is_some() {
        let detail =
            format!("{version} has sessions: begin with initialize, and say no version in params._meta");
        return Some(Fault::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, detail));
    }
    let mut data = String::new();
    let supported = MODERN.iter().chain(LEGACY.iter().rev());
    Object::begin(&mut data).texts("supported", supported).text("requested", version);
    let fault = Fault::new(StatusCode::BAD_REQUEST, NO_VERSION, "Unsupported protocol version");
    Some(Fault { data: Some(data), ..fault })
}

/// Returns the value that `Mcp-Name` must repeat; `None` for methods without it, or if the parameter is
/// missing: the target answers that.
fn named<'m>(method: &str, message: &'m Message) -> Option<std::borrow::Cow<'m, str>> {
    let param = match method {
        "tools/call" | "prompts/get" => Param::Name,
        "resources/read" => Param::Uri,
        method if method.starts_with("tasks/") => Param::TaskId,
        _ => return None,
    };
    message.param(param)?.text()
}

/// Decodes a header's value, which may be written as `=?base64?…?=`. `None` if that is not base64 of UTF-8.
pub fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(packed) => String::from_utf8(BASE64_STANDARD.decode(packed).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

/// Returns the fault of headers that contradict the body.
pub fn mismatch(detail: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, detail).because("mcp_headers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::mcp::codec::envelope::Limits;

    fn of(headers: &[(&'static str, &'static str)], body: &'static str) -> Result<Era, (u16, i32)> {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
        Era::of(&map, &message).map_err(|fault| (fault.status.as_u16(), fault.code))
    }

    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"é","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

    #[test]
    fn the_older_era_asks_for_little() {
        assert_eq!(of(&[], LIST), Ok(Era::Legacy));
        assert_eq!(of(&[("mcp-protocol-version", "2025-06-18")], LIST), Ok(Era::Legacy));
        for version in ["2025-13-01", "1", "", "latest", "2024-11-05, 2025-06-18"] {
            assert_eq!(of(&[("mcp-protocol-version", version)], LIST), Err((400, -32600)), "{version}");
        }
    }

    #[test]
    fn the_newer_era_says_in_its_head_what_its_body_says() {
        let version = ("mcp-protocol-version", "2026-07-28");
        let method = ("mcp-method", "tools/call");
        let name = ("mcp-name", "=?base64?w6k=?=");
        assert_eq!(of(&[version, method, name], CALL), Ok(Era::Modern));
        assert_eq!(of(&[version, ("mcp-method", " tools/call\t"), name], CALL), Ok(Era::Modern));
        for headers in [
            &[method, name][..],
            &[version, name],
            &[version, method],
            &[("mcp-protocol-version", "2026-08-01"), method, name],
            &[version, ("mcp-method", "tools/Call"), name],
            &[version, ("mcp-method", "tools/list"), name],
            &[version, method, ("mcp-name", "e")],
            &[version, method, ("mcp-name", "=?base64?w6k?=")],
            &[version, method, name, name],
        ] {
            assert_eq!(of(headers, CALL), Err((400, -32020)), "{headers:?}");
        }
    }

    #[test]
    fn a_version_that_nobody_knows_is_not_judged_as_one_that_is_known() {
        for version in ["2026-08-01", "2027-01-01"] {
            let body = CALL.replace("2026-07-28", version);
            let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
            let headers = HeaderMap::from_iter(
                [(VERSION, version), (METHOD, "tools/call"), (NAME, "=?base64?w6k=?=")]
                    .map(|(name, value)| (name, value.parse().unwrap())),
            );
            let fault = Era::of(&headers, &message).unwrap_err();
            assert_eq!((fault.status.as_u16(), fault.code), (400, -32022), "{version}");
            let data = fault.data.unwrap();
            let told = format!(
                r#""2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"requested":"{version}"}}"#
            );
            assert!(data.ends_with(&told), "{data}");
        }
        let told = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
        assert_eq!(of(&[("mcp-protocol-version", "2026-08-01")], told), Err((400, -32022)));
        assert_eq!(of(&[("mcp-protocol-version", "2026-07-28")], told), Ok(Era::Modern));
        // A difference between headers and body is reported first.
        let message =
            Message::scan(CALL.replace("2026-07-28", "2027-01-01").into(), Limits::new(4096)).unwrap();
        let headers = HeaderMap::from_iter([(VERSION, "2026-07-28".parse().unwrap())]);
        assert_eq!(Era::of(&headers, &message).map_err(|fault| fault.code), Err(-32020));
    }

    #[test]
    fn a_version_with_sessions_is_not_said_in_a_request() {
        for version in LEGACY {
            let body = CALL.replace("2026-07-28", version);
            let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
            let headers = HeaderMap::from_iter(
                [(VERSION, version), (METHOD, "tools/call"), (NAME, "=?base64?w6k=?=")]
                    .map(|(name, value)| (name, value.parse().unwrap())),
            );
            let fault = Era::of(&headers, &message).unwrap_err();
            assert_eq!((fault.status.as_u16(), fault.code, &fault.data), (400, INVALID_REQUEST, &None));
            assert!(fault.detail.contains("begin with initialize"), "{}", fault.detail);
        }
        assert_eq!((legacy("2025-06-18"), legacy("2026-07-28")), (Some("2025-06-18"), None));
    }

    #[test]
    fn a_newer_request_without_its_facts_or_a_response_is_refused() {
        let version = ("mcp-protocol-version", "2026-07-28");
        assert_eq!(of(&[version, ("mcp-method", "tools/list")], LIST), Err((400, -32602)));
        assert_eq!(of(&[version], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Err((400, -32600)));
    }
}
