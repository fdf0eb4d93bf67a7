//! Values that go on in the lines below their names.

use std::sync::Arc;

use proptest::prelude::*;

use crate::domain::MaskOp;
use crate::mask::Format;
use crate::mask::tests::plan;
use crate::mask::tests::rule;
use crate::mask::tests::run;

fn masked(text: &str, size: usize) -> String {
    let plan = Arc::new(plan(&[rule(&["ssn"], &[], MaskOp::Redact)]));
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
    run(&plan, Format::Text, &pieces).unwrap()
}

#[test]
fn a_key_in_quotes_stands_where_its_quotes_do() {
    for (text, wanted) in [
        ("\"ssn\":\n- \"secret\"\n- \"more\"\n\"x\": \"y\"\n", "\"ssn\":\n[REDACTED]\n\"x\": \"y\"\n"),
        ("\"ssn\": |\n secret\nb: 2\n", "\"ssn\": |\n [REDACTED]\nb: 2\n"),
        ("'ssn': a\n secret\nb: 2\n", "'ssn': [REDACTED]\nb: 2\n"),
        ("- \"ssn\": |\n   secret\n", "- \"ssn\": |\n   [REDACTED]\n"),
        ("a:\n  'ssn':\n  - secret\n  b: 2\n", "a:\n  'ssn':\n  [REDACTED]\n  b: 2\n"),
        ("a:\n- \"x.ssn\":\n  - secret\n  b: 2\n", "a:\n- \"x.ssn\":\n  [REDACTED]\n  b: 2\n"),
        ("&a \"ssn\": >-\n secret\nb: 2\n", "&a \"ssn\": >-\n [REDACTED]\nb: 2\n"),
        // Not below it.
        ("\"ssn\":\n\"b\": 2\n", "\"ssn\":\n\"b\": 2\n"),
    ] {
        assert_eq!(masked(text, usize::MAX), wanted, "{text}");
        assert_eq!(masked(text, 1), wanted, "{text} byte by byte");
    }
}

/// What may stand under a key.
#[derive(Debug, Clone)]
enum Node {
    Plain,
    Quoted,
    /// Over so many more lines.
    Long(usize),
    Block(&'static str, usize),
    List(Vec<Node>),
    Map(Vec<(&'static str, Node)>),
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Node::Plain),
        Just(Node::Quoted),
        (1usize..3).prop_map(Node::Long),
        (prop::sample::select(vec!["|", ">-", "|+"]), 1usize..3)
            .prop_map(|(sign, lines)| Node::Block(sign, lines)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Node::List),
            prop::collection::vec((prop::sample::select(vec!["ssn", "a", "b"]), inner), 1..4)
                .prop_map(Node::Map),
        ]
    })
}

/// Writes documents with all keys in the same quotes.
struct Writer {
    quote: &'static str,
    /// How much deeper than its key what it has stands, and whether lists do, too.
    step: usize,
    lists: bool,
    out: String,
    count: usize,
}

impl Writer {
    /// Writes a word of its own behind what begins its line.
    fn word(&mut self, before: &str, behind: &str, secret: bool) {
        self.count += 1;
        let (kind, count) = (if secret { "secret" } else { "open" }, self.count.to_string());
        self.put(&[before, kind, &count, behind, "\n"]);
    }

    fn put(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.push_str(part);
        }
    }

    /// Writes a node behind the sign of its key, or of its place in a list.
    fn write(&mut self, node: &Node, column: usize, secret: bool, in_list: bool) {
        let blanks = " ".repeat(column + self.step);
        match node {
            Node::Plain => self.word(" ", "", secret),
            Node::Quoted => self.word(" \"", "\"", secret),
            Node::Long(lines) => {
                self.word(" ", "", secret);
                for _ in 0..*lines {
                    self.word(&blanks, "", secret);
                }
            }
            Node::Block(sign, lines) => {
                self.put(&[" ", sign, "\n"]);
                for _ in 0..*lines {
                    self.word(&blanks, "", secret);
                }
            }
            Node::List(items) => {
                let column = column + if self.lists || in_list { self.step } else { 0 };
                self.out.push('\n');
                for item in items {
                    self.put(&[&" ".repeat(column), "-"]);
                    self.write(item, column, secret, true);
                }
            }
            Node::Map(members) => {
                self.out.push('\n');
                self.members(members, column + self.step, secret);
            }
        }
    }

    fn members(&mut self, members: &[(&'static str, Node)], column: usize, secret: bool) {
        for (name, node) in members {
            self.put(&[&" ".repeat(column), self.quote, name, self.quote, ":"]);
            self.write(node, column, secret || *name == "ssn", false);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn what_is_masked_does_not_hang_on_the_quotes_of_keys(
        members in prop::collection::vec((prop::sample::select(vec!["ssn", "a", "b"]), node()), 1..4),
        step in 1usize..4,
        lists in any::<bool>(),
    ) {
        for quote in ["", "'", "\""] {
            let mut writer = Writer { quote, step, lists, out: String::new(), count: 0 };
            writer.members(&members, 0, false);
            let text = writer.out;
            let open = text.matches("open").count();
            for size in [usize::MAX, 3] {
                let masked = masked(&text, size);
                prop_assert!(!masked.contains("secret"), "{}\n{}", text, masked);
                prop_assert_eq!(masked.matches("open").count(), open, "{}\n{}", text, masked);
            }
        }
    }
}
