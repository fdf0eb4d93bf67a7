//! Removes the gateway's own credential from replies: its bytes are replaced by as many `*`, in any body,
//! across pieces.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::hex;
use crate::mask::echo::Echoes;
use crate::mask::echo::HEAD;
use crate::mask::wide;

/// Shorter needles are ignored: they would occur everywhere.
const SHORTEST: usize = HEAD;

/// Secret byte strings to look for, compiled. Each is found where characters of it are escaped, too, in the
/// ways of JSON, scripts, HTML, CSS, addresses and mail, up to three times over; in UTF-16 and UTF-32 only as
/// it is, and not in hexadecimal with anything between its digits.
pub struct Needles {
    echoes: Echoes,
    shortest: usize,
}

impl std::fmt::Debug for Needles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Needles({})", self.echoes.len())
    }
}

impl Needles {
    /// Compiles byte strings. Those shorter than 4 bytes, and duplicates, are left out.
    pub fn new(needles: &[Vec<u8>]) -> Arc<Self> {
        let mut kept: Vec<&Vec<u8>> = needles.iter().filter(|needle| needle.len() >= SHORTEST).collect();
        kept.sort();
        kept.dedup();
        let shortest = kept.iter().map(|needle| needle.len()).min().unwrap_or(usize::MAX);
        Arc::new(Self { echoes: Echoes::new(&kept), shortest })
    }

    /// The shapes in which a target may echo a secret, escapes apart: as it is, in hexadecimal, and in base64
    /// of both alphabets at each of the three places it can have in a longer text, and that in base64 once
    /// more; in UTF-16 and UTF-32, and the little-endian UTF-16 in base64.
    pub fn shapes(secret: &[u8]) -> Vec<Vec<u8>> {
        let hex = hex::encode(secret).into_bytes();
        let mut shapes = vec![secret.to_vec(), hex.to_ascii_uppercase(), hex];
        if secret.contains(&b' ') {
            // As in forms.
            shapes.push(secret.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect());
        }
        for once in base64_shapes(secret) {
            shapes.extend(base64_shapes(&once));
            shapes.push(once);
        }
        let wide = wide::shapes(secret);
        shapes.extend(wide.first().map(|little| base64_shapes(little)).unwrap_or_default());
        shapes.extend(wide);
        shapes.retain(|shape| shape.len() >= SHORTEST);
        shapes.sort();
        shapes.dedup();
        shapes
    }

    /// Returns whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.echoes.len() == 0
    }

    /// Replaces needles in one complete text, such as the value of a header. `None` if there are none.
    pub fn replace(&self, text: &[u8]) -> Option<Vec<u8>> {
        // No escape is shorter than what it stands for.
        if text.len() < self.shortest {
            return None;
        }
        let mut stars = Vec::new();
        self.echoes.find(text, &mut stars);
        if stars.is_empty() {
            return None;
        }
        let mut out = text.to_vec();
        star(&mut out, &stars);
        Some(out)
    }
}

/// Returns the part of base64 that is determined by a secret in it, whatever surrounds it.
fn base64_shapes(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut shapes = Vec::new();
    for skipped in 0..3 {
        let mut shifted = vec![0; skipped];
        shifted.extend_from_slice(secret);
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            // The characters at the edges also contain bits of the neighbours.
            let first = [0, 2, 3].get(skipped).copied().unwrap_or(0);
            let last = if shifted.len() % 3 == 0 { encoded.len() } else { encoded.len() - 1 };
            shapes.extend(encoded.as_bytes().get(first..last).map(<[u8]>::to_vec));
        }
    }
    shapes.sort();
    shapes.dedup();
    shapes
}

fn star(text: &mut [u8], stars: &[(usize, usize)]) {
    for &(start, end) in stars {
        if let Some(secret) = text.get_mut(start..end) {
            secret.fill(b'*');
        }
    }
}

/// Replaces needles in one body. It holds back only what may be the beginning of one.
#[derive(Debug)]
pub struct Redactor {
    needles: Arc<Needles>,
    held: Vec<u8>,
    /// Number of held bytes that belong to a needle that began before them.
    starred: usize,
    stars: Vec<(usize, usize)>,
    hits: u64,
}

impl Redactor {
    /// Creates a redactor for one body.
    pub fn new(needles: Arc<Needles>) -> Self {
        Self { needles, held: Vec::new(), starred: 0, stars: Vec::new(), hits: 0 }
    }

    /// Returns number of replaced needles.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// Returns whether a piece can be sent unchanged: nothing is held, no needle is in it, and none may begin
    /// in it. If so it counts as taken, otherwise it must be passed to [`Redactor::push`].
    pub fn passes(&mut self, input: &[u8]) -> bool {
        self.held.is_empty() && self.search(input) == input.len() && self.stars.is_empty()
    }

    /// Takes the next piece. Returns `true` if it can be sent unchanged, otherwise appends to `out` what is
    /// safe to send.
    pub fn passes_or_push(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        if !self.held.is_empty() {
            self.push(input, out);
            return false;
        }
        let hold = self.search(input);
        let passes = hold == input.len() && self.stars.is_empty();
        if !passes {
            self.keep(input.to_vec(), hold, out);
        }
        passes
    }

    /// Takes the next piece, and appends to `out` what is safe to send.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        if self.needles.is_empty() {
            out.extend_from_slice(input);
            return;
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(input);
        let hold = self.search(&text);
        self.keep(text, hold, out);
    }

    /// Finds the needles, and returns the position from which on the text must be held.
    fn search(&mut self, text: &[u8]) -> usize {
        self.stars.clear();
        self.needles.echoes.find(text, &mut self.stars)
    }

    /// Sends the text before `hold`, and holds the rest.
    fn keep(&mut self, mut text: Vec<u8>, hold: usize, out: &mut Vec<u8>) {
        self.send(&text, hold, out);
        text.drain(..hold);
        self.held = text;
    }

    /// Ends the body, and appends the held bytes.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.held);
        self.search(&text);
        self.send(&text, text.len(), out);
    }

    /// Sends the text before `hold`, with the needles in it replaced.
    fn send(&mut self, text: &[u8], hold: usize, out: &mut Vec<u8>) {
        self.stars.retain(|(start, _)| *start < hold);
        self.stars.sort_unstable();
        self.stars.dedup();
        self.hits += self.stars.len() as u64;
        self.stars.push((0, self.starred));
        let end = self.stars.iter().map(|(_, end)| *end).max().unwrap_or(0);
        let sent = out.len();
        out.extend_from_slice(text.get(..hold).unwrap_or_default());
        for (start, end) in &mut self.stars {
            (*start, *end) = ((*start).min(hold) + sent, (*end).min(hold) + sent);
        }
        star(out, &self.stars);
        self.starred = end.saturating_sub(hold);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secret: &str, text: &str) -> Option<String> {
        let needles = Needles::new(&Needles::shapes(secret.as_bytes()));
        let whole = needles.replace(text.as_bytes());
        // However it is split, the same is found.
        for cut in 0..=text.len() {
            let (mut redactor, mut out) = (Redactor::new(Arc::clone(&needles)), Vec::new());
            let (one, other) = text.as_bytes().split_at(cut);
            for piece in [one, other] {
                if redactor.passes_or_push(piece, &mut out) {
                    out.extend_from_slice(piece);
                }
            }
            redactor.finish(&mut out);
            assert_eq!(&out, whole.as_deref().unwrap_or(text.as_bytes()), "{text} cut at {cut}");
        }
        whole.map(|whole| String::from_utf8(whole).unwrap())
    }

    /// MIME, quoted-printable and double encoding.
    const WRAPPED: usize = 76;

    #[test]
    fn a_secret_is_found_in_every_escaping() {
        const SLASHED: &str = "s3cret/+tok<en";
        let all = |write: &dyn Fn(u8) -> String| SLASHED.bytes().map(write).collect::<String>();
        for (secret, echo) in [
            // PHP's urlencode, Java's URLEncoder; Python's quote and quote_plus, Go's PathEscape,
            // JavaScript's encodeURI.
            ("Xk8Q~abcDEF.123_x-y", "Xk8Q%7EabcDEF.123_x-y"),
            ("two words+more", "two+words%2Bmore"),
            ("two words+more", "two+words+more"),
            (SLASHED, "s3cret/%2Btok%3Cen"),
            (SLASHED, "s3cret%2F%2Btok%3Cen"),
            (SLASHED, "s3cret%2f+tok%3cen"),
            (SLASHED, "s3cret%252F%252Btok%253Cen"),
            (SLASHED, "s3cret%u002F%u002btok%u003cen"),
            // JSON of .NET and Go, with escaped slashes, within JSON; scripts.
            (SLASHED, "s3cret/\\u002Btok\\u003Cen"),
            ("s3cret+and&more9", "s3cret+and\\u0026more9"),
            (SLASHED, "s3cret\\/+tok<en"),
            (SLASHED, "s3cret\\\\/+tok\\\\u003cen"),
            (SLASHED, "s3cret\\x2f\\x2btok\\x3cen"),
            ("pass\"word\\x", "pass\\\"word\\\\x"),
            ("line\nother\ttab", "line\\nother\\ttab"),
            // HTML of many makers.
            ("pa&ss<word>x1", "pa&amp;ss&lt;word&gt;x1"),
            ("pa&ss<word>x1", "pa&amp;amp;ss&amp;lt;word&amp;gt;x1"),
            (SLASHED, "s3cret/&#43;tok&lt;en"),
            (SLASHED, "s3cret/&#x2b;tok&#x3C;en"),
            (SLASHED, "s3cret&sol;&plus;tok&lt;en"),
            (SLASHED, "s3cret/+tok=3Cen"),
            (SLASHED, "s3cret/=2Bto=\r\nk=3Cen"),
            (SLASHED, &all(&|byte| format!("%{byte:02X}"))),
            (SLASHED, &all(&|byte| format!("\\u{byte:04x}"))),
            (SLASHED, &all(&|byte| format!("&#{byte};"))),
            (SLASHED, &all(&|byte| format!("&amp;#x{byte:x};"))),
        ] {
            let text = format!("a {echo} b");
            assert_eq!(masked(secret, &text), Some(format!("a {} b", "*".repeat(echo.len()))), "{echo}");
        }
        for other in
            ["s3cret/%2Ctok%3Cen", "s3cret/&plus;tok&gt;en", "%zz &x; \\q = == s3cret/", "s3cret/\n+tok<en"]
        {
            assert_eq!(masked(SLASHED, other), None, "{other}");
        }
    }

    #[test]
    fn a_secret_is_found_where_an_escape_is_escaped_in_part_or_is_of_a_rare_kind() {
        const PLUS: &str = "s3cret/+tok<en";
        const WIDE: &str = "pä\u{df}€\u{1f600}x";
        for (secret, echo) in [
            (PLUS, "s=\r\n3cret/+tok<en"),
            (PLUS, r"s3cret/&%2343;tok<en"),
            (PLUS, r"s3cret/&%2343%3Btok&lt%3Ben"),
            (PLUS, r"s3cret/&%252343%253Btok<en"),
            (PLUS, r"&%23115;3cret/+tok<en"),
            ("pa&ssword", r"pa&a%6Dp;ssword"),
            ("pa&5word", r"pa&amp5word"),
            (PLUS, r"s3cret/\U0000002Btok<en"),
            (PLUS, r"s3cret/\2b tok\3C en"),
            (PLUS, r"s3cret/\00002btok<en"),
            (PLUS, r"s3cret/\\2b tok<en"),
            (PLUS, r"s3cret/%5C2b%20tok<en"),
            (PLUS, r"s3cret/\53tok\74en"),
            ("s3cret/+1tok", r"s3cret/\531tok"),
            (PLUS, r"s3cret/&#0000000043;tok&#x000000003C;en"),
            (WIDE, r"p\u00e4\u00DF\u20ac\ud83d\ude00x"),
            (WIDE, r"p\\u00e4\\u00DF\\u20ac\\ud83d\\ude00x"),
            (WIDE, r"p\u{e4}\u{df}\u{20AC}\u{1f600}x"),
            (WIDE, r"p\xe4\xdf\u20ac\U0001f600x"),
            (WIDE, r"p\e4 \df \20ac \1f600 x"),
            (WIDE, r"p%u00E4%u00df%u20AC%uD83D%uDE00x"),
            (WIDE, r"p%C3%A4%C3%9F%E2%82%AC%F0%9F%98%80x"),
            (WIDE, r"p\303\244\303\237\342\202\254\360\237\230\200x"),
            (WIDE, r"p&auml;&szlig;&euro;&#128512;x"),
            (WIDE, r"p&#228;&#xDF;&#8364;&#x1F600;x"),
            (WIDE, r"p&amp;auml;&amp;szlig;&amp;euro;&amp;#128512;x"),
            ("ä€words", r"\u00e4\u20acwords"),
        ] {
            let text = format!("a {echo}, b");
            assert_eq!(masked(secret, &text), Some(format!("a {}, b", "*".repeat(echo.len()))), "{echo}");
        }
        assert_eq!(masked(WIDE, r"p\u00e4\u00DF\u20ac\ud83d\ude01x"), None);
        let latin = Needles::new(&[b"p\xe4ss".to_vec()]);
        assert_eq!(latin.replace(br"p\u00e4ss").as_deref(), Some(&b"*********"[..]));
    }

    #[test]
    fn a_secret_is_found_in_wide_text() {
        const SECRET: &str = "s3cret/+tok=\u{e4}42";
        let needles = Needles::new(&Needles::shapes(SECRET.as_bytes()));
        let around = format!("Authorization: Bearer {SECRET}, more");
        let mut texts = wide::shapes(around.as_bytes()).to_vec();
        texts.push(STANDARD_NO_PAD.encode(&texts[0]).into_bytes());
        let mut secrets = wide::shapes(SECRET.as_bytes()).to_vec();
        secrets.push(base64_shapes(&secrets[0])[0].clone());
        for (text, secret) in texts.iter().zip(secrets) {
            let masked = needles.replace(text).expect("it is found");
            let stars = memchr::memchr_iter(b'*', &masked).count();
            assert!(stars + 4 >= secret.len(), "{stars} of {}", secret.len());
        }
    }

    #[test]
    fn with_nothing_to_look_for_nothing_is_held() {
        let (mut redactor, mut out) = (Redactor::new(Needles::new(&[])), Vec::new());
        assert!(redactor.passes(b"a %4") && redactor.passes_or_push(b"a %4", &mut out) && out.is_empty());
    }

    #[test]
    fn a_long_secret_costs_no_more_than_a_short_one() {
        use std::time::Duration;
        use std::time::Instant;
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";
        let secret: String =
            (0..2000).map(|at: usize| char::from(letters[at * at * 31 % 4099 % letters.len()])).collect();
        let time = |secret: &str, text: &str| {
            let needles = Needles::new(&Needles::shapes(secret.as_bytes()));
            let run = || {
                let start = Instant::now();
                assert_eq!(needles.replace(text.as_bytes()), None);
                start.elapsed()
            };
            run().min(run())
        };
        for piece in ["12345\n", "%41", "YWJj\r\n"] {
            let text = piece.repeat((1 << 20) / piece.len());
            let (short, long) = (time(&secret[..40], &text), time(&secret, &text));
            assert!(long < 4 * short + Duration::from_millis(300), "{piece:?}: {short:?}, {long:?}");
        }
    }

    #[test]
    fn a_secret_is_found_in_base64_that_is_wrapped_escaped_or_twice_over() {
        const SECRET: &str = "s3cretAPIkey+/xyz42?>";
        for before in
            ["Authorization: Bearer ", "", "x", "a longer text before it, so that the line ends within"]
        {
            let around = format!("{before}{SECRET}, and what comes behind it, some more of it");
            let once = STANDARD_NO_PAD.encode(&around);
            let lines = |end: &str| {
                let lines: Vec<&str> =
                    once.as_bytes().chunks(WRAPPED).map(|line| std::str::from_utf8(line).unwrap()).collect();
                lines.join(end)
            };
            for text in [
                lines("\r\n"),
                lines("\n"),
                lines("\\n"),
                lines("\\r\\n"),
                lines("=\r\n"),
                once.replace('+', "\\u002b").replace('/', "\\/"),
                once.replace('+', "%2B").replace('/', "%2F"),
                STANDARD_NO_PAD.encode(&once),
                URL_SAFE_NO_PAD.encode(&once),
            ] {
                let masked = masked(SECRET, &text).unwrap_or_else(|| panic!("{text}"));
                assert!(
                    memchr::memchr_iter(b'*', masked.as_bytes()).count() >= SECRET.len() * 4 / 3 - 2,
                    "{masked}"
                );
            }
        }
    }
}
