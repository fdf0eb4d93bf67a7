//! Text whose bytes are not those of ASCII: who reads it by its encoding sees what a search for bytes does
//! not find.

/// What the names of encodings begin with in which the bytes of ASCII stand for themselves, wherever they
/// stand for a character.
const EXTEND_ASCII: [&str; 51] = [
    "ansi_x3.4",
    "ascii",
    "big5",
    "binary",
    "cp125",
    "cp437",
    "cp819",
    "cp85",
    "cp866",
    "cp874",
    "cp932",
    "cp936",
    "cp949",
    "cp950",
    "csisolatin",
    "euc-",
    "gb",
    "ibm437",
    "ibm819",
    "ibm85",
    "ibm866",
    "iso-8859-",
    "iso-ir-100",
    "iso8859",
    "iso_8859-",
    "koi8",
    "ks_c_5601",
    "l1",
    "latin",
    "macintosh",
    "shift",
    "sjis",
    "tis-620",
    "unicode-1-1-utf-8",
    "unknown-8bit",
    "us-ascii",
    "utf-8",
    "utf8",
    "windows-125",
    "windows-31j",
    "windows-874",
    "windows-932",
    "windows-936",
    "windows-949",
    "windows-950",
    "x-cp125",
    "x-euc",
    "x-gbk",
    "x-mac-",
    "x-sjis",
    "x-user-defined",
];

/// Whether the bytes of ASCII stand for themselves in the encoding of this name. In UTF-16, UTF-32, UTF-7,
/// EBCDIC and what is not known here they need not.
pub fn extends_ascii(charset: &str) -> bool {
    let name = charset.trim().to_ascii_lowercase();
    name.is_empty() || EXTEND_ASCII.iter().any(|known| name.starts_with(known))
}

/// The byte order marks of UTF-16 (those of little-endian UTF-32 begin with one), big-endian UTF-32 and
/// UTF-7.
const MARKS: [&[u8]; 4] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"+/v"];

/// The beginning of one body, in pieces of any size.
#[derive(Debug, Default)]
pub struct Opening {
    bytes: Vec<u8>,
}

impl Opening {
    /// Takes the next piece: whether the body begins with the mark of an encoding that does not extend ASCII.
    pub fn push(&mut self, input: &[u8]) -> bool {
        let more = 4_usize.saturating_sub(self.bytes.len()).min(input.len());
        self.bytes.extend_from_slice(input.get(..more).unwrap_or_default());
        MARKS.iter().any(|mark| self.bytes.starts_with(mark))
    }

    /// Whether more of the body changes nothing.
    pub fn is_over(&self) -> bool {
        self.bytes.len() >= 4
    }
}

/// A secret in UTF-16 and UTF-32 of both byte orders.
pub(super) fn shapes(secret: &[u8]) -> [Vec<u8>; 4] {
    let text: String = match std::str::from_utf8(secret) {
        Ok(text) => text.to_owned(),
        Err(_latin) => secret.iter().map(|byte| char::from(*byte)).collect(),
    };
    [
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        text.chars().flat_map(|sign| u32::from(sign).to_le_bytes()).collect(),
        text.chars().flat_map(|sign| u32::from(sign).to_be_bytes()).collect(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_that_is_not_known_to_extend_ascii_does_not() {
        for name in [
            "",
            "UTF-8",
            " utf8 ",
            "iso-8859-15",
            "windows-1251",
            "GBK",
            "Shift_JIS",
            "binary",
            "x-user-defined",
        ] {
            assert!(extends_ascii(name), "{name}");
        }
        for name in [
            "utf-16",
            "UTF-16LE",
            "utf-32",
            "ucs-2",
            "utf-7",
            "x-utf-16le",
            "windows-1200",
            "koi7",
            "cp037",
            "ibm1047",
            "hz-gb-2312",
            "iso-2022-kr",
        ] {
            assert!(!extends_ascii(name), "{name}");
        }
    }

    #[test]
    fn a_mark_is_seen_however_it_is_cut() {
        for (body, wide) in [
            (&b"\xff\xfea\0"[..], true),
            (b"\xfe\xff\0a", true),
            (b"\0\0\xfe\xff\0\0\0a", true),
            (b"+/v8-", true),
            (b"\xef\xbb\xbf{}", false),
            (b"{\"a\":1}", false),
            (b"\xff", false),
            (b"abcd\xff\xfe", false),
        ] {
            let mut whole = Opening::default();
            assert_eq!(whole.push(body), wide, "{body:?}");
            let mut pieces = Opening::default();
            assert_eq!(body.iter().any(|byte| pieces.push(&[*byte])), wide, "{body:?}");
        }
    }
}
