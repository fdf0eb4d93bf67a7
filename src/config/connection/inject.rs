//! `inject`: how the target's credential is sent.

use crate::config::connection::Spoken;
use crate::config::connection::VARIABLE_NAME;
use crate::config::reader::Value;
use crate::config::value::is_variable_name;
use crate::domain::connection::Injection;
use crate::domain::connection::Protocol;

const INJECT_HINT: &str = "accepted: bearer:SRC, basic:USER:SRC, header:NAME:SRC, none; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND";
const LOGIN_HINT: &str = "accepted for postgres://: password:USER:SRC, where SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND; certificate:USER";
const VARIABLE_HINT: &str = "accepted for mcp+stdio: env:NAME:SRC, none; NAME is a variable of the program, SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND";
/// Maximum length of a database user name in bytes: a server truncates longer ones.
const USER_MAX: usize = 63;

/// Headers that the gateway and HTTP itself set, which therefore cannot carry a credential.
const NOT_FOR_CREDENTIALS: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-encoding",
    "forwarded",
];

/// Returns why a credential of this kind cannot be used for such a target.
fn not_for(kind: &str, spoken: Spoken) -> Option<String> {
    let database = spoken.protocol == Protocol::Postgres;
    let only = match kind {
        "bearer" | "basic" | "header" if database || spoken.program => "http://, https:// and mcp+http(s)://",
        "none" if database => "http://, https:// and MCP servers",
        "certificate" | "password" if !database => return Some(format!("{kind}: is for postgres:// only")),
        "env" if !spoken.program => return Some("env: is for mcp+stdio: only".to_owned()),
        _ => return None,
    };
    Some(format!("{kind} is for {only} only"))
}

/// Returns the accepted forms for such a target; `None`: the kind of target is unknown.
pub(super) fn hint(spoken: Option<Spoken>) -> &'static str {
    match spoken {
        Some(Spoken { protocol: Protocol::Postgres, .. }) => LOGIN_HINT,
        Some(Spoken { program: true, .. }) => VARIABLE_HINT,
        _ => INJECT_HINT,
    }
}

/// Reads `inject`; `spoken` is the kind of target, if known.
pub(super) fn read(value: &Value<'_>, spoken: Option<Spoken>) -> Option<Injection> {
    let hint = || hint(spoken).to_owned();
    let DeText(text) = DeText::of(value, hint())?;
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    if let Some(only) = spoken.and_then(|spoken| not_for(kind, spoken)) {
        value.secret_problem(only, hint());
        return None;
    }
    match kind {
        "none" if text == "none" => Some(Injection::None),
        "bearer" => value.secret_in(rest).map(Injection::Bearer),
        "certificate" => {
            if !is_user(rest, true) || rest.contains(':') {
                value.secret_problem("not a user name in certificate:USER", hint());
                return None;
            }
            Some(Injection::Certificate { user: rest.to_owned() })
        }
        "basic" | "password" => {
            let Some((user, source)) = rest.split_once(':') else {
                value.secret_problem(format!("not {kind}:USER:SRC"), hint());
                return None;
            };
            if !is_user(user, kind == "password") {
                value.secret_problem(format!("not a user name in {kind}:USER:SRC"), hint());
                return None;
            }
            let (user, password) = (user.to_owned(), value.secret_in(source)?);
            Some(match kind {
                "basic" => Injection::Basic { user, password },
                _ => Injection::Password { user, password },
            })
        }
        "header" => {
            let Some((name, source)) = rest.split_once(':') else {
                value.secret_problem("not header:NAME:SRC", hint());
                return None;
            };
            let name = header_name(value, name)?;
            let source = value.secret_in(source)?;
            Some(Injection::Header { name, value: source })
        }
        "env" => {
            let Some((name, source)) = rest.split_once(':') else {
                value.secret_problem("not env:NAME:SRC", hint());
                return None;
            };
            if !is_variable_name(name) {
                value.secret_problem("not the name of a variable in env:NAME:SRC", VARIABLE_NAME.to_owned());
                return None;
            }
            Some(Injection::Env { name: name.to_owned(), value: value.secret_in(source)? })
        }
        "oauth" => {
            value.secret_problem("oauth: is not supported by this version of hoopctl", hint());
            None
        }
        _ => {
            value.secret_problem("not a way to inject a credential", hint());
            None
        }
    }
}

/// Returns whether it can be a user name, for a database or another target.
fn is_user(name: &str, of_database: bool) -> bool {
    let too_long = of_database && name.len() > USER_MAX;
    !name.is_empty() && !too_long && !name.chars().any(char::is_control)
}

/// A text that may be a secret; a value of another type is not repeated in reports either.
struct DeText<'d>(&'d str);

impl<'d> DeText<'d> {
    fn of(value: &Value<'d>, hint: String) -> Option<Self> {
        let text = value.node.as_str().map(Self);
        if text.is_none() {
            value.secret_problem("not a string", hint);
        }
        text
    }
}

fn header_name(value: &Value<'_>, name: &str) -> Option<String> {
    let Ok(parsed) = name.parse::<http::HeaderName>() else {
        value.secret_problem(
            "not a header name in header:NAME:SRC",
            "accepted: a token of RFC 9110".to_owned(),
        );
        return None;
    };
    let own = parsed.as_str().starts_with("hoopctl-") || parsed.as_str().starts_with("proxy-");
    if own || NOT_FOR_CREDENTIALS.contains(&parsed.as_str()) {
        value.secret_problem(
            format!("the header {parsed} cannot carry a credential"),
            "accepted: a header of the target's own, such as X-Api-Key".to_owned(),
        );
        return None;
    }
    Some(parsed.as_str().to_owned())
}
