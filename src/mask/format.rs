//! Body formats, by media type.

/// How a body is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma (or semicolon, tab) separated values, RFC 4180; the first row has the column names.
    Csv,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// One JSON text, RFC 8259.
    Json,
    /// [`Format::Csv`] in Windows-1252, as which browsers also read ISO-8859-1 and ASCII.
    LatinCsv,
    /// [`Format::Text`] in Windows-1252.
    LatinText,
    /// JSON texts one after another: NDJSON, JSON lines.
    NdJson,
    /// A stream of server-sent events.
    Sse,
    /// Text of any other kind, including XML and HTML.
    Text,
}

/// Names of Windows-1252 (WHATWG Encoding, section 4.2).
const LATIN: [&str; 17] = [
    "ansi_x3.4-1968",
    "ascii",
    "cp1252",
    "cp819",
    "csisolatin1",
    "ibm819",
    "iso-8859-1",
    "iso-ir-100",
    "iso8859-1",
    "iso88591",
    "iso_8859-1",
    "iso_8859-1:1987",
    "l1",
    "latin1",
    "us-ascii",
    "windows-1252",
    "x-cp1252",
];

/// Text types whose names do not begin with `text/`.
const TEXTS: [&str; 13] = [
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/openmetrics-text",
    "application/pem-certificate-chain",
    "application/sql",
    "application/toml",
    "application/x-javascript",
    "application/x-pem-file",
    "application/x-sh",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
];

impl Format {
    /// Returns the format for a `Content-Type` value with parameters. `None`: unsupported; a reply of that
    /// type is withheld on a connection with masks. The character set must be UTF-8 or, for text and tables,
    /// Windows-1252; absent counts as UTF-8.
    pub fn of(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';');
        let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
        let format = Self::of_essence(&essence)?;
        let mut charset = None;
        for parameter in parts {
            let Some((name, value)) = parameter.split_once('=') else { continue };
            if name.trim().eq_ignore_ascii_case("charset") {
                // Repeated: a client may use the other one.
                if charset.replace(value.trim().trim_matches('"').to_ascii_lowercase()).is_some() {
                    return None;
                }
            }
        }
        match (charset.as_deref(), format) {
            (None | Some("utf-8" | "utf8"), _) | (Some("us-ascii" | "ascii"), Self::Form) => Some(format),
            (Some(name), Self::Csv) if LATIN.contains(&name) => Some(Self::LatinCsv),
            (Some(name), Self::Text) if LATIN.contains(&name) => Some(Self::LatinText),
            (Some(_), _) => None,
        }
    }

    fn of_essence(essence: &str) -> Option<Self> {
        let (kind, subtype) = essence.split_once('/')?;
        Some(match essence {
            "application/json" | "text/json" | "text/x-json" | "application/x-json" => Self::Json,
            "application/ndjson"
            | "application/x-ndjson"
            | "application/jsonl"
            | "application/x-jsonl"
            | "application/jsonlines"
            | "application/x-jsonlines"
            | "application/stream+json"
            | "application/x-json-stream"
            | "text/jsonl"
            | "text/x-ndjson" => Self::NdJson,
            "text/event-stream" => Self::Sse,
            "text/csv" | "application/csv" | "text/x-csv" | "text/tab-separated-values" => Self::Csv,
            "application/x-www-form-urlencoded" => Self::Form,
            _ if subtype.ends_with("+json") => Self::Json,
            _ if subtype.ends_with("+xml") || subtype.ends_with("+yaml") || kind == "text" => Self::Text,
            _ if TEXTS.contains(&essence) => Self::Text,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_read_has_a_format() {
        for (text, wanted) in [
            ("application/json", Some(Format::Json)),
            ("Application/JSON ; Charset=\"UTF-8\"", Some(Format::Json)),
            ("application/json; charset=utf-16", None),
            ("application/json; charset=us-ascii", None),
            ("application/json; charset=utf-8; charset=utf-16", None),
            ("application/vnd.api+json", Some(Format::Json)),
            ("application/x-ndjson", Some(Format::NdJson)),
            ("text/event-stream", Some(Format::Sse)),
            ("text/csv; header=present", Some(Format::Csv)),
            ("application/x-www-form-urlencoded", Some(Format::Form)),
            ("text/html; charset=us-ascii", Some(Format::LatinText)),
            ("text/html; charset=ISO-8859-1", Some(Format::LatinText)),
            ("application/xml; charset=\"windows-1252\"", Some(Format::LatinText)),
            ("text/csv; charset=latin1", Some(Format::LatinCsv)),
            ("text/html; charset=iso-8859-15", None),
            ("application/json; charset=iso-8859-1", None),
            ("text/event-stream; charset=iso-8859-1", None),
            ("application/x-www-form-urlencoded; charset=iso-8859-1", None),
            ("image/svg+xml", Some(Format::Text)),
            ("text/plain", Some(Format::Text)),
            ("multipart/form-data; boundary=x", None),
            ("application/octet-stream", None),
            ("application/pdf", None),
            ("image/png", None),
            ("json", None),
            ("", None),
        ] {
            assert_eq!(Format::of(text), wanted, "{text}");
        }
    }
}
