//! `application/x-www-form-urlencoded` (WHATWG URL, section 5): `name=value` joined by `&`, percent escapes,
//! `+` for a blank.

use crate::mask::detect::By;
use crate::mask::masker::LONGEST_VALUE;
use crate::mask::masker::Unmaskable;
use crate::mask::notes::Notes;
use crate::mask::plan::Plan;
use crate::mask::value::Finder;
use crate::mask::value::Found;
use crate::mask::view::View;

/// Masks one form.
#[derive(Debug, Default)]
pub(super) struct FormMasker {
    held: Vec<u8>,
    searched: usize,
    finder: Finder,
    name: View,
    value: View,
    text: Vec<u8>,
}

impl FormMasker {
    pub(super) fn push(
        &mut self,
        plan: &Plan,
        input: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if input.iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\r' | b'\n')) {
            return Err(Unmaskable::malformed("a control character in a form"));
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(input);
        let mut done = 0;
        while let Some(found) = memchr::memchr(b'&', held.get(done + self.searched..).unwrap_or_default()) {
            let end = done + self.searched + found;
            self.searched = 0;
            self.pair(plan, held.get(done..end).unwrap_or_default(), notes, out)?;
            out.push(b'&');
            done = end + 1;
        }
        held.drain(..done);
        self.searched = held.len();
        self.held = held;
        if self.held.len() > LONGEST_VALUE {
            return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
        }
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        plan: &Plan,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        let held = std::mem::take(&mut self.held);
        self.pair(plan, &held, notes, out)
    }

    fn pair(
        &mut self,
        plan: &Plan,
        pair: &[u8],
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        if pair.len() > LONGEST_VALUE {
            return Err(Unmaskable::TooLong { limit: LONGEST_VALUE });
        }
        // Some readers also split at `;`: everything after a masked name behind one is masked.
        let mut from = 0;
        for part in pair.split(|byte| *byte == b';') {
            if let Some(equals) = memchr::memchr(b'=', part) {
                self.name.of_percent(part.get(..equals).unwrap_or_default());
                if let Some(rule) = plan.fields.find(self.name.text()) {
                    let value = from + equals + 1;
                    self.detect(plan, pair.get(..from).unwrap_or_default(), "", notes, out)?;
                    // A name of several parts may hold a value that is masked for its form.
                    let written = out.len();
                    self.detect(plan, part.get(..equals).unwrap_or_default(), "", notes, out)?;
                    self.name.of_percent(out.get(written..).unwrap_or_default());
                    let at = String::from_utf8_lossy(self.name.text()).into_owned();
                    out.push(b'=');
                    self.value.of_percent(pair.get(value..).unwrap_or_default());
                    self.text.clear();
                    plan.write(plan.count(By::Field(rule), &at, notes), self.value.text(), &mut self.text);
                    write_encoded(&self.text, out);
                    return Ok(());
                }
            }
            from += part.len() + 1;
        }
        match memchr::memchr(b'=', pair) {
            Some(equals) => {
                let (name, value) = pair.split_at(equals);
                self.detect(plan, name, "", notes, out)?;
                out.push(b'=');
                self.name.of_percent(name);
                let field = String::from_utf8_lossy(self.name.text()).into_owned();
                self.detect(plan, value.get(1..).unwrap_or_default(), &field, notes, out)
            }
            None => self.detect(plan, pair, "", notes, out),
        }
    }

    /// Writes a name or value, with findings of detectors replaced.
    fn detect(
        &mut self,
        plan: &Plan,
        raw: &[u8],
        field: &str,
        notes: &mut Notes,
        out: &mut Vec<u8>,
    ) -> Result<(), Unmaskable> {
        self.value.of_percent(raw);
        let place = if field.is_empty() { "form" } else { field };
        let mut done = 0;
        match self.finder.look(plan, self.value.text(), field, 0, notes)? {
            Found::Nothing => {}
            Found::Rewritten(text, _) => {
                write_encoded(&text, out);
                return Ok(());
            }
            Found::Whole(by) => {
                self.text.clear();
                plan.write(plan.count(by, place, notes), self.value.text(), &mut self.text);
                write_encoded(&self.text, out);
                return Ok(());
            }
            Found::Hits => {
                for hit in self.finder.hits() {
                    let (start, end) = self.value.raw_range(hit.start, hit.end);
                    out.extend_from_slice(raw.get(done..start).unwrap_or_default());
                    self.text.clear();
                    let value = self.value.text().get(hit.start..hit.end).unwrap_or_default();
                    plan.write(plan.count(hit.by, place, notes), value, &mut self.text);
                    write_encoded(&self.text, out);
                    done = end;
                }
            }
        }
        out.extend_from_slice(raw.get(done..).unwrap_or_default());
        Ok(())
    }
}

fn write_encoded(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
}
