//! Bounds the memory that a parse tree needs, by the words of the text before there is a tree, and the time
//! to find these words.
//!
//! Each word costs some 2 KiB while it is decoded, so a megabyte of short words would need gigabytes. And one
//! rule of the grammar multiplies text: in `SET (a, b) = source` each column holds a full copy of the source,
//! and sources can hold such assignments in turn.

/// The most that the words of a text may weigh, with their copies: some 200 MB.
pub(super) const MAX: usize = 100_000;
/// The bytes of a word that weigh as much as one more word.
const LONG: usize = 512;

/// The characters that operators consist of and comments begin with.
const OPERATORS: &[u8] = b"~!@#^&|`?+-*/%<>=";
/// The most characters that PostgreSQL's scanner may read within runs of such characters: some tenths of a
/// second.
const STEPS: usize = 100_000_000;

/// Returns whether the scanner, here and at the server, finishes a text soon. It reads a run of operator
/// characters to its end, goes back to where the first comment or sign in it begins, and does the same after
/// that: `/**//**/` or `++++` cost the square of their length.
fn is_scanned_soon(sql: &str) -> bool {
    let mut steps = 0_usize;
    for run in sql.as_bytes().split(|byte| !OPERATORS.contains(byte)) {
        let comments = run.windows(2).filter(|pair| *pair == b"/*").count();
        let signs = run.iter().filter(|byte| matches!(byte, b'+' | b'-')).count();
        steps = steps.saturating_add(run.len().saturating_mul(comments.saturating_add(signs)));
    }
    steps <= STEPS
}

/// Returns whether the parse tree of a text stays within bounds. `escapes` says that a backslash in `'…'`
/// escapes the next character.
pub(super) fn is_bounded(sql: &str, escapes: bool) -> bool {
    if !is_scanned_soon(sql) {
        return false;
    }
    if bound(sql) <= MAX {
        return true;
    }
    // The scanner knows only one way to read strings: where the other may see other words, the upper bound
    // has to do.
    if escapes && sql.contains('\\') {
        return false;
    }
    // Text that cannot be split into words has no tree. The `;` is there because for a text without any word
    // the scanner returns a list at address zero; it counts as one word too many.
    pg_query::scan_tokens(&[sql, ";"].concat()).map_or(true, |tokens| {
        let words = tokens.iter().filter_map(|token| {
            sql.get(usize::try_from(token.start).ok()?..usize::try_from(token.end).ok()?)
        });
        measured(words) <= MAX
    })
}

/// Returns an upper bound: no text with as many bytes, commas and occurrences of `set` weighs more, however
/// it is split into words. Copies multiply, so there are most of them if all assignments have the same number
/// of columns.
fn bound(sql: &str) -> usize {
    let sets = sql.as_bytes().windows(3).filter(|word| word.eq_ignore_ascii_case(b"set")).count();
    let commas = sql.bytes().filter(|byte| *byte == b',').count();
    let Some(each) = commas.checked_div(sets) else { return sql.len() };
    let copies = each.saturating_add(2).saturating_pow(u32::try_from(sets).unwrap_or(u32::MAX));
    sql.len().saturating_mul(copies)
}

/// What a word is inside of.
enum Frame {
    /// Brackets: whether `SET` or a comma stood before them, and the number of commas in them so far.
    Brackets { assigns: bool, commas: usize },
    /// The source of an assignment, and the number of copies outside of it.
    Source { outside: usize },
}

/// Returns the weight of the words of a text, each counted as often as it is copied.
fn measured<'a>(words: impl Iterator<Item = &'a str>) -> usize {
    let mut frames: Vec<Frame> = Vec::new();
    let (mut copies, mut sum) = (1_usize, 0_usize);
    // The number of columns in the brackets that were just closed, if they can be assigned to.
    let mut columns = None;
    let mut before = "";
    for word in words.filter(|word| !word.starts_with("--") && !word.starts_with("/*")) {
        if matches!(word, "," | ";" | ")" | "]") {
            // No expression goes on after these.
            while let Some(Frame::Source { outside }) =
                frames.pop_if(|top| matches!(top, Frame::Source { .. }))
            {
                copies = outside;
            }
        }
        let weight = (word.len() / LONG).saturating_add(1);
        sum = sum.saturating_add(weight.saturating_mul(copies));
        let assigned = columns.take();
        match word {
            "(" | "[" => {
                let assigns = before == "," || before.eq_ignore_ascii_case("set");
                frames.push(Frame::Brackets { assigns, commas: 0 });
            }
            ")" | "]" => {
                if let Some(Frame::Brackets { assigns: true, commas }) = frames.pop() {
                    columns = Some(commas.saturating_add(1));
                }
            }
            "," => {
                if let Some(Frame::Brackets { commas, .. }) = frames.last_mut() {
                    *commas = commas.saturating_add(1);
                }
            }
            "=" => {
                if let Some(columns) = assigned {
                    frames.push(Frame::Source { outside: copies });
                    copies = copies.saturating_mul(columns);
                }
            }
            _ => {}
        }
        before = word;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nested assignments, with `columns` columns each.
    fn nested(depth: usize, columns: usize) -> String {
        let names = vec!["a"; columns].join(", ");
        let open = format!("WITH w AS (UPDATE t SET ({names}) = (SELECT 1 FROM (");
        format!("{}SELECT 1{} SELECT 1", open.repeat(depth), ") q)) SELECT 1".repeat(depth))
    }

    fn words(sql: &str) -> usize {
        let tokens = pg_query::scan_tokens(sql).unwrap();
        measured(
            tokens.iter().map(|token| {
                &sql[usize::try_from(token.start).unwrap()..usize::try_from(token.end).unwrap()]
            }),
        )
    }

    #[test]
    fn what_is_copied_counts_as_often() {
        for (sql, counted) in [
            ("SELECT 1", 2),
            ("UPDATE t SET a = 1", 6),
            ("UPDATE t SET (a) = (1)", 10),
            ("UPDATE t SET (a, b) = (1) WHERE c", 9 + 2 * 5),
            ("UPDATE t SET (a, b) = (1), c = 2", 9 + 2 * 3 + 4),
            ("UPDATE t SET (a, b) /* x */ = -- y\n (1)", 9 + 2 * 3),
            ("SELECT f(a, b) = 1", 9),
            ("SELECT a[1, 2] = 1", 9),
        ] {
            assert_eq!(words(sql), counted, "{sql}");
        }
    }

    #[test]
    fn copies_of_copies_are_refused_and_usual_texts_are_not() {
        assert!(is_bounded(&nested(3, 2), false));
        assert!(!is_bounded(&nested(20, 2), false) && !is_bounded(&nested(20, 2), true));
        assert!(!is_bounded(&nested(5, 30), false));
        let wide =
            format!("UPDATE t SET ({}) = (SELECT '{}')", vec!["a"; 1000].join(","), "x".repeat(100_000));
        assert!(!is_bounded(&wide, false));
        // One after the other, they do not multiply.
        let many = "UPDATE t SET (a, b, c) = (SELECT 1, 2, 3) WHERE d;".repeat(1000);
        assert!(is_bounded(&many, false) && is_bounded(&"UPDATE t SET a = 1, b = 2;".repeat(8_000), false));
        // Very many short words.
        assert!(!is_bounded(&"a,".repeat(60_000), false) && is_bounded(&"a,".repeat(49_000), false));
        assert!(is_bounded(&format!("SELECT '{}'", "a".repeat(1_000_000)), false));
        // A string that ends elsewhere must not hide an assignment.
        let hidden = format!(r"SELECT '\'' ; {}; --'", nested(20, 2));
        assert!(is_bounded(&hidden, false) && !is_bounded(&hidden, true));
    }

    #[test]
    fn what_the_scanner_would_read_again_and_again_is_refused() {
        for unit in ["/**/", "+", "+-", "/*", "+/**/", "*+", "/*/**/*/"] {
            let sql = format!("SELECT {}1", unit.repeat(20_000));
            assert!(!is_bounded(&sql, false), "{unit}");
        }
        for usual in ["/**/ ", "--\n", "+ ", "1+", "/* x */", "AbC+/9", "a <> b ", "-> ", "*", "="] {
            let sql = format!("SELECT '{}'", usual.repeat(100_000));
            assert!(is_scanned_soon(&sql), "{usual}");
        }
        let banner = format!("-- {}\n/* {} */ SELECT 1;\n", "-".repeat(200), "+".repeat(200));
        assert!(is_bounded(&banner.repeat(1000), false));
    }

    #[test]
    fn the_bound_is_never_less_than_what_is_measured() {
        for depth in 1..6 {
            for columns in 1..5 {
                let sql = nested(depth, columns);
                assert!(bound(&sql) >= words(&sql), "{depth} {columns}");
            }
        }
    }
}
