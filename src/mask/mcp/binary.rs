//! Base64 that encodes a document.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::GeneralPurpose;
use base64::engine::GeneralPurposeConfig;
use base64::engine::general_purpose::STANDARD;

use crate::mask::Format;
use crate::mask::Notes;
use crate::mask::Unmaskable;
use crate::mask::csv::CsvMasker;
use crate::mask::form::FormMasker;
use crate::mask::mcp::MOST_TEXTS;
use crate::mask::mcp::McpError;
use crate::mask::mcp::walk::Walk;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);

/// The result of masking base64.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Binary {
    /// It is text with nothing to mask, or unreadable data that may pass.
    Same,
    /// Its text was masked.
    New(String),
    /// It cannot be read, so its content is unknown.
    Withheld,
}

impl Walk<'_> {
    /// Decodes and masks base64. `counts`: findings are noted.
    pub(super) fn binary(
        &mut self,
        base64: &[u8],
        media_type: &str,
        counts: bool,
    ) -> Result<Binary, McpError> {
        let packed: Vec<u8> = base64.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let Ok(decoded) = BASE64.decode(&packed).or_else(|_| BASE64_URL.decode(&packed)) else {
            return Ok(Binary::Withheld);
        };
        let readable = std::str::from_utf8(&decoded).is_ok_and(is_text);
        if !readable {
            return Ok(if self.passes_binary { Binary::Same } else { Binary::Withheld });
        }
        if self.withholds(media_type) {
            return Ok(Binary::Withheld);
        }
        Ok(match self.formatted(&decoded, media_type, counts)? {
            None => Binary::Same,
            Some(new) => Binary::New(STANDARD.encode(new)),
        })
    }

    /// Returns whether documents of a type are withheld, as replies over HTTP are.
    pub(super) fn withholds(&self, media_type: &str) -> bool {
        !self.passes_binary && !media_type.trim().is_empty() && Format::of(media_type).is_none()
    }

    /// Masks a document by its media type. `None`: nothing is masked.
    pub(super) fn formatted(
        &mut self,
        text: &[u8],
        media_type: &str,
        counts: bool,
    ) -> Result<Option<Vec<u8>>, McpError> {
        if self.texts >= MOST_TEXTS {
            return Err(Unmaskable::TooDeep.into());
        }
        let (mut own, mut out) = (Notes::new(), Vec::new());
        match Format::of(media_type) {
            // The text is UTF-8 here, whatever it was before.
            Some(Format::Csv | Format::LatinCsv) => {
                let mut masker = CsvMasker::default();
                masker.push(self.plan, text, &mut own, &mut out)?;
                masker.finish(self.plan, &mut own, &mut out)?;
            }
            Some(Format::Form) => {
                let mut masker = FormMasker::default();
                masker.push(self.plan, text, &mut own, &mut out)?;
                masker.finish(self.plan, &mut own, &mut out)?;
            }
            _ => {
                let mut inner = Walk::new(self.plan, b"", &mut own);
                (inner.level, inner.texts) = (self.level, self.texts + 1);
                inner.passes_binary = self.passes_binary;
                "text".clone_into(&mut inner.field);
                let new = inner.text_of(text, false)?;
                if counts {
                    self.notes.merge(&own);
                }
                return Ok(new);
            }
        }
        if counts {
            self.notes.merge(&own);
        }
        Ok((!own.is_empty()).then_some(out))
    }
}

/// Returns whether a text has no control characters that texts never have.
fn is_text(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{feff}'))
}
