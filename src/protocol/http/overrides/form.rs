//! The field names of a form, read as it passes.

use crate::domain::hex;
use crate::protocol::http::overrides::ASKS;
use crate::protocol::http::overrides::Name;
use crate::protocol::http::overrides::Seen;

/// Reads the field names of a form, whatever else the body may be.
#[derive(Debug, Default)]
pub(super) struct FormNames {
    name: Name,
    in_value: bool,
    code: Code,
}

/// How much of a percent sign and its two hex digits has been read.
#[derive(Debug, Clone, Copy, Default)]
enum Code {
    #[default]
    None,
    Percent,
    Digit(u8),
}

impl FormNames {
    pub(super) fn sees(&mut self, mut data: &[u8]) -> Seen {
        while let Some((&byte, after)) = data.split_first() {
            data = after;
            match byte {
                // Older versions of Rack separate fields at `;` as well.
                b'&' | b';' => {
                    self.ends()?;
                    *self = Self::default();
                }
                _ if self.in_value => {
                    let next = memchr::memchr2(b'&', b';', data).unwrap_or(data.len());
                    data = data.get(next..).unwrap_or_default();
                }
                b'=' => {
                    self.ends()?;
                    self.in_value = true;
                }
                _ => self.name(byte),
            }
        }
        Ok(())
    }

    /// Decides on a name, which is complete only at its end.
    pub(super) fn ends(&self) -> Seen {
        if self.name.is_method() { Err(ASKS) } else { Ok(()) }
    }

    fn name(&mut self, byte: u8) {
        let digit = hex::digit(byte);
        self.code = match (self.code, digit) {
            (Code::None, _) if byte == b'%' => Code::Percent,
            (Code::None, _) => {
                self.name.push(if byte == b'+' { b' ' } else { byte });
                Code::None
            }
            (Code::Percent, Some(digit)) => Code::Digit(digit),
            (Code::Digit(first), Some(digit)) => {
                self.name.push(first << 4 | digit);
                Code::None
            }
            // The percent sign is literal, so this is not a method field, whatever follows.
            (_, None) => {
                self.name.push(b'%');
                Code::None
            }
        };
    }
}
