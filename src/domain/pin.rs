//! Pins: the last version of an item that a target offers to agents, compared with the accepted version.
//! Texts in them are masked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::connection::ConnectionName;

/// How much context of a changed text is shown on each side of the difference, in characters.
const CONTEXT: usize = 24;
/// The longest excerpt of a changed text, in characters.
const MOST: usize = 240;

/// The kind of a pinned item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinKind {
    /// The server's greeting: its name and its instructions. The pin is named by the method that returns it.
    Server,
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource template, named by its `uriTemplate`.
    ResourceTemplate,
}

impl PinKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Server, Self::Tool, Self::Prompt, Self::ResourceTemplate];

    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::ResourceTemplate => "resource_template",
        }
    }

    /// Returns the kind that a word names; `None` for any other word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for PinKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One member of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinMember {
    /// Its name, such as `description`.
    pub name: String,
    /// SHA-256 of its canonical JSON, 64 hexadecimal digits.
    pub digest: String,
    /// Its text, masked; a string without its quotes, anything else as canonical JSON. Cut if it is long;
    /// empty if it is not kept.
    pub text: String,
    /// Whether `text` is incomplete. Default false.
    #[serde(default)]
    pub cut: bool,
}

/// A suspicious text that people should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinFlag {
    /// The member with the text.
    pub member: String,
    /// Whether it has hidden characters; otherwise it is too long to be read.
    pub hidden: bool,
    /// A description that contains no text of the target.
    pub detail: String,
}

/// One version of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinVersion {
    /// The fingerprint: SHA-256 of the canonical JSON of an object of all watched members, 64 hexadecimal
    /// digits.
    pub digest: String,
    /// Its watched members.
    pub members: Vec<PinMember>,
    /// Its flags.
    pub flags: Vec<PinFlag>,
}

impl PinVersion {
    /// Returns how many bytes of text are kept.
    pub fn text_bytes(&self) -> usize {
        self.members.iter().map(|member| member.text.len()).sum()
    }

    fn hides(&self) -> bool {
        self.flags.iter().any(|flag| flag.hidden)
    }
}

/// The difference of one member from the accepted version. If both texts are present and equal, the
/// difference is masked or not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinChange {
    /// The member's name.
    pub member: String,
    /// The accepted text around the difference, masked; `None` if the member did not exist.
    pub before: Option<String>,
    /// The current text in the same way; `None` if the member is gone.
    pub after: Option<String>,
}

/// The state of a pin: the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PinState {
    /// The current version differs from the accepted one.
    Changed,
    /// It has hidden characters or a very long text, and is not accepted.
    Flagged,
    /// It appeared after the first list, and is not accepted.
    New,
    /// The current version is the accepted one, or the first one seen.
    Pinned,
}

impl PinState {
    /// Returns the word for it.
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
    /// The kind of item.
    pub kind: PinKind,
    /// Its name, as the target wrote it.
    pub name: String,
    /// The accepted version: accepted by somebody, or the first one seen.
    pub accepted: PinVersion,
    /// When it was accepted or first seen, in milliseconds since 1970.
    pub accepted_ms: i64,
    /// Who accepted it; `None`: it is the first version seen.
    pub accepted_by: Option<String>,
    /// Whether it appeared after the first list, and was not accepted since.
    pub fresh: bool,
    /// The current version, if it is not the accepted one.
    pub current: Option<PinVersion>,
    /// Since when that is so, in milliseconds since 1970.
    pub changed_ms: Option<i64>,
}

impl Pin {
    /// Returns the current version.
    pub fn seen(&self) -> &PinVersion {
        self.current.as_ref().unwrap_or(&self.accepted)
    }

    /// Returns its state.
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

    /// Returns whether it is kept from clients (unless changes are only observed): it changed, or it is not
    /// accepted and appeared late or has hidden characters.
    pub fn is_held_back(&self) -> bool {
        self.current.is_some() || (self.accepted_by.is_none() && (self.fresh || self.accepted.hides()))
    }

    /// Accepts the current version.
    pub fn accept(&mut self, by: &str, now_ms: i64) {
        if let Some(current) = self.current.take() {
            self.accepted = current;
        }
        self.accepted_ms = now_ms;
        self.accepted_by = Some(by.to_owned());
        self.fresh = false;
        self.changed_ms = None;
    }

    /// Returns whether none of it is accepted or trusted as first seen: then all of it has to be reviewed.
    pub fn is_unread(&self) -> bool {
        self.accepted_by.is_none() && (self.fresh || !self.accepted.flags.is_empty())
    }

    /// Returns the members to review whose text is incomplete: accepting them means accepting unseen text.
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

    /// Returns the differences between the accepted and the current version, as excerpts. Empty if there are
    /// none.
    pub fn changes(&self) -> Vec<PinChange> {
        self.changes_by(excerpts)
    }

    /// Returns the same as [`Self::changes`] with the whole kept texts.
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

/// Cuts two texts to the part where they differ.
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

/// An audit trail entry about pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinNote {
    /// The connection.
    pub connection: ConnectionName,
    /// The action: `pin.first`, `pin.new`, `pin.change` or `pin.flag`.
    pub action: &'static str,
    /// The kind of items.
    pub kind: PinKind,
    /// The number of items.
    pub count: usize,
    /// The name of the only item, or of the first of several, as the target wrote it; empty if they are not
    /// named.
    pub name: String,
    /// Its members that changed or are flagged.
    pub members: Vec<String>,
    /// Its current fingerprint.
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
        // Unchanged members were accepted, unless nothing was.
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
