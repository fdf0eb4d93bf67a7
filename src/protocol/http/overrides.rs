//! Bodies that ask for another method than the request's own, as some frameworks let a field `_method` do. They are looked through as
//! they pass: nothing is kept but the end of what has gone by.

use http::HeaderMap;
use http::header;

/// How many bytes of a form of several parts are seen together, at the least.
const SEEN: usize = 63;
/// How many bytes of a name tell whether it is such a name: `_method`, and whether it goes on.
const TELLING: usize = 8;

/// Whether a field or parameter of this name is what frameworks read another method from. Some of them take other names for
/// it: PHP drops spaces before a name, writes `_` for `.` and `[`, and ends a name at a NUL or `[`.
pub fn is_method_field(name: &[u8]) -> bool {
    let name = name.trim_ascii_start();
    let (mark, rest) = name.split_first_chunk::<1>().unwrap_or((b" ", b""));
    let end = rest.iter().position(|byte| matches!(byte, 0 | b'[')).unwrap_or(rest.len());
    matches!(mark, b"_" | b"." | b"[")
        && rest.get(..end).is_some_and(|word| word.eq_ignore_ascii_case(b"method"))
}

/// Whether a name that begins so may still become one of [`is_method_field`].
fn may_become(start: &[u8]) -> bool {
    const WORD: &[u8] = b"method";
    match start.split_first() {
        None => true,
        Some((mark, rest)) => {
            matches!(mark, b'_' | b'.' | b'[')
                && WORD.get(..rest.len()).is_some_and(|word| word.eq_ignore_ascii_case(rest))
        }
    }
}

/// The telling bytes of a name, without white space before it.
#[derive(Debug, Default)]
struct Name {
    bytes: [u8; TELLING],
    length: usize,
}

impl Name {
    fn push(&mut self, byte: u8) {
        if self.length == 0 && byte.is_ascii_whitespace() {
            return;
        }
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn is_told(&self) -> bool {
        self.length == TELLING
    }
}

/// Looks for such a name in a body, piece by piece.
#[derive(Debug, Default)]
pub struct Watch {
    /// For a form of several parts: the end of what has passed, which may be the beginning of a name.
    seam: Option<Vec<u8>>,
    json: Option<TopNames>,
}

impl Watch {
    /// What to look for in a body of the type that its headers name; `None` for types from which no method is read.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let (mut parts, mut json) = (false, false);
        for value in headers.get_all(header::CONTENT_TYPE) {
            let value = value.as_bytes();
            parts |= value.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
            // Frameworks take a body for JSON by these words, wherever they stand.
            json |= value
                .windows(5)
                .any(|word| word.eq_ignore_ascii_case(b"/json") || word.eq_ignore_ascii_case(b"+json"));
        }
        (parts || json).then(|| Self { seam: parts.then(Vec::new), json: json.then(TopNames::default) })
    }

    /// Whether the body, as far as it has come with this piece, has such a name.
    pub fn finds(&mut self, data: &[u8]) -> bool {
        let in_json = self.json.as_mut().is_some_and(|names| names.finds(data));
        let Some(seam) = &mut self.seam else { return in_json };
        seam.extend_from_slice(data.get(..SEEN.min(data.len())).unwrap_or_default());
        let found = in_json || names_method(seam) || names_method(data);
        if data.len() >= SEEN {
            seam.clear();
            seam.extend_from_slice(data.get(data.len() - SEEN..).unwrap_or_default());
        } else {
            seam.drain(..seam.len().saturating_sub(SEEN));
        }
        found
    }

    /// The same of a body that is there whole.
    pub fn finds_in_whole(mut self, body: &[u8]) -> bool {
        self.json.as_mut().is_some_and(|names| names.finds(body))
            || (self.seam.is_some() && names_method(body))
    }
}

/// Whether a form of several parts has a field of such a name. Where the beginning of a parameter cannot be seen for white space,
/// it is taken for one.
fn names_method(body: &[u8]) -> bool {
    const LOOK_BACK: usize = 32;
    let quote = |text: &[u8]| matches!(text, [.., b'"' | b'\'']);
    let marks = memchr::memchr3_iter(b'_', b'.', b'[', body);
    let mut found = marks.filter(|&at| {
        let word = body.get(at + 1..at + 7);
        word.is_some_and(|word| word.eq_ignore_ascii_case(b"method"))
            && body
                .get(at + 7)
                .is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_' && *byte != b'-')
    });
    let short = found.any(|at| {
        let from = at.saturating_sub(LOOK_BACK);
        let seen = body.get(from..at).unwrap_or_default().trim_ascii_end();
        let seen = if quote(seen) { seen.get(..seen.len() - 1).unwrap_or_default() } else { seen };
        let seen = seen.trim_ascii_end();
        let Some(name) = seen.strip_suffix(b"=") else { return seen.is_empty() && from > 0 };
        let name = name.trim_ascii_end();
        let is_name = |name: &[u8; 4]| name.eq_ignore_ascii_case(b"name");
        (name.is_empty() && from > 0)
            || name.strip_suffix(b"*").unwrap_or(name).last_chunk::<4>().is_some_and(is_name)
    });
    short
        || memchr::memchr_iter(b'*', body).any(|star| {
            // What stands before `name` must be seen: `filename*` is another parameter.
            let before =
                star.checked_sub(5).and_then(|from| body.get(from..star)).and_then(<[u8]>::split_first);
            let is_name = before.is_some_and(|(before, name)| {
                name.eq_ignore_ascii_case(b"name")
                    && !before.is_ascii_alphanumeric()
                    && !b"_-".contains(before)
            });
            is_name && body.get(star + 1..).is_some_and(spells_method)
        })
}

/// Whether a parameter `name*=` (RFC 5987), `name*0=` or `name*0*=` (RFC 2231) spells such a name, or begins one that the next
/// part may complete. `rest` is what stands after the first star; where not enough can be seen to tell, it is taken for one.
fn spells_method(rest: &[u8]) -> bool {
    // With less, the same place will be seen again together with what comes after it.
    let untold = rest.len() >= SEEN - b"name*".len();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, after) = rest.split_at(digits);
    if number.iter().any(|digit| *digit != b'0') {
        return false;
    }
    let continued = !number.is_empty();
    let (extended, after) = match after.strip_prefix(b"*") {
        Some(after) if continued => (true, after),
        _ => (!continued, after),
    };
    let after = after.trim_ascii_start();
    let Some(value) = after.strip_prefix(b"=") else { return after.is_empty() && untold };
    let value = value.trim_ascii_start();
    let (value, end) = match value.strip_prefix(b"\"") {
        Some(quoted) => (quoted, quoted.iter().position(|byte| *byte == b'"')),
        None => (value, value.iter().position(|byte| *byte == b';' || byte.is_ascii_whitespace())),
    };
    let whole = end.is_some();
    let mut value = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
    if extended {
        let mut quotes = memchr::memchr_iter(b'\'', value);
        match (quotes.next(), quotes.next()) {
            // The character set and the language stand before it.
            (Some(_), Some(second)) => value = value.get(second + 1..).unwrap_or_default(),
            _ if !whole => return untold,
            _ => {}
        }
    }
    let mut name = Name::default();
    while let Some((&byte, after)) = value.split_first() {
        let is_coded = extended && byte == b'%';
        if is_coded && !whole && after.len() < 2 {
            break;
        }
        let coded = after.split_first_chunk::<2>().filter(|_| is_coded);
        let coded = coded.and_then(|(digits, after)| Some((hex(digits)?, after)));
        let (byte, after) = coded.unwrap_or((byte, after));
        name.push(byte);
        value = after;
    }
    let told = whole || name.is_told();
    let found = is_method_field(name.bytes()) || ((continued || !told) && may_become(name.bytes()));
    found && (told || untold)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u8::from_str_radix(digits, 16).ok()
}

/// Reads the names of a JSON document's top level as it passes, whatever else it may hold.
#[derive(Debug, Default)]
struct TopNames {
    depth: usize,
    /// Whether the next string is a name of the top level.
    name_next: bool,
    /// Whether the top level is an object.
    in_object: bool,
    place: Place,
    name: Name,
}

#[derive(Debug, Clone, Copy, Default)]
enum Place {
    /// Between strings.
    #[default]
    Between,
    /// In a string that is no name of the top level.
    Text,
    /// After a backslash in one.
    TextEscape,
    /// In a name of the top level.
    Name,
    /// After a backslash in one.
    NameEscape,
    /// In the four digits of `\u`: how many have come, and what they say so far.
    NameCode(u8, u32),
}

impl TopNames {
    fn finds(&mut self, mut data: &[u8]) -> bool {
        while let Some((&byte, after)) = data.split_first() {
            data = after;
            // No JSON has a NUL; without them UTF-16 reads like UTF-8.
            if byte == 0 {
                continue;
            }
            self.place = match (self.place, byte) {
                (Place::Between, byte) => self.between(byte),
                (Place::Text, b'\\') => Place::TextEscape,
                (Place::Name, b'"') if is_method_field(self.name.bytes()) => return true,
                (Place::Text | Place::Name, b'"') => Place::Between,
                (Place::Text, _) => {
                    let next = memchr::memchr2(b'"', b'\\', data).unwrap_or(data.len());
                    data = data.get(next..).unwrap_or_default();
                    Place::Text
                }
                (Place::TextEscape, _) => Place::Text,
                (Place::Name, b'\\') => Place::NameEscape,
                (Place::NameEscape, b'u') => Place::NameCode(0, 0),
                (Place::NameEscape, b'b') => self.name(8),
                (Place::NameEscape, b'f' | b'n' | b'r' | b't') => self.name(b' '),
                (Place::Name | Place::NameEscape, byte) => self.name(byte),
                (Place::NameCode(count, code), byte) => match (char::from(byte).to_digit(16), count) {
                    (Some(digit), 3) => {
                        let code = code << 4 | digit;
                        self.name(u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(0xff))
                    }
                    (Some(digit), _) => Place::NameCode(count + 1, code << 4 | digit),
                    (None, _) => self.name(byte),
                },
            };
        }
        false
    }

    fn name(&mut self, byte: u8) -> Place {
        self.name.push(byte);
        Place::Name
    }

    fn between(&mut self, byte: u8) -> Place {
        match byte {
            b'{' | b'[' => {
                self.depth = self.depth.saturating_add(1);
                if self.depth == 1 {
                    self.in_object = byte == b'{';
                    self.name_next = self.in_object;
                }
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b',' if self.depth == 1 => self.name_next = self.in_object,
            b':' if self.depth == 1 => self.name_next = false,
            b'"' if self.depth == 1 && self.name_next => {
                self.name = Name::default();
                return Place::Name;
            }
            b'"' => return Place::Text,
            _ => {}
        }
        Place::Between
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(param: &str) -> String {
        format!("--b\r\nContent-Disposition: form-data; {param}\r\n\r\nDELETE\r\n--b--\r\n")
    }

    fn watch(kind: &'static str) -> Watch {
        let headers = [(header::CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
        Watch::of(&headers).unwrap()
    }

    /// Whether it is found in the whole body, which must not depend on how it is cut into pieces.
    fn found(kind: &'static str, body: &[u8]) -> bool {
        let whole = watch(kind).finds_in_whole(body);
        for size in [1, 2, 7, 62, 63, 64, 65, 1000] {
            let mut watch = watch(kind);
            let pieces = body.chunks(size).any(|piece| watch.finds(piece));
            assert_eq!(pieces, whole, "in pieces of {size}: {:?}", String::from_utf8_lossy(body));
        }
        whole
    }

    #[test]
    fn a_field_that_asks_for_another_method_is_known_under_each_name_it_may_have() {
        for name in ["_method", "_METHOD", ".method", "[method", "  _method", "_method[]", "_method\0x"] {
            assert!(is_method_field(name.as_bytes()), "{name:?}");
            for param in ["name=\"{}\"", "NAME = '{}'", "name={};", "name*=\"{}\"", "name=          {}\r\n"] {
                let part =
                    format!("--b\r\nContent-Disposition: form-data; {}\r\n", param.replace("{}", name));
                assert!(names_method(part.as_bytes()), "{part:?}");
            }
        }
        let far = format!("Content-Disposition: form-data; name={}_method\r\n", " ".repeat(500));
        assert!(names_method(far.as_bytes()), "however far it stands from its parameter");
        for harmless in ["", "method", "_methods", "my_method", "x.method"] {
            assert!(!is_method_field(harmless.as_bytes()), "{harmless:?}");
        }
        for harmless in
            ["name=\"http_method\"", "name=\"_methods\"", "a._method(", "call(_method)", "the .method of"]
        {
            assert!(!names_method(harmless.as_bytes()), "{harmless:?}");
        }
    }

    #[test]
    fn a_part_may_spell_its_name_in_the_long_way() {
        let kind = "multipart/form-data; boundary=b";
        let spaces = "%20".repeat(50);
        for param in [
            "name*=UTF-8''_method",
            "NAME*=utf-8'en'_METHOD; x=y",
            "name*=UTF-8''%5fmethod",
            "name* = \"UTF-8''%5F%6D%65%74%68%6F%64\"",
            "name*=_method",
            "name*=%5Fmethod",
            "name*=UTF-8''%20.method%5B%5D",
            "name*=iso-8859-1''_method%00x",
            "name*0=\"_met\"; name*1=\"hod\"",
            "name*1=hod; name*0=_met",
            "name*0*=UTF-8''%5F; name*1=method",
            "name*0=\"\"; name*1=\"_method\"",
            // Where it ends cannot be seen.
            &format!("name*=UTF-8''{spaces}_method"),
            &format!("name*=UTF-8'{spaces}'_method"),
            &format!("name*={}UTF-8''_method", " ".repeat(100)),
        ] {
            assert!(found(kind, part(param).as_bytes()), "{param}");
        }
        for harmless in [
            "name*=UTF-8''%E2%82%AC_method",
            "name*=UTF-8''_methods",
            "name*=UTF-8''na%C3%AFve%20name%20that%20is%20so%20long%20that%20nobody%20sees%20its%20end%20at%20once",
            "name=\"a\"; filename*=UTF-8''%5fmeth",
            "name=\"a\"; filename*0=\"_met\"; filename*1=\"a\"",
            "name*0=\"a\"; name*1=\"_met\"",
            "name=\"a*b\"",
        ] {
            assert!(!found(kind, part(harmless).as_bytes()), "{harmless}");
        }
    }

    #[test]
    fn a_json_body_may_name_it_at_its_top() {
        for body in [
            r#"{"_method":"DELETE"}"#,
            r#" { "a" : [ {"x":"}"} , "\"" ] , "_METHOD" : "DELETE" } "#,
            r#"{"\u005fmethod":1}"#,
            r#"{"\u005F\u006d\u0065thod":1}"#,
            r#"{"a\"":{},"_method":1}"#,
            r#"{"_method\u0000x":1}"#,
            r#"{"\n_method[]":1}"#,
            "[1]{\"_method\":1}",
        ] {
            assert!(found("application/json; charset=utf-8", body.as_bytes()), "{body}");
            assert!(found("Application/Vnd.Api+JSON", body.as_bytes()), "{body}");
        }
        let utf16: Vec<u8> = r#"{"_method":1}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(found("application/json; charset=utf-16", &utf16));
        for harmless in [
            r#"{"a":{"_method":1}}"#,
            r#"{"a":"_method","b":["_method",{"_method":1}]}"#,
            r#"["_method"]"#,
            r#""_method""#,
            r#"{"_methods":1,"method":2,"\u00e9_method":3,"\\_method":4}"#,
            r#"{"a":"\",\"_method\":"}"#,
            "",
        ] {
            assert!(!found("application/json", harmless.as_bytes()), "{harmless}");
        }
        let text = [(header::CONTENT_TYPE, "text/plain".parse().unwrap())].into_iter().collect();
        assert!(Watch::of(&text).is_none());
    }
}
