//! Globs over resource URIs. A URI that servers read in two ways is unsure, unless both readings give the
//! same answer.

use std::fmt;

use crate::domain::hex;
use crate::domain::text;
use crate::policy::alike;
use crate::policy::answer::Answer;
use crate::policy::glob::Glob;
use crate::policy::glob::check_text;
use crate::policy::problem::Refusal;

/// A compiled pattern: `*` matches within one segment, `**` is a whole segment and matches any number of
/// them; `*` alone matches everything.
#[derive(Debug, Clone)]
pub(in crate::policy) struct ResourceGlob {
    text: Box<str>,
    any: bool,
    /// The pattern with only needless escapes decoded, and with everything decoded.
    forms: [Form; 2],
    /// The parts of a URI that the pattern itself specifies and that are therefore not ignored.
    keeps: Keeps,
    /// The text before its first star, folded.
    prefix: Vec<u8>,
    /// The text before a final `/**`, if there is no other star.
    below: Option<Vec<u8>>,
}

/// One reading of a pattern.
#[derive(Debug, Clone)]
struct Form {
    strict: Runs,
    /// Case-insensitive.
    folded: Runs,
    /// Case-insensitive, with stars that also match slashes.
    loose: Glob,
}

/// The runs of segments between the `**`: the first starts the URI, the last ends it.
#[derive(Debug, Clone)]
struct Runs(Box<[Box<[Glob]>]>);

/// Which parts of a URI a pattern specifies.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "five parts that are there or not, in any mixture")]
struct Keeps {
    query: bool,
    parameters: bool,
    port: bool,
    root: bool,
    host: bool,
}

/// The resource that a message names, parsed once for all policies.
#[derive(Debug)]
pub(in crate::policy) enum ResourceView {
    /// A URI.
    Uri(UriView),
    /// A URI template (RFC 6570): the text before its first variable.
    Template(Vec<u8>),
}

/// A URI in its two readings.
#[derive(Debug)]
pub(in crate::policy) struct UriView {
    readings: [Vec<u8>; 2],
    /// Whether there are no other readings.
    plain: bool,
}

impl ResourceView {
    /// Parses a URI.
    pub(in crate::policy) fn uri(uri: &str) -> Self {
        let whole = decode(uri.as_bytes(), |_byte| true);
        let plain = whole.as_deref().is_some_and(|whole| is_plain(uri, whole));
        let readings = [decode(uri.as_bytes(), needs_no_escape), whole]
            .map(|reading| reading.unwrap_or_else(|| uri.as_bytes().to_vec()));
        Self::Uri(UriView { readings, plain })
    }

    /// Parses a template; without a variable it is a URI.
    pub(in crate::policy) fn template(template: &str) -> Self {
        match template.split_once('{') {
            Some((start, _)) => Self::Template(
                decode(start.as_bytes(), needs_no_escape).unwrap_or_else(|| start.as_bytes().to_vec()),
            ),
            None => Self::uri(template),
        }
    }

    /// Returns whether it is a template. An unsure answer may then be yes for one of its URIs and no for
    /// another.
    pub(in crate::policy) fn is_template(&self) -> bool {
        matches!(self, Self::Template(_))
    }
}

impl ResourceGlob {
    /// Parses a pattern.
    pub(in crate::policy) fn parse(text: &str) -> Result<Self, Refusal> {
        check_text(text)?;
        let any = text.bytes().all(|byte| byte == b'*');
        if !any && text.split('/').any(|segment| segment != "**" && segment.contains("**")) {
            let instead = "write ** as a segment of its own, or one * within a segment";
            return Err(Refusal::new("** inside a segment", instead));
        }
        let Some(whole) = decode(text.as_bytes(), |_byte| true) else {
            return Err(Refusal::new("a % that starts no escape", "write %25 for a percent sign"));
        };
        // A star may also stand for a scheme, and for the first of several segments.
        let named = text.split('*').next().is_some_and(|start| start.contains(':')) || text.starts_with('*');
        let sound = any || (named && is_plain_text(&whole));
        if !sound {
            return Err(Refusal::new(
                "no URI that is read in one way only looks like it",
                "write it from the scheme on, such as file:///data/**, without . and .. and empty segments, \\, %25 and user names",
            ));
        }
        let first = text.split('*').next().unwrap_or_default();
        let decoded = |text: &str| decode(text.as_bytes(), needs_no_escape).unwrap_or_default();
        let below = text.strip_suffix("/**").filter(|rest| !rest.contains('*')).map(decoded);
        Ok(Self {
            text: text.into(),
            any,
            forms: [Form::new(text, needs_no_escape), Form::new(text, |_byte| true)],
            keeps: Keeps::of(text),
            prefix: decoded(first).to_ascii_lowercase(),
            below,
        })
    }

    /// Matches the resource. For a template: yes or no if that is the answer for every URI of it.
    pub(in crate::policy) fn answer(&self, view: &ResourceView) -> Answer {
        match view {
            _ if self.any => Answer::Yes,
            ResourceView::Template(start) => self.of_template(start),
            ResourceView::Uri(uri) if !uri.plain => Answer::Unsure,
            ResourceView::Uri(uri) => {
                let mut all = None;
                for (form, reading) in self.forms.iter().zip(&uri.readings) {
                    for reading in [Some(reading.clone()), self.keeps.bare(reading)].into_iter().flatten() {
                        let answer = form.answer(&reading);
                        if all.is_some_and(|before| before != answer) {
                            return Answer::Unsure;
                        }
                        all = Some(answer);
                    }
                }
                all.unwrap_or(Answer::Unsure)
            }
        }
    }

    fn of_template(&self, start: &[u8]) -> Answer {
        let covered =
            |below: &Vec<u8>| start.strip_prefix(&**below).is_some_and(|rest| rest.starts_with(b"/"));
        let folded = start.to_ascii_lowercase();
        if self.below.as_ref().is_some_and(covered) {
            Answer::Yes
        } else if folded.starts_with(&self.prefix) || self.prefix.starts_with(&folded) {
            Answer::Unsure
        } else {
            Answer::No
        }
    }
}

impl fmt::Display for ResourceGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Form {
    fn new(text: &str, which: fn(u8) -> bool) -> Self {
        let read = |piece: &str| decode(piece.as_bytes(), which).unwrap_or_default();
        let fold = |piece: &str| alike::fold_case(&read(piece)).into();
        Self {
            strict: Runs::new(text, |piece| read(piece).into()),
            folded: Runs::new(text, fold),
            loose: Glob::of_pieces(text, fold),
        }
    }

    /// Yes for an exact match; unsure for a URI that differs only as `alike` describes, by a trailing slash,
    /// or by where a star may end.
    fn answer(&self, uri: &[u8]) -> Answer {
        if self.strict.covers(uri) {
            return Answer::Yes;
        }
        if self.is_near(&alike::fold_case(uri)) || self.is_near(&alike::fold_path(uri)) {
            Answer::Unsure
        } else {
            Answer::No
        }
    }

    fn is_near(&self, folded: &[u8]) -> bool {
        let trimmed = folded.strip_suffix(b"/").unwrap_or(folded);
        let longer = [folded, b"/"].concat();
        self.loose.matches(folded)
            || self.loose.matches(trimmed)
            || self.loose.matches(&longer)
            || self.folded.covers(folded)
    }
}

impl Runs {
    fn new(text: &str, read: impl Fn(&str) -> Box<[u8]>) -> Self {
        let mut runs = vec![Vec::new()];
        for segment in text.split('/') {
            if segment == "**" {
                runs.push(Vec::new());
            } else if let Some(run) = runs.last_mut() {
                run.push(Glob::of_pieces(segment, &read));
            }
        }
        Self(runs.into_iter().map(Vec::into_boxed_slice).collect())
    }

    fn covers(&self, uri: &[u8]) -> bool {
        let segments: Vec<&[u8]> = uri.split(|byte| *byte == b'/').collect();
        // A star matches non-empty text in a segment.
        let is = |glob: &Glob, segment: &[u8]| {
            glob.matches(segment) && (!segment.is_empty() || glob.exact().is_some())
        };
        let fits =
            |run: &[Glob], part: &[&[u8]]| run.iter().zip(part).all(|(glob, segment)| is(glob, segment));
        let Some((first, rest)) = self.0.split_first() else { return false };
        let Some((start, mut left)) = segments.split_at_checked(first.len()) else { return false };
        if !fits(first, start) {
            return false;
        }
        let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
        let Some((body, end)) = left.len().checked_sub(last.len()).and_then(|at| left.split_at_checked(at))
        else {
            return false;
        };
        if !fits(last, end) {
            return false;
        }
        left = body;
        // As with text globs, the first place where a run fits is the best one.
        middle.iter().filter(|run| !run.is_empty()).all(|run| {
            let place = left.windows(run.len()).position(|part| fits(run, part));
            left = place.and_then(|at| left.get(at + run.len()..)).unwrap_or_default();
            place.is_some()
        })
    }
}

impl Keeps {
    fn of(text: &str) -> Self {
        let authority = text.split_once("://").and_then(|(_, rest)| rest.split('/').next());
        Self {
            query: text.contains(['?', '#']),
            parameters: text.contains(';'),
            port: authority.is_some_and(|own| own.contains(':') || own.ends_with('.') || own == "localhost"),
            root: text.contains(":/") && !text.contains("://"),
            host: authority.is_some_and(|own| !own.is_empty()),
        }
    }

    /// Removes from a URI what a server may ignore and the pattern does not specify: query, parameters, port,
    /// names of the local host, any host of a file; `file:/x` becomes `file:///x`. `None` if nothing changes.
    fn bare(self, uri: &[u8]) -> Option<Vec<u8>> {
        let mut bare = uri.to_vec();
        if !self.query {
            bare.truncate(uri.iter().position(|byte| b"?#".contains(byte)).unwrap_or(uri.len()));
        }
        if !self.parameters {
            let name =
                |segment: &[u8]| segment.split(|byte| *byte == b';').next().unwrap_or_default().to_vec();
            bare = bare.split(|byte| *byte == b'/').map(name).collect::<Vec<_>>().join(&b'/');
        }
        let colon = bare.iter().position(|byte| *byte == b':').map_or(0, |at| at + 1);
        let (scheme, rest) = bare.split_at_checked(colon)?;
        let is_file = scheme.eq_ignore_ascii_case(b"file:");
        let rest = match rest.strip_prefix(b"//") {
            Some(rest) if !self.port => {
                let (host, path) =
                    rest.split_at(rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len()));
                let host = if is_file && !self.host { b"" } else { without_port(host) };
                [&b"//"[..], host, path].concat()
            }
            None if !self.root && rest.starts_with(b"/") => [&b"//"[..], rest].concat(),
            _ => rest.to_vec(),
        };
        let bare = [scheme, &rest].concat();
        (bare != uri).then_some(bare)
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    let digits = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let name = host.get(..host.len() - digits).and_then(|name| name.strip_suffix(b":")).unwrap_or(host);
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.eq_ignore_ascii_case(b"localhost") { b"" } else { name }
}

/// Returns whether a byte means the same with and without an escape (RFC 3986, section 2): unreserved
/// characters, and those that a URI must not contain unescaped.
fn needs_no_escape(byte: u8) -> bool {
    !b":/?#[]@!$&'()*+,;=%\\".contains(&byte)
}

/// Decodes each selected `%XX` once, and upper-cases the others; `None` if a `%` starts no escape.
fn decode(text: &[u8], which: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    let digit = |byte: Option<&u8>| hex::digit(*byte?);
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let value = digit(bytes.next())? << 4 | digit(bytes.next())?;
        if which(value) {
            out.push(value);
        } else {
            out.extend(format!("%{value:02X}").bytes());
        }
    }
    Some(out)
}

/// Returns whether a URI and its decoded form have only these two readings.
fn is_plain(uri: &str, whole: &[u8]) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let mut bytes = scheme.bytes();
    let named = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    // Without a root it is relative to a directory of the server's choice.
    let rooted =
        !scheme.eq_ignore_ascii_case("file") || uri.get(5..).is_some_and(|rest| rest.starts_with('/'));
    named && rooted && is_plain_text(whole)
}

/// Returns whether a decoded text holds nothing that some servers ignore, resolve or decode again.
fn is_plain_text(whole: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(whole) else { return false };
    let odd = |c: char| c.is_control() || matches!(c, '\\' | '%') || text::is_deceptive(c);
    if text.trim() != text || text.chars().any(odd) {
        return false;
    }
    let dots = |segment: &str| {
        let name = segment.split(['?', '#', ';']).next().unwrap_or_default();
        matches!(name, "." | "..") || matches!(segment, "." | "..")
    };
    // The value of a query may begin with dots too: `?../x`.
    if text.split(['/', '?', '#', '&', '=']).any(dots) {
        return false;
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match path.split_once("://") {
        Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
        None => ("", path.split_once(":/").map_or(path, |(_, rest)| rest)),
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    !authority.contains('@') && (path.is_empty() || path.split('/').all(|segment| !segment.is_empty()))
}

#[cfg(test)]
mod tests;
