//! YAML values that continue in the lines below their key, as long as these are indented more.

/// Returns a value that begins in the line after its key: its start and end, and whether more text may extend
/// it.
pub(super) fn block(text: &[u8], key: usize, (at, line_end): (usize, usize)) -> Option<(usize, usize, bool)> {
    if text.get(at) != Some(&b':') {
        return None;
    }
    let line_end = line_end + memchr::memchr(b'\n', text.get(line_end..)?)?;
    let rest = text.get(at + 1..line_end)?;
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let marks = |marks: &[u8]| marks.iter().all(|byte| matches!(byte, b'+' | b'-' | b'0'..=b'9'));
    // An anchor or a tag may precede the value.
    let (plain, header) = match words.find(|word| !word.starts_with(b"&") && !word.starts_with(b"!")) {
        None | Some([b'#', ..]) => (true, true),
        Some([b'|' | b'>', marked @ ..]) => {
            (false, marks(marked) && words.next().is_none_or(|word| word.starts_with(b"#")))
        }
        Some(_) => (false, false),
    };
    if !header {
        return None;
    }
    // After a key on a line of its own (`? key`) the separator begins a line.
    let first = text.get(..at)?.iter().rposition(|byte| !byte.is_ascii_whitespace());
    let is_below = first.is_some_and(|last| text.get(last..at).is_some_and(|gap| gap.contains(&b'\n')));
    let column = column(text, if is_below { at } else { key })?;
    let (mut start, mut end, mut at) = (None, line_end, line_end + 1);
    while let Some(line) = text.get(at..).filter(|line| !line.is_empty()) {
        let size = memchr::memchr(b'\n', line);
        let bare = line.get(..size.unwrap_or(line.len()))?;
        let indent = indent(bare);
        let content = bare.trim_ascii();
        let item = plain
            && indent == column
            && (content == b"-" || content.starts_with(b"- ") || content.starts_with(b"-\t"));
        let blank = content.is_empty() || (content.starts_with(b"#") && indent <= column);
        if !blank && indent <= column && !item {
            return start.map(|start| (start, end, false));
        }
        if !blank {
            start.get_or_insert(at + indent);
            end = at + bare.trim_ascii_end().len();
        }
        let Some(size) = size else { break };
        at += size + 1;
    }
    // As long as nothing of it has arrived, the end of the line is held back.
    Some(start.map_or((line_end, line_end + 1, true), |start| (start, end, true)))
}

/// Returns the end of a value that follows its key up to `end`, in a line up to `line_end`, and continues in
/// the lines below if these are indented more and contain no keys; and whether more text may extend it.
pub(super) fn continued(text: &[u8], key: usize, line_end: usize, end: usize) -> (usize, bool) {
    let rest = text.get(line_end..).unwrap_or_default();
    let (Some(size), Some(column)) = (memchr::memchr(b'\n', rest), column(text, key)) else {
        return (end, false);
    };
    let (mut end, mut at) = (end, line_end + size + 1);
    while let Some(line) = text.get(at..).filter(|line| !line.is_empty()) {
        let size = memchr::memchr(b'\n', line);
        let bare = line.get(..size.unwrap_or(line.len())).unwrap_or_default();
        let content = bare.trim_ascii();
        let is_key = content.ends_with(b":") || memchr::memmem::find(content, b": ").is_some();
        if !content.is_empty() && (indent(bare) <= column || is_key) {
            return (end, size.is_none() && is_key);
        }
        if !content.is_empty() {
            end = at + bare.trim_ascii_end().len();
        }
        let Some(size) = size else { break };
        at += size + 1;
    }
    (end, true)
}

/// Returns the column of a key in its line.
fn column(text: &[u8], key: usize) -> Option<usize> {
    Some(key - memchr::memrchr(b'\n', text.get(..key)?).map_or(0, |end| end + 1))
}

fn indent(line: &[u8]) -> usize {
    line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}
