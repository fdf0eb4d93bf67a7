//! Suggestions for words that the command line does not have.

use std::ffi::OsString;

use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;

/// Options whose value is a text of several words.
const TEXTS: &[&str] = &["-r", "--reason", "--message"];

/// Rewrites `hoopctl help COMMAND…` to `hoopctl COMMAND… --help`.
pub fn corrected(arguments: Vec<OsString>) -> Vec<OsString> {
    match &arguments[..] {
        [program, help, rest @ ..] if help == "help" => {
            let words = std::iter::once(program).chain(rest).cloned();
            words.chain([OsString::from("--help")]).collect()
        }
        _ => arguments,
    }
}

/// Returns a suggestion, if there is an obvious one.
pub fn hint(arguments: &[OsString], error: &clap::Error) -> Option<String> {
    let words: Vec<&str> = arguments.iter().skip(1).filter_map(|word| word.to_str()).collect();
    let nouns: Vec<&str> = words.iter().copied().filter(|word| !word.starts_with('-')).collect();
    match error.kind() {
        ErrorKind::MissingRequiredArgument if nouns.starts_with(&["session", "verify"]) => {
            Some("name a session, or last; --all checks all of them".to_owned())
        }
        ErrorKind::UnknownArgument => {
            let Some(ContextValue::String(odd)) = error.get(ContextKind::InvalidArg) else { return None };
            unknown(&words, &nouns, odd)
        }
        _ => None,
    }
}

fn unknown(words: &[&str], nouns: &[&str], odd: &str) -> Option<String> {
    let hint = match nouns {
        ["policy" | "policies", "add" | "edit", ..] if odd == "--effect" => {
            "--allow, --approve or --deny".to_owned()
        }
        ["serve", ..] if !odd.starts_with('-') => format!("a configuration file is named with -c: -c {odd}"),
        ["mask" | "masks", "test", ..] if !odd.starts_with('-') => {
            "it reads standard input: hoopctl mask test < FILE".to_owned()
        }
        _ if !odd.starts_with('-') && follows_a_text(words, odd) => {
            "put a text of several words in quotes".to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

/// Returns whether a word comes two or more after an option with a text value: quotes are missing.
fn follows_a_text(words: &[&str], odd: &str) -> bool {
    let before: Vec<&str> = words.iter().copied().take_while(|word| *word != odd).collect();
    let option = before.iter().rposition(|word| word.starts_with('-'));
    option.and_then(|place| before.get(place)).is_some_and(|option| TEXTS.contains(option))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let error = crate::cli::command().try_get_matches_from(&words).unwrap_err();
        hint(&words, &error)
    }

    #[test]
    fn what_was_meant_is_said() {
        for (line, word) in [
            ("hoopctl policy add p1 --effect allow", "--allow, --approve or --deny"),
            ("hoopctl serve nosuch.toml", "-c nosuch.toml"),
            ("hoopctl mask test 078-05-1120", "standard input"),
            ("hoopctl lock add everybody -r two words", "quotes"),
            ("hoopctl approval approve last --reason INC 4411", "quotes"),
            ("hoopctl session verify", "--all"),
        ] {
            assert!(said(line).is_some_and(|hint| hint.contains(word)), "{line}: {:?}", said(line));
        }
        for line in ["hoopctl lock add everybody words", "hoopctl serve --nosuch", "hoopctl nosuch"] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    #[test]
    fn help_of_a_command_is_asked_for_in_either_order() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (line, corrected_line) in [
            ("hoopctl help", "hoopctl --help"),
            ("hoopctl help lock add", "hoopctl lock add --help"),
            ("hoopctl lock help", "hoopctl lock help"),
        ] {
            assert_eq!(corrected(words(line)), words(corrected_line));
        }
    }
}
