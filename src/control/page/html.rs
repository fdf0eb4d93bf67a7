//! The one way to write HTML here: elements and attributes are words of this program, and every text of outside is made visible and
//! escaped on its way in. There is no way to put a text into a page as it is.

use std::fmt::Write;

use crate::control::page::ANEW;
use crate::domain::id::ApprovalId;
use crate::domain::text::Shown;

/// A piece of a page.
#[derive(Debug, Default)]
pub struct Html(String);

/// One attribute. Its value is a word of this program, an address of the page, or escaped.
#[derive(Debug, Clone, Copy)]
pub enum Attribute<'a> {
    /// A name and a value that this program knows.
    Own(&'static str, &'static str),
    /// `value`: what a field holds.
    Value(&'a str),
    /// An address on the page, as `href` or `action`: that of an approval.
    Approval(&'static str, ApprovalId),
    /// The same, by way of a sign-in in which the issuer asks who it is.
    Anew(&'static str, ApprovalId),
}

impl Html {
    /// An element with what is in it.
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

    /// An element that holds nothing and has no end, such as `input`.
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

    /// A text, whoever wrote it. Characters that could hide or reorder others are spelled out, line ends too.
    pub fn text(&mut self, text: &str) {
        let _infallible = write!(Escaping(&mut self.0), "{}", Shown(text));
    }

    /// A row of a payload: as [`Self::text`], and tabs stay what they are.
    pub fn row(&mut self, line: &str) {
        for (place, part) in line.split('\t').enumerate() {
            if place > 0 {
                self.0.push('\t');
            }
            self.text(part);
        }
    }

    /// An element whose content is no text: the style sheet, byte for byte what its hash is of.
    pub fn style(&mut self, sheet: &'static str) {
        self.0.push_str("<style>");
        self.0.push_str(sheet);
        self.0.push_str("</style>");
    }

    /// A whole document around this.
    pub fn document(self) -> String {
        format!("<!DOCTYPE html>\n{}\n", self.0)
    }

    /// A line break between elements, for those who read the source.
    pub fn line(&mut self) {
        self.0.push('\n');
    }
}

/// A text with all characters escaped that mean something in HTML.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    Escaping(&mut out).write_str(text).unwrap_or_default();
    out
}

/// Writes with all characters escaped that mean something in HTML, in elements and in quoted attributes.
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
            // Some old parsers take it for a quote.
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

    /// What a browser makes of an escaped text.
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
