//! A pin: what a target last said of one thing it offers to agents, held against what was accepted of it. Texts in it are masked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::connection::ConnectionName;

/// How much of a changed text is shown on each side of where it differs, in characters.
const CONTEXT: usize = 24;
/// The most characters that are shown of a changed text.
const MOST: usize = 240;

/// What is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinKind {
    /// What the server says of itself: its name and its instructions. The pin is named by the method that asks for it.
    Server,
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A template of resources, named by its `uriTemplate`.
    ResourceTemplate,
}

impl PinKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Server, Self::Tool, Self::Prompt, Self::ResourceTemplate];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::ResourceTemplate => "resource_template",
        }
    }

    /// What the word stands for; `None` for any other word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for PinKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One member of what a target said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinMember {
    /// Its name, such as `description`.
    pub name: String,
    /// SHA-256 of its canonical JSON, 64 hexadecimal digits.
    pub digest: String,
    /// Its text, masked; a string without its quotes, anything else as canonical JSON. Cut where it is long; empty where none is kept.
    pub text: String,
    /// Whether not all of the text is kept. Default false.
    #[serde(default)]
    pub cut: bool,
}

/// Something in a text that people should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinFlag {
    /// The member that it is in.
    pub member: String,
    /// Whether it is characters that people do not see; otherwise the text is too long to be read.
    pub hidden: bool,
    /// What was found. Holds no text of the target.
    pub detail: String,
}

/// What a target said of one thing at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinVersion {
    /// SHA-256 of the canonical JSON of an object of all members that are watched, 64 hexadecimal digits: the fingerprint.
    pub digest: String,
    /// The members that it had, of those that are watched.
    pub members: Vec<PinMember>,
    /// What to look at in it.
    pub flags: Vec<PinFlag>,
}

impl PinVersion {
    /// How many bytes of text are kept.
    pub fn text_bytes(&self) -> usize {
        self.members.iter().map(|member| member.text.len()).sum()
    }

    fn hides(&self) -> bool {
        self.flags.iter().any(|flag| flag.hidden)
    }
}

/// How one member differs from what was accepted. Where both texts are given and alike, what differs is masked or is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinChange {
    /// Its name.
    pub member: String,
    /// What was accepted, around where it differs, masked; `None`: it was not there.
    pub before: Option<String>,
    /// What the target said last, in the same way; `None`: it is gone.
    pub after: Option<String>,
}

/// How a pin stands; the first that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PinState {
    /// The target says another thing than was accepted.
    Changed,
    /// It has hidden characters or a very long text, and nobody has accepted that.
    Flagged,
    /// It came after its list was first seen, and nobody has accepted it.
    New,
    /// The target says what was accepted, or what was first seen.
    Pinned,
}

impl PinState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Flagged => "flagged",
            Self::New => "new",
            Self::Pinned => "pinned",
        }
    }
}

impl fmt::Display for PinState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The connection.
    pub connection: ConnectionName,
    /// What is pinned.
    pub kind: PinKind,
    /// Its name, as the target wrote it.
    pub name: String,
    /// What is accepted: by somebody, or as what was seen first.
    pub accepted: PinVersion,
    /// When it was accepted or first seen, in milliseconds since 1970.
    pub accepted_ms: i64,
    /// Who accepted it; `None`: it is what was seen first.
    pub accepted_by: Option<String>,
    /// Whether it came after its list was first seen, and nobody has accepted it since.
    pub fresh: bool,
    /// What the target said last, where that is not what is accepted.
    pub current: Option<PinVersion>,
    /// Since when it says so, in milliseconds since 1970.
    pub changed_ms: Option<i64>,
}

impl Pin {
    /// What the target said last.
    pub fn seen(&self) -> &PinVersion {
        self.current.as_ref().unwrap_or(&self.accepted)
    }

    /// How it stands.
    pub fn state(&self) -> PinState {
        if self.current.is_some() {
            PinState::Changed
        } else if self.accepted_by.is_some() {
            PinState::Pinned
        } else if !self.accepted.flags.is_empty() {
            PinState::Flagged
        } else if self.fresh {
            PinState::New
        } else {
            PinState::Pinned
        }
    }

    /// Whether it is kept from clients where changes are not only observed: it changed, or nobody has accepted it and it came late or has
    /// hidden characters.
    pub fn is_held_back(&self) -> bool {
        self.current.is_some() || (self.accepted_by.is_none() && (self.fresh || self.accepted.hides()))
    }

    /// Somebody accepts what the target said last.
    pub fn accept(&mut self, by: &str, now_ms: i64) {
        if let Some(current) = self.current.take() {
            self.accepted = current;
        }
        self.accepted_ms = now_ms;
        self.accepted_by = Some(by.to_owned());
        self.fresh = false;
        self.changed_ms = None;
    }

    /// Whether nobody has accepted any of it, and it is not trusted as what was seen first: what is to be looked at is all of it.
    pub fn is_unread(&self) -> bool {
        self.accepted_by.is_none() && (self.fresh || !self.accepted.flags.is_empty())
    }

    /// The members that are to be looked at and of which not all text is kept: who accepts them has not seen them.
    pub fn unseen(&self) -> Vec<String> {
        let accepted = |member: &PinMember| {
            !self.is_unread()
                && self
                    .accepted
                    .members
                    .iter()
                    .any(|known| known.name == member.name && known.digest == member.digest)
        };
        let cut = self.seen().members.iter().filter(|member| member.cut && !accepted(member));
        cut.map(|member| member.name.clone()).collect()
    }

    /// How what the target said last differs from what is accepted, around where it does. Empty where it does not.
    pub fn changes(&self) -> Vec<PinChange> {
        self.changes_by(excerpts)
    }

    /// [`Self::changes`], with all text that is kept.
    pub fn whole_changes(&self) -> Vec<PinChange> {
        self.changes_by(|before, after| (before.to_owned(), after.to_owned()))
    }

    fn changes_by(&self, texts: impl Fn(&str, &str) -> (String, String)) -> Vec<PinChange> {
        let Some(current) = &self.current else { return Vec::new() };
        let find = |version: &'_ PinVersion, name: &str| {
            version.members.iter().find(|member| member.name == name).cloned()
        };
        let mut changes = Vec::new();
        for after in &current.members {
            match find(&self.accepted, &after.name) {
                Some(before) if before.digest == after.digest => {}
                Some(before) => {
                    let (old, new) = texts(&before.text, &after.text);
                    changes.push(PinChange {
                        member: after.name.clone(),
                        before: Some(old),
                        after: Some(new),
                    });
                }
                None => changes.push(PinChange {
                    member: after.name.clone(),
                    before: None,
                    after: Some(texts("", &after.text).1),
                }),
            }
        }
        for before in &self.accepted.members {
            if find(current, &before.name).is_none() {
                let old = texts(&before.text, "").0;
                changes.push(PinChange { member: before.name.clone(), before: Some(old), after: None });
            }
        }
        changes
    }
}

/// Two texts around where they differ.
fn excerpts(before: &str, after: &str) -> (String, String) {
    let (before, after): (Vec<char>, Vec<char>) = (before.chars().collect(), after.chars().collect());
    let pairs = before.iter().zip(&after);
    let front = pairs.take_while(|(left, right)| left == right).count();
    let most = before.len().min(after.len()).saturating_sub(front);
    let pairs = before.iter().rev().zip(after.iter().rev());
    let back = pairs.take(most).take_while(|(left, right)| left == right).count();
    let cut = |text: &[char]| {
        let from = front.saturating_sub(CONTEXT);
        let to = text.len().saturating_sub(back).saturating_add(CONTEXT).min(text.len());
        let to = to.min(from.saturating_add(MOST));
        let mut out = String::new();
        out.push_str(if from > 0 { "…" } else { "" });
        out.extend(text.get(from..to).unwrap_or_default());
        out.push_str(if to < text.len() { "…" } else { "" });
        out
    };
    (cut(&before), cut(&after))
}

/// What the audit trail says of pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinNote {
    /// The connection.
    pub connection: ConnectionName,
    /// What happened: `pin.first`, `pin.new`, `pin.change` or `pin.flag`.
    pub action: &'static str,
    /// To what kind of thing.
    pub kind: PinKind,
    /// To how many of them.
    pub count: usize,
    /// The name of the only one, or of the first of several, as the target wrote it; empty where they are not named.
    pub name: String,
    /// Which of its members changed or are flagged.
    pub members: Vec<String>,
    /// Its fingerprint as it is now.
    pub digest: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(members: &[(&str, &str)]) -> PinVersion {
        let member = |(name, text): &(&str, &str)| PinMember {
            name: (*name).into(),
            digest: format!("d:{text}"),
            text: (*text).into(),
            cut: false,
        };
        PinVersion {
            digest: format!("{members:?}"),
            members: members.iter().map(member).collect(),
            flags: Vec::new(),
        }
    }

    fn pin(accepted: PinVersion, current: Option<PinVersion>) -> Pin {
        Pin {
            connection: "tools".parse().unwrap(),
            kind: PinKind::Tool,
            name: "send".into(),
            accepted,
            accepted_ms: 1,
            accepted_by: None,
            fresh: false,
            current,
            changed_ms: None,
        }
    }

    #[test]
    fn a_state_is_the_most_pressing_one_until_somebody_accepts() {
        let flag = |hidden| vec![PinFlag { member: "description".into(), hidden, detail: String::new() }];
        let plain = version(&[("name", "a")]);
        let hidden = PinVersion { flags: flag(true), ..plain.clone() };
        let long = PinVersion { flags: flag(false), ..plain.clone() };
        for (pin, state, held) in [
            (pin(plain.clone(), None), PinState::Pinned, false),
            (Pin { fresh: true, ..pin(plain.clone(), None) }, PinState::New, true),
            (Pin { fresh: true, ..pin(long.clone(), None) }, PinState::Flagged, true),
            (pin(long.clone(), None), PinState::Flagged, false),
            (pin(hidden.clone(), None), PinState::Flagged, true),
            (Pin { accepted_by: Some("x".into()), ..pin(hidden.clone(), None) }, PinState::Pinned, false),
            (
                Pin { accepted_by: Some("x".into()), ..pin(plain.clone(), Some(long)) },
                PinState::Changed,
                true,
            ),
            (pin(plain, Some(hidden.clone())), PinState::Changed, true),
        ] {
            assert_eq!((pin.state(), pin.is_held_back()), (state, held), "{pin:?}");
            let mut accepted = pin.clone();
            accepted.accept("local:ann", 9);
            assert_eq!((accepted.state(), accepted.is_held_back()), (PinState::Pinned, false));
            assert_eq!((&accepted.accepted, accepted.accepted_ms), (pin.seen(), 9));
        }
    }

    #[test]
    fn a_change_shows_each_member_around_where_it_differs() {
        let before = version(&[("name", "send"), ("description", "Sends mail."), ("title", "T")]);
        let after = version(&[("name", "send"), ("description", "Sends mail. <b>"), ("icons", "[]")]);
        let changes = pin(before, Some(after)).changes();
        let told: Vec<_> = changes
            .iter()
            .map(|change| (&*change.member, change.before.as_deref(), change.after.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("description", Some("Sends mail."), Some("Sends mail. <b>")),
                ("icons", None, Some("[]")),
                ("title", Some("T"), None),
            ]
        );
    }

    #[test]
    fn what_differs_is_there_in_full_and_what_was_cut_counts_as_unseen() {
        let long = "x".repeat(MOST * 4);
        let before = version(&[("name", "send"), ("description", "a"), ("meta", "m")]);
        let mut after = version(&[("name", "send"), ("description", &long), ("meta", "m")]);
        let whole = pin(before.clone(), Some(after.clone())).whole_changes();
        assert_eq!((whole.len(), whole[0].after.as_ref()), (1, Some(&long)));
        assert!(pin(before.clone(), Some(after.clone())).unseen().is_empty());
        for member in &mut after.members {
            member.cut = true;
        }
        // What has not changed was accepted; but not where nothing was.
        assert_eq!(pin(before.clone(), Some(after.clone())).unseen(), ["description"]);
        assert_eq!(Pin { fresh: true, ..pin(before, Some(after.clone())) }.unseen().len(), 3);
        assert_eq!(Pin { fresh: true, ..pin(after, None) }.unseen().len(), 3);
    }

    #[test]
    fn an_excerpt_is_short_and_has_what_differs() {
        let long = "x".repeat(5000);
        let (before, after) = excerpts(&format!("{long}a{long}"), &format!("{long}bc{long}"));
        assert_eq!(before, format!("…{}a{}…", &long[..CONTEXT], &long[..CONTEXT]));
        assert_eq!(after, format!("…{}bc{}…", &long[..CONTEXT], &long[..CONTEXT]));
        let (before, after) = excerpts("", &long);
        assert_eq!((before.as_str(), after.chars().count()), ("", MOST + 1));
        assert_eq!(excerpts("aa", "a"), ("aa".into(), "a".into()));
        assert_eq!(excerpts("é", "ü"), ("é".into(), "ü".into()));
    }
}
