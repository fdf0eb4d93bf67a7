//! The string formats that clients validate.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::sync::LazyLock;

use regex::Regex;

/// A format: its name, its pattern, and a sample without information. Other formats are not validated by
/// clients.
const FORMATS: [(&str, &str, &str); 15] = [
    ("date", r"^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])$", "1970-01-01"),
    (
        "date-time",
        r"^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$",
        "1970-01-01T00:00:00Z",
    ),
    ("time", r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$", "00:00:00Z"),
    ("duration", r"^P(\d+[YMWD])*(T(\d+[HMS])+)?$", "PT0S"),
    ("email", EMAIL, "redacted@redacted.invalid"),
    ("idn-email", EMAIL, "redacted@redacted.invalid"),
    ("hostname", HOST, "redacted.invalid"),
    ("idn-hostname", HOST, "redacted.invalid"),
    ("uri", URI, "about:blank"),
    ("iri", URI, "about:blank"),
    ("uri-reference", r"^([A-Za-z0-9._~/-]+)$", "redacted"),
    ("iri-reference", r"^([A-Za-z0-9._~/-]+)$", "redacted"),
    ("uuid", r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$", "00000000-0000-0000-0000-000000000000"),
    ("json-pointer", r"^(/[A-Za-z0-9._-]*)*$", ""),
    ("regex", r"^[A-Za-z0-9 ]*$", "redacted"),
];

const EMAIL: &str = r"^[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$";
const HOST: &str = r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$";
const URI: &str = r"^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~/?#@!$&'()+,;=-]+$";

static FORMS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let compile = |(name, form, _): &(&'static str, &str, &str)| Some((*name, Regex::new(form).ok()?));
    FORMATS.iter().filter_map(compile).collect()
});

/// Returns whether a text has a format. `None`: the format is unknown, and clients do not validate it.
pub(super) fn has(format: &str, text: &str) -> Option<bool> {
    match format {
        "ipv4" => Some(text.parse::<Ipv4Addr>().is_ok()),
        "ipv6" => Some(text.parse::<Ipv6Addr>().is_ok()),
        _ => FORMS.iter().find(|(name, _)| *name == format).map(|(_, form)| form.is_match(text)),
    }
}

/// Returns a sample of a format, without information.
pub(super) fn sample(format: &str) -> Option<&'static str> {
    match format {
        "ipv4" => Some("0.0.0.0"),
        "ipv6" => Some("::"),
        _ => FORMATS.iter().find(|(name, ..)| *name == format).map(|(_, _, sample)| *sample),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_has_its_format_and_a_mask_has_none_that_is_checked() {
        assert_eq!(FORMS.len(), FORMATS.len());
        for name in FORMATS.iter().map(|(name, ..)| *name).chain(["ipv4", "ipv6"]) {
            assert_eq!(has(name, sample(name).unwrap()), Some(true), "{name}");
            assert_eq!(has(name, "[REDACTED]"), Some(false), "{name}");
            assert_eq!(has(name, "****@*******.com"), Some(false), "{name}");
        }
        assert_eq!(has("credit-card", "x"), None);
    }
}
