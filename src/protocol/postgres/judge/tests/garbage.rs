//! Random texts: no panic, and a `DELETE` that is a statement of its own in one never makes it a read.

use proptest::prelude::*;

use super::*;

pub(super) fn sentences() -> Vec<&'static str> {
    let mut all: Vec<&str> = bypasses::CASES.iter().map(|case| case.1).collect();
    all.extend(harmless::CASES);
    all
}

/// Returns a sentence of the corpus, whole or cut at random characters.
fn cut() -> impl Strategy<Value = String> {
    (
        prop::sample::select(sentences()),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<bool>(),
    )
        .prop_map(|(sentence, from, to, whole)| {
            if whole {
                return sentence.to_owned();
            }
            let characters: Vec<char> = sentence.chars().collect();
            let (from, to) = (from.index(characters.len() + 1), to.index(characters.len() + 1));
            characters[from.min(to)..from.max(to)].iter().collect()
        })
}

fn garbage() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => cut(),
        1 => "\\PC{0,20}",
        1 => "[-;'\"$\\\\()\\[\\]/*a-z0-9 \\n\\r]{0,20}",
    ];
    prop::collection::vec(word, 0..4).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_gets_an_answer(sql in garbage(), on in any::<bool>()) {
        let judgement = judge_bytes(sql.as_bytes(), Lexing { standard_conforming_strings: on });
        prop_assert!(!matches!(*judgement, Judgement::Unread(Unread::Failed)), "{sql}");
    }

    #[test]
    fn bytes_get_an_answer(sql in prop::collection::vec(any::<u8>(), 0..60)) {
        let judgement = judge_bytes(&sql, Lexing::default());
        prop_assert!(!matches!(*judgement, Judgement::Unread(Unread::Failed)), "{sql:?}");
    }

    #[test]
    fn a_delete_before_garbage_is_never_a_read(sql in garbage(), on in any::<bool>()) {
        let sql = format!("DELETE FROM customers; {sql}");
        let judgement = judge_bytes(sql.as_bytes(), Lexing { standard_conforming_strings: on });
        prop_assert!(judgement.class() > Class::Read, "{sql}: {judgement:?}");
    }

    #[test]
    fn a_delete_among_statements_is_never_a_read(
        before in prop::sample::select(sentences()),
        after in prop::sample::select(sentences()),
    ) {
        let sql = format!("{before}\n; DELETE FROM customers; {after}");
        let judgement = judge_bytes(sql.as_bytes(), Lexing::default());
        prop_assert!(judgement.class() > Class::Read, "{sql}: {judgement:?}");
    }
}
