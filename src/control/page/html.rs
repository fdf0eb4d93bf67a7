//! The only way to write HTML here. Element and attribute names are constants of this program, and every
//! external text is made visible and escaped. There is no way to insert raw text.

use std::fmt::Write;

use crate::control::page::ANEW;
use crate::domain::id::ApprovalId;
use crate::domain::text::Shown;

/// A fragment of a page.
#[derive(Debug, Default)]
pub struct Html(String);

/// One attribute. Its value is a constant of this program, an address of the page, or escaped.
#[derive(Debug, Clone, Copy)]
pub enum Attribute<'a> {
    /// A constant name and value.
    Own(&'static str, &'static str),
    /// `value`, the content of a field.
    Value(&'a str),
    /// The address of an approval, as `href` or `action`.
    Approval(&'static str, ApprovalId),
    /// The same address, through a sign-in in which the issuer asks who it is.
    Anew(&'static str, ApprovalId),
}

impl Html {
    /// Writes an element with its content.
    pub fn element(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        inside: impl FnOnce(&mut Self),
    ) {
        self.empty(name, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// Writes a void element, such as `input`.
    pub fn empty(&mut self, name: &'static str, attributes: &[Attribute<'_>]) {
        self.0.push('<');
        self.0.push_str(name);
        for attribute in attributes {
            self.0.push(' ');
            match attribute {
                Attribute::Own(name, "") => self.0.push_str(name),
                Attribute::Own(name, value) => self.value(name, value),
                Attribute::Value(value) => self.value("value", value),
                Attribute::Approval(name, id) => self.value(name, &format!("/approval/{id}")),
                Attribute::Anew(name, id) => self.value(name, &format!("/approval/{id}?{ANEW}")),
            }
        }
        self.0.push('>');
    }

    fn value(&mut self, name: &'static str, value: &str) {
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.text(value);
        self.0.push('"');
    }

    /// Writes an external text. Characters that could hide or reorder others are spelled out, including line
    /// ends.
    pub fn text(&mut self, text: &str) {
        let _infallible = write!(Escaping(&mut self.0), "{}", Shown(text));
    }

    /// Writes a row of a payload: like [`Self::text`], but tabs are kept.
    pub fn row(&mut self, line: &str) {
        for (place, part) in line.split('\t').enumerate() {
            if place > 0 {
                self.0.push('\t');
            }
            self.text(part);
        }
    }

    /// Writes the style sheet, verbatim, since the policy has its hash.
    pub fn style(&mut self, sheet: &'static str) {
        self.0.push_str("<style>");
        self.0.push_str(sheet);
        self.0.push_str("</style>");
    }

    /// Returns the complete document with this content.
    pub fn document(self) -> String {
        format!("<!DOCTYPE html>\n{}\n", self.0)
    }

    /// Writes a line break between elements, for readers of the source.
    pub fn line(&mut self) {
        self.0.push('\n');
    }
}

/// Escapes all characters that have a meaning in HTML.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    Escaping(&mut out).write_str(text).unwrap_or_default();
    out
}

/// A writer that escapes all characters with a meaning in HTML, in elements and in quoted attributes.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            self.write_char(c)?;
        }
        Ok(())
    }

    fn write_char(&mut self, c: char) -> std::fmt::Result {
        match c {
            '&' => self.0.push_str("&amp;"),
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '"' => self.0.push_str("&quot;"),
            '\'' => self.0.push_str("&#39;"),
            // Some old parsers treat it as a quote.
            '`' => self.0.push_str("&#96;"),
            c => self.0.push(c),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::text::is_deceptive;

    fn text(text: &str) -> String {
        let mut html = Html::default();
        html.row(text);
        html.0
    }

    /// Returns the text that a browser reads from escaped text.
    fn read(html: &str) -> String {
        let pairs =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#96;", "`"), ("&amp;", "&")];
        pairs.into_iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    #[test]
    fn a_text_stays_a_text() {
        for (given, written) in [
            ("</li><form action=/x>", "&lt;/li&gt;&lt;form action=/x&gt;"),
            ("\"><script>alert(1)</script>", "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("&lt;b&gt; &#60; '`", "&amp;lt;b&amp;gt; &amp;#60; &#39;&#96;"),
            ("a\u{202e}b\u{200b}c\u{e0041}", "a\\u{202e}b\\u{200b}c\\u{e0041}"),
            ("a\r\n\u{0}\u{1b}[2J\tb", "a\\u{d}\\u{a}\\u{0}\\u{1b}[2J\tb"),
            ("<!-- --> <![CDATA[ ]]>", "&lt;!-- --&gt; &lt;![CDATA[ ]]&gt;"),
        ] {
            assert_eq!(text(given), written);
        }
        let mut html = Html::default();
        html.empty("input", &[Attribute::Own("hidden", ""), Attribute::Value("\" onfocus=\"x")]);
        assert_eq!(html.0, "<input hidden value=\"&quot; onfocus=&quot;x\">");
    }

    proptest! {
        #[test]
        fn whatever_it_is_it_is_read_as_it_is_shown(given in any::<String>()) {
            let written = text(&given);
            prop_assert!(!written.contains(['<', '>', '"', '\'', '`']));
            prop_assert!(!written.chars().any(|c| c != '\t' && is_deceptive(c)));
            let shown: Vec<String> = given.split('\t').map(|part| Shown(part).to_string()).collect();
            prop_assert_eq!(read(&written), shown.join("\t"));
        }
    }
}
