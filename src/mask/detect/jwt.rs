//! JSON Web Tokens (RFC 7519) in compact form: three parts (five if encrypted), the first one a JSON object
//! with `alg`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::json::Json;
use crate::mask::detect::Span;

/// Maximum length of a header that is decoded.
const HEADER: usize = 16 << 10;

/// Returns the token whose header begins at `at`.
pub(super) fn at(text: &[u8], at: usize) -> Option<Span> {
    let rest = text.get(at..)?;
    let size = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        .count();
    let run = rest.get(..size)?;
    // A full stop that ends the sentence.
    let stop = run.ends_with(b".") && memchr::memchr_iter(b'.', run).count() > 2;
    let run = run.get(..size - usize::from(stop))?;
    let mut parts = run.split(|byte| *byte == b'.');
    let header = parts.next().filter(|header| header.len() <= HEADER)?;
    let payload = parts.next()?;
    let header = Json::parse(&URL_SAFE_NO_PAD.decode(header).ok()?, 8).ok()?;
    header.member("alg")?;
    let more = parts.count();
    // Without a second dot it is a token only if the payload is one: a header alone is not a secret.
    if more == 0 && !payload.starts_with(b"eyJ") {
        return None;
    }
    Some(Span {
        start: at,
        end: at + run.len(),
        score: 100,
        reason: "the header decodes and names an algorithm",
    })
}
