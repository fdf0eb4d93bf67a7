//! Text for problems: keys and values as they are shown, and suggestions.

/// Maximum number of characters of a found value that are repeated.
const FOUND_MAX: usize = 80;

/// Returns whether a name needs no quotes in a dotted key.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Returns the dotted key of a member of a table.
pub(super) fn joined(table: &str, name: &str) -> String {
    let name = if is_plain(name) { name.to_owned() } else { quoted(name) };
    if table.is_empty() { name } else { format!("{table}.{name}") }
}

/// Quotes a text, truncated at [`FOUND_MAX`] characters and at the end of its first line.
pub(super) fn quoted(text: &str) -> String {
    // A multi-line string may have swallowed what comes after it.
    let mut cut: String = text.chars().take(FOUND_MAX).take_while(|c| *c != '\n').collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    let cut = cut.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t");
    format!("\"{cut}\"")
}

/// Returns `did you mean "x"?` if an accepted word is near, otherwise lists all of them.
pub(super) fn suggestion(found: &str, accepted: &[&str]) -> String {
    if let Some(word) = nearest(found, accepted.iter().copied()) {
        return format!("did you mean \"{word}\"?");
    }
    let mut words: Vec<&str> = accepted.to_vec();
    words.sort_unstable();
    words.dedup();
    format!("accepted: {}", words.join(", "))
}

/// Returns the nearest accepted word, if one is near enough.
pub fn nearest<'a>(found: &str, accepted: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = found.to_lowercase().replace('-', "_");
    let allowed = (folded.chars().count() / 3).clamp(1, 3);
    accepted
        .filter_map(|word| {
            let other = word.to_lowercase().replace('-', "_");
            let distance = strsim::damerau_levenshtein(&folded, &other);
            let part = other.len() >= 4
                && folded.len() >= 4
                && (folded.starts_with(&other) || other.starts_with(&folded));
            (distance <= allowed || part).then_some((distance, word))
        })
        .min()
        .map(|(_, word)| word)
}
