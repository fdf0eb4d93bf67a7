//! `mcp+stdio:COMMAND ARGS…`: splits a command line into words like a POSIX shell (section 2.2, quoting). No
//! shell is ever run: unquoted text that a shell would expand or interpret is refused, so that nobody expects
//! that.

use crate::config::url::after;
use crate::domain::Program;

/// Why a text is not a valid command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::config) enum WordsFault {
    #[error("no program after mcp+stdio:")]
    Empty,
    #[error("a \\ at the end, with nothing to quote")]
    Escape,
    #[error("a null character in the program or its arguments")]
    Null,
    #[error("an unterminated quote")]
    Open,
    #[error("a relative program path, without a folder to resolve it")]
    Relative,
    #[error("{0:?} outside of single quotes: no shell is run, so nothing is expanded, joined or redirected")]
    Shell(char),
}

impl WordsFault {
    /// Returns what to do about it.
    pub(in crate::config) fn hint(self) -> &'static str {
        match self {
            Self::Empty => "accepted: mcp+stdio:PROGRAM ARGUMENTS, such as mcp+stdio:npx -y @scope/server",
            Self::Escape => "take it away, or write \\\\ for a backslash",
            Self::Null => "take it away",
            Self::Open => "close it, or write \\' or \\\" for a quote",
            Self::Relative => "write a name that PATH finds, or the path from the root on",
            Self::Shell(_) => "put it into single quotes where it is meant as it is",
        }
    }
}

/// Returns the part after `mcp+stdio:`, if the text begins with it.
pub(in crate::config) fn rest(text: &str) -> Option<&str> {
    after(text, "mcp+stdio:")
}

/// Parses a program and its arguments.
pub(in crate::config) fn parse(text: &str) -> Result<Program, WordsFault> {
    let mut words = words(text)?.into_iter();
    let name = words.next().filter(|name| !name.is_empty()).ok_or(WordsFault::Empty)?;
    if name.contains('/') && !name.starts_with('/') {
        return Err(WordsFault::Relative);
    }
    Ok(Program { name, args: words.collect() })
}

fn words(text: &str) -> Result<Vec<Box<str>>, WordsFault> {
    if text.contains('\0') {
        return Err(WordsFault::Null);
    }
    let mut words = Vec::new();
    // `None` between words, since a word may be empty.
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take().map(String::into_boxed_str)),
            '\'' => {
                let own = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or(WordsFault::Open)? {
                        '\'' => break,
                        c => own.push(c),
                    }
                }
            }
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next().ok_or(WordsFault::Escape)? {
                // A line continuation.
                '\n' => {}
                c => word.get_or_insert_default().push(c),
            },
            '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' => return Err(WordsFault::Shell(c)),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word.map(String::into_boxed_str));
    Ok(words)
}

/// Reads up to the closing `"`: a backslash escapes `$`, a backquote, `"`, `\` and the end of a line, and is
/// literal before anything else.
fn double_quoted(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), WordsFault> {
    loop {
        match chars.next().ok_or(WordsFault::Open)? {
            '"' => return Ok(()),
            '\\' => match chars.next().ok_or(WordsFault::Open)? {
                '\n' => {}
                c @ ('$' | '`' | '"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c @ ('$' | '`') => return Err(WordsFault::Shell(c)),
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_those_of_a_shell() {
        for (text, expected) in [
            ("npx -y @scope/server", &["npx", "-y", "@scope/server"][..]),
            ("  a\t b\n", &["a", "b"]),
            ("a 'b c' \"d e\" f\\ g", &["a", "b c", "d e", "f g"]),
            ("a '' \"\" b''c", &["a", "", "", "bc"]),
            (r#"a 'it'\''s' "\"\$\`\\\n""#, &["a", "it's", "\"$`\\\\n"]),
            ("a '$HOME' '`id`' 'x|y;z'", &["a", "$HOME", "`id`", "x|y;z"]),
            // Globs, braces, home directories and comments are literal.
            ("a *.txt ~/x {b,c} #d !e", &["a", "*.txt", "~/x", "{b,c}", "#d", "!e"]),
            ("a b\\\nc", &["a", "bc"]),
            ("caf\u{e9} \u{a0}x", &["caf\u{e9}", "\u{a0}x"]),
        ] {
            let found = words(text).unwrap();
            assert_eq!(found.iter().map(|word| &**word).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn what_only_a_shell_would_do_is_refused() {
        use WordsFault::{Empty, Escape, Null, Open, Relative, Shell};
        for (text, fault) in [
            ("", Empty),
            ("  ", Empty),
            ("'' x", Empty),
            ("a 'b", Open),
            ("a \"b", Open),
            ("a \"b\\", Open),
            ("a b\\", Escape),
            ("a \0", Null),
            ("./server", Relative),
            ("bin/server", Relative),
            ("a $HOME", Shell('$')),
            ("a \"$HOME\"", Shell('$')),
            ("a `id`", Shell('`')),
            ("a \"`id`\"", Shell('`')),
            ("a; rm x", Shell(';')),
            ("a && b", Shell('&')),
            ("a | b", Shell('|')),
            ("a > x", Shell('>')),
            ("a <x", Shell('<')),
            ("(a)", Shell('(')),
        ] {
            assert_eq!(parse(text), Err(fault), "{text}");
            assert!(!fault.hint().is_empty());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_words(
            name in "/?[ -~&&[^/]]{1,8}",
            args in prop::collection::vec(any::<String>(), 0..4),
        ) {
            let args = args.into_iter().map(|arg| arg.replace('\0', "").into()).collect();
            let program = Program { name: name.into(), args };
            prop_assert_eq!(parse(&program.to_string()), Ok(program));
        }

        #[test]
        fn no_text_stops_the_reader(text in any::<String>()) {
            if let Ok(program) = parse(&text) {
                prop_assert_eq!(parse(&program.to_string()), Ok(program));
            }
        }
    }
}
