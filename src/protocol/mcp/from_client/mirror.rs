//! Arguments of a call that its tool wants repeated in headers, and whether both match. (MCP 2026-07-28,
//! "Transports", "Streamable HTTP", "Custom Headers from Tool Parameters".)
//!
//! A proxy before the gateway may route by these headers, so a false one must not pass. A target behind HTTP
//! checks them itself; a channel only carries the body, so only the gateway sees both. Headers decide
//! nothing: only the body is judged.

use http::HeaderMap;
use http::HeaderName;

use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::from_client::era::decoded;
use crate::protocol::mcp::from_client::era::mismatch;
use crate::protocol::mcp::from_client::era::one;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::state::tools::Tool;

/// The prefix of all these headers.
const PREFIX: &str = "mcp-param-";

/// An argument that is repeated in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The header.
    header: HeaderName,
    /// The member names on the path to the argument.
    path: Box<[Box<str>]>,
}

/// Returns the arguments that a tool's `inputSchema`, as JSON, wants repeated. Returns none if an annotation
/// is invalid: clients that know them do not use such a tool, and others send no headers.
pub fn wanted(schema: &[u8]) -> Box<[Mirrored]> {
    let mut found = Vec::new();
    let collected =
        Json::parse(schema, DEPTH).ok().and_then(|schema| collect(&schema, &mut Vec::new(), &mut found));
    if collected.is_none() {
        found.clear();
    }
    found.into()
}

/// Collects the annotations below `schema`, at `path`; `None` if one is invalid.
fn collect<'s>(schema: &'s Json, path: &mut Vec<&'s str>, found: &mut Vec<Mirrored>) -> Option<()> {
    let Some(Json::Object(properties)) = schema.member("properties") else { return Some(()) };
    for (name, property) in properties {
        path.push(name);
        if let Some(annotation) = property.member("x-mcp-header") {
            let name = annotation.as_str().filter(|name| !name.is_empty())?;
            let header = HeaderName::from_bytes(format!("{PREFIX}{name}").as_bytes()).ok()?;
            if found.iter().any(|other| other.header == header) {
                return None;
            }
            found.push(Mirrored { header, path: path.iter().map(|name| (*name).into()).collect() });
        }
        collect(property, path, found)?;
        path.pop();
    }
    Some(())
}

/// Checks that the headers of a call match its arguments. `tool` is the tool as last listed; `None` if it was
/// not listed.
///
/// # Errors
/// A required header is missing, duplicate or unreadable, or differs from the argument. For an unlisted tool,
/// any such header is an error, since it cannot be checked; clients react by listing tools and retrying.
pub fn check(headers: &HeaderMap, message: &Message, tool: Option<&Tool>) -> Result<(), Fault> {
    let Some(tool) = tool else {
        return match headers.keys().find(|name| name.as_str().starts_with(PREFIX)) {
            None => Ok(()),
            Some(name) => Err(mismatch(&format!(
                "the header {name} cannot be checked, since the server has not listed this tool; list the tools first, then call it"
            ))),
        };
    };
    if tool.mirrored.is_empty() {
        return Ok(());
    }
    let arguments = match message.param(Param::Arguments) {
        None => Json::Null,
        Some(value) => Json::parse(value.raw, DEPTH)
            .map_err(|_unread| mismatch("the arguments, which headers repeat, cannot be read"))?,
    };
    tool.mirrored.iter().try_for_each(|mirrored| mirrored.check(headers, &arguments))
}

impl Mirrored {
    fn check(&self, headers: &HeaderMap, arguments: &Json) -> Result<(), Fault> {
        let Self { header, path } = self;
        let says = one(headers, header)?;
        let argument = path.iter().try_fold(arguments, |value, name| value.member(name));
        let argument = argument.filter(|value| !matches!(value, Json::Null));
        match (says, argument, argument.and_then(Json::scalar)) {
            // An argument without a text form cannot be repeated; the target reports what is wrong with it.
            (None, _, None) => Ok(()),
            (None, _, Some(_)) => Err(mismatch(&format!(
                "the header {header} is missing, which must repeat {}",
                path.join(".")
            ))),
            (Some(says), Some(argument), Some(text)) => {
                let says = decoded(says).ok_or_else(|| {
                    mismatch(&format!("the header {header} is not base64 of UTF-8 between =?base64? and ?="))
                })?;
                if says == text || is_number(argument, &says) { Ok(()) } else { Err(self.differs()) }
            }
            (Some(_), _, _) => Err(self.differs()),
        }
    }

    fn differs(&self) -> Fault {
        mismatch(&format!("the header {} must say what {} says", self.header, self.path.join(".")))
    }
}

/// Returns whether a header is the same whole number as the argument in another notation, such as `42.0` and
/// `42`.
fn is_number(argument: &Json, says: &str) -> bool {
    let Json::Number(argument) = argument else { return false };
    let Ok(Json::Number(said)) = Json::parse(says.as_bytes(), 1) else { return false };
    // Surrounding white space is not part of the number.
    said.len() == says.len() && whole(argument).is_some_and(|whole_one| whole(&said) == Some(whole_one))
}

/// Returns the value of a number without a fraction; `None` for others, and those with an exponent.
fn whole(number: &str) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    whole.parse().ok().filter(|_| fraction.bytes().all(|digit| digit == b'0'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::protocol::mcp::codec::envelope::Limits;

    const SCHEMA: &str = r#"{"type":"object","properties":{
        "region":{"type":"string","x-mcp-header":"Region"},
        "count":{"type":"integer","x-mcp-header":"Count"},
        "dry":{"type":"boolean","x-mcp-header":"Dry-Run"},
        "free":{"type":"string"},
        "inner":{"type":"object","properties":{"tenant":{"type":"string","x-mcp-header":"TENANT"}}}}}"#;

    fn tool(schema: &str) -> Tool {
        Tool { read_only: false, schema: None, mirrored: wanted(schema.as_bytes()).into() }
    }

    /// Name and value.
    type Header = (&'static str, &'static [u8]);
    /// The headers of a call, and the text after the name of its tool.
    type Case = (&'static [Header], &'static str);

    /// Checks a call; the error is its status and code.
    fn called(tool: Option<&Tool>, headers: &[Header], arguments: &str) -> Result<(), (u16, i32)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x"{arguments}}}}}"#);
        let message = Message::scan(body.into(), Limits::new(4096)).unwrap();
        check(&map, &message, tool).map_err(|fault| (fault.status.as_u16(), fault.code))
    }

    const REGION: &str = "mcp-param-region";
    const COUNT: &str = "mcp-param-count";
    const DRY: &str = "mcp-param-dry-run";
    const TENANT: &str = "mcp-param-tenant";

    #[test]
    fn headers_that_say_what_the_arguments_say_pass() {
        let tool = tool(SCHEMA);
        let cases: &[Case] = &[
            (&[], ""),
            (&[], r#","arguments":{}"#),
            (&[], r#","arguments":{"region":null,"free":"x","inner":{}}"#),
            // Values that have no text form.
            (&[], r#","arguments":{"region":["eu"],"count":{},"inner":"x"}"#),
            (&[], r#","arguments":"region""#),
            (&[(REGION, b"eu")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b" eu\t")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"")], r#","arguments":{"region":""}"#),
            (&[(REGION, b"a b, c")], r#","arguments":{"region":"a b, \u0063"}"#),
            // The target refuses values of another type; the header matches all the same.
            (&[(REGION, b"7")], r#","arguments":{"region":7}"#),
            (&[(COUNT, b"7"), (DRY, b"true")], r#","arguments":{"count":7,"dry":true}"#),
            (&[(COUNT, b"42.0")], r#","arguments":{"count":42}"#),
            (&[(COUNT, b"-42")], r#","arguments":{"count":-42.00}"#),
            (&[(COUNT, b"1.50")], r#","arguments":{"count":1.50}"#),
            (&[(TENANT, b"acme")], r#","arguments":{"inner":{"tenant":"acme"}}"#),
            // Encoded.
            (&[(REGION, b"=?base64?SGVsbG8=?=")], r#","arguments":{"region":"Hello"}"#),
            (&[(REGION, b"=?base64?SGVsbG8sIOS4lueVjA==?=")], r#","arguments":{"region":"Hello, 世界"}"#),
            (&[(REGION, b"=?base64?IHBhZGRlZCA=?=")], r#","arguments":{"region":" padded "}"#),
            (&[(REGION, b"=?base64?bGluZTEKbGluZTI=?=")], r#","arguments":{"region":"line1\nline2"}"#),
            (
                &[(REGION, b"=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=")],
                r#","arguments":{"region":"=?base64?literal?="}"#,
            ),
            (&[(REGION, b"=?base64??=")], r#","arguments":{"region":""}"#),
            (&[(COUNT, b"=?base64?Nw==?=")], r#","arguments":{"count":7}"#),
            // Values that look encoded, and are not.
            (&[(REGION, b"SGVsbG8=")], r#","arguments":{"region":"SGVsbG8="}"#),
            (&[(REGION, b"=?base64?SGVsbG8=")], r#","arguments":{"region":"=?base64?SGVsbG8="}"#),
            (&[(REGION, b"=?BASE64?SGVsbG8=?=")], r#","arguments":{"region":"=?BASE64?SGVsbG8=?="}"#),
            // Headers of no annotated argument are ignored.
            (&[("mcp-param-other", b"\xff"), ("mcp-param-other", b"2")], r#","arguments":{"free":"x"}"#),
            (&[("mcp-param-free", b"y")], r#","arguments":{"free":"x"}"#),
        ];
        for (headers, arguments) in cases {
            assert_eq!(called(Some(&tool), headers, arguments), Ok(()), "{headers:?} {arguments}");
        }
    }

    #[test]
    fn headers_that_say_something_else_are_refused() {
        let tool = tool(SCHEMA);
        let cases: &[Case] = &[
            // Missing headers.
            (&[], r#","arguments":{"region":"eu"}"#),
            (&[], r#","arguments":{"region":""}"#),
            (&[(REGION, b"eu")], r#","arguments":{"region":"eu","count":0}"#),
            (&[(REGION, b"eu")], r#","arguments":{"region":"eu","dry":false}"#),
            (&[], r#","arguments":{"inner":{"tenant":"acme"}}"#),
            // Headers of an argument that is absent, or has no text form.
            (&[(REGION, b"eu")], ""),
            (&[(REGION, b"eu")], r#","arguments":{}"#),
            (&[(REGION, b"")], r#","arguments":{"region":null}"#),
            (&[(REGION, b"null")], r#","arguments":{"region":null}"#),
            (&[(REGION, b"eu")], r#","arguments":{"region":["eu"]}"#),
            (&[(REGION, b"eu")], r#","arguments":"eu""#),
            (&[(TENANT, b"acme")], r#","arguments":{"tenant":"acme"}"#),
            // Duplicate headers, even with the same value.
            (&[(REGION, b"eu"), (REGION, b"us")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"eu"), (REGION, b"eu")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"eu, eu")], r#","arguments":{"region":"eu"}"#),
            // Different values.
            (&[(REGION, b"us")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"EU")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"padded")], r#","arguments":{"region":" padded "}"#),
            (&[(REGION, b"\xc3\xa9")], r#","arguments":{"region":"é"}"#),
            (&[(DRY, b"True")], r#","arguments":{"dry":true}"#),
            (&[(DRY, b"1")], r#","arguments":{"dry":true}"#),
            // Badly encoded values.
            (&[(REGION, b"=?base64?SGVsbG8?=")], r#","arguments":{"region":"Hello"}"#),
            (&[(REGION, b"=?base64?SGVs!!!bG8=?=")], r#","arguments":{"region":"Hello"}"#),
            (&[(REGION, b"=?base64?SGVsbG9=?=")], r#","arguments":{"region":"Hello"}"#),
            (&[(REGION, b"=?base64?/w==?=")], r#","arguments":{"region":"\u00ff"}"#),
            (&[(REGION, b"=?base64?SGVsbG8=?=")], r#","arguments":{"region":"=?base64?SGVsbG8=?="}"#),
            // Numbers are only matched by numbers.
            (&[(COUNT, b"43")], r#","arguments":{"count":42}"#),
            (&[(COUNT, b"42.5")], r#","arguments":{"count":42}"#),
            (&[(COUNT, b"042")], r#","arguments":{"count":42}"#),
            (&[(COUNT, b"+42")], r#","arguments":{"count":42}"#),
            (&[(COUNT, b"4.2e1")], r#","arguments":{"count":42}"#),
            (&[(COUNT, b"=?base64?IDQy?=")], r#","arguments":{"count":42}"#),
            (&[(COUNT, b"9007199254740993")], r#","arguments":{"count":9007199254740992}"#),
            (&[(REGION, b"42.0")], r#","arguments":{"region":"42"}"#),
        ];
        for (headers, arguments) in cases {
            assert_eq!(
                called(Some(&tool), headers, arguments),
                Err((400, -32020)),
                "{headers:?} {arguments}"
            );
        }
    }

    #[test]
    fn of_a_tool_that_was_not_listed_no_header_passes() {
        let arguments = r#","arguments":{"region":"eu"}"#;
        assert_eq!(called(None, &[], arguments), Ok(()));
        assert_eq!(called(None, &[("mcp-method", b"x")], arguments), Ok(()));
        assert_eq!(called(None, &[(REGION, b"eu")], arguments), Err((400, -32020)));
    }

    #[test]
    fn a_schema_with_an_annotation_that_is_not_valid_wants_nothing() {
        let of = |properties: &str| {
            wanted(format!(r#"{{"type":"object","properties":{properties}}}"#).as_bytes()).len()
        };
        assert_eq!(wanted(SCHEMA.as_bytes()).len(), 4);
        assert_eq!(of(r#"{"a":{"x-mcp-header":"A"},"b":{"x\u002dmcp-header":"B"}}"#), 2);
        for bad in [r#""""#, r#""a b""#, r#""a\r\nx""#, r#""é""#, r#""good""#, "1", "null"] {
            let properties = format!(r#"{{"a":{{"x-mcp-header":"Good"}},"b":{{"x-mcp-header":{bad}}}}}"#);
            assert_eq!(of(&properties), 0, "{bad}");
        }
        // Annotations that are not on a path of properties are not found.
        assert_eq!(of(r#"{"a":{"items":{"properties":{"b":{"x-mcp-header":"B"}}}}}"#), 0);
        assert_eq!(of(r#"{"a":{"anyOf":[{"x-mcp-header":"B"}]}}"#), 0);
        assert_eq!(
            (wanted(b"true").len(), wanted(b"{").len(), wanted(br#"{"properties":[]}"#).len()),
            (0, 0, 0)
        );
    }
}
