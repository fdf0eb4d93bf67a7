//! What of a call's arguments its tool wants repeated in headers, and whether they say the same. (MCP 2026-07-28, "Transports", "Streamable
//! HTTP", "Custom Headers from Tool Parameters".)
//!
//! Something before the gateway may route by these headers, so that a lie in one must not pass. A target behind HTTP checks by itself; to one
//! with a channel only the body goes, and nobody but the gateway sees both. Nothing is ever decided by a header: the body alone is judged.

use http::HeaderMap;
use http::HeaderName;

use crate::domain::json::DEPTH;
use crate::domain::json::Json;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::codec::envelope::names::Param;
use crate::protocol::mcp::era::decoded;
use crate::protocol::mcp::era::mismatch;
use crate::protocol::mcp::era::one;
use crate::protocol::mcp::reply::Fault;
use crate::protocol::mcp::tools::Tool;

/// What the names of all these headers begin with.
const PREFIX: &str = "mcp-param-";

/// An argument that is repeated in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// The header.
    header: HeaderName,
    /// The names of the members that lead to the argument.
    path: Box<[Box<str>]>,
}

/// The arguments that the `inputSchema` of a tool, as JSON, wants repeated. None where one of its annotations is not valid: clients that
/// know of them do not use such a tool, and others send no headers.
pub fn wanted(schema: &[u8]) -> Box<[Mirrored]> {
    let mut found = Vec::new();
    let collected =
        Json::parse(schema, DEPTH).ok().and_then(|schema| collect(&schema, &mut Vec::new(), &mut found));
    if collected.is_none() {
        found.clear();
    }
    found.into()
}

/// Adds what is annotated below `schema`, which `path` leads to; `None`: an annotation is not valid.
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

/// That the headers of a call say what its arguments say. `tool`: what its target last said of it; `None`: it has not listed it.
///
/// # Errors
/// An argument that is to be repeated is not, or a header comes twice, cannot be read, or says something else. Of a tool that was not listed:
/// there is a header at all, for whether it lies nobody knows; clients list the tools anew on this error, and try again.
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
            // What has no text cannot be repeated; the target says what is wrong with it.
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

/// Whether a header says the whole number that the argument is, written otherwise: `42.0` and `42`.
fn is_number(argument: &Json, says: &str) -> bool {
    let Json::Number(argument) = argument else { return false };
    let Ok(Json::Number(said)) = Json::parse(says.as_bytes(), 1) else { return false };
    // White space around it was not read as part of it.
    said.len() == says.len() && whole(argument).is_some_and(|whole_one| whole(&said) == Some(whole_one))
}

/// A number without a fraction; `None` for others, and those with an exponent.
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
    /// The headers of a call, and what stands behind the name of its tool.
    type Case = (&'static [Header], &'static str);

    /// Whether a call passes; else status and code.
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
            // No text can repeat these.
            (&[], r#","arguments":{"region":["eu"],"count":{},"inner":"x"}"#),
            (&[], r#","arguments":"region""#),
            (&[(REGION, b"eu")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b" eu\t")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"")], r#","arguments":{"region":""}"#),
            (&[(REGION, b"a b, c")], r#","arguments":{"region":"a b, \u0063"}"#),
            // The target refuses what is of another type; the header says the same all the same.
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
            // Looks encoded, and is not.
            (&[(REGION, b"SGVsbG8=")], r#","arguments":{"region":"SGVsbG8="}"#),
            (&[(REGION, b"=?base64?SGVsbG8=")], r#","arguments":{"region":"=?base64?SGVsbG8="}"#),
            (&[(REGION, b"=?BASE64?SGVsbG8=?=")], r#","arguments":{"region":"=?BASE64?SGVsbG8=?="}"#),
            // Of no argument: not known, and not looked at.
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
            // Missing.
            (&[], r#","arguments":{"region":"eu"}"#),
            (&[], r#","arguments":{"region":""}"#),
            (&[(REGION, b"eu")], r#","arguments":{"region":"eu","count":0}"#),
            (&[(REGION, b"eu")], r#","arguments":{"region":"eu","dry":false}"#),
            (&[], r#","arguments":{"inner":{"tenant":"acme"}}"#),
            // Of what is not there, or cannot be repeated.
            (&[(REGION, b"eu")], ""),
            (&[(REGION, b"eu")], r#","arguments":{}"#),
            (&[(REGION, b"")], r#","arguments":{"region":null}"#),
            (&[(REGION, b"null")], r#","arguments":{"region":null}"#),
            (&[(REGION, b"eu")], r#","arguments":{"region":["eu"]}"#),
            (&[(REGION, b"eu")], r#","arguments":"eu""#),
            (&[(TENANT, b"acme")], r#","arguments":{"tenant":"acme"}"#),
            // Twice, even when both say the same.
            (&[(REGION, b"eu"), (REGION, b"us")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"eu"), (REGION, b"eu")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"eu, eu")], r#","arguments":{"region":"eu"}"#),
            // Other.
            (&[(REGION, b"us")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"EU")], r#","arguments":{"region":"eu"}"#),
            (&[(REGION, b"padded")], r#","arguments":{"region":" padded "}"#),
            (&[(REGION, b"\xc3\xa9")], r#","arguments":{"region":"é"}"#),
            (&[(DRY, b"True")], r#","arguments":{"dry":true}"#),
            (&[(DRY, b"1")], r#","arguments":{"dry":true}"#),
            // Encoded, and not well.
            (&[(REGION, b"=?base64?SGVsbG8?=")], r#","arguments":{"region":"Hello"}"#),
            (&[(REGION, b"=?base64?SGVs!!!bG8=?=")], r#","arguments":{"region":"Hello"}"#),
            (&[(REGION, b"=?base64?SGVsbG9=?=")], r#","arguments":{"region":"Hello"}"#),
            (&[(REGION, b"=?base64?/w==?=")], r#","arguments":{"region":"\u00ff"}"#),
            (&[(REGION, b"=?base64?SGVsbG8=?=")], r#","arguments":{"region":"=?base64?SGVsbG8=?="}"#),
            // Numbers, which no other text but a number's says.
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
        // Elsewhere than on a path of properties nothing is found.
        assert_eq!(of(r#"{"a":{"items":{"properties":{"b":{"x-mcp-header":"B"}}}}}"#), 0);
        assert_eq!(of(r#"{"a":{"anyOf":[{"x-mcp-header":"B"}]}}"#), 0);
        assert_eq!(
            (wanted(b"true").len(), wanted(b"{").len(), wanted(br#"{"properties":[]}"#).len()),
            (0, 0, 0)
        );
    }
}
