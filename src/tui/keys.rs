//! Key bindings: one table, from which the help and the status line are made, and which users can change.

mod action;
mod press;
mod table;

use crossterm::event::KeyEvent;
use serde::Deserialize;

pub use action::Action;
pub use action::Context;
pub use press::Press;
use table::TABLE;

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The context.
    pub context: Context,
    /// The action.
    pub action: Action,
    /// Its keys; the first one is shown.
    pub keys: Vec<Press>,
}

/// An error in `keys.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The file is not TOML, or has members other than tables of keys.
    #[error("{0}")]
    Unreadable(String),
    /// An unknown table.
    #[error("[{found}] is not a table of keys; known are {known}")]
    NoContext {
        /// The name in the file.
        found: String,
        /// The names of all contexts.
        known: String,
    },
    /// An action that does not exist in its context.
    #[error("[{context}] {found:?} is no action there; known are {known}")]
    NoAction {
        /// The table.
        context: &'static str,
        /// The name in the file.
        found: String,
        /// The names of all actions of the table.
        known: String,
    },
    /// An invalid key name.
    #[error(
        "[{context}] {action} = {found:?}: no such key; examples: a, A, ctrl-d, alt-x, f2, enter, space, pgdn"
    )]
    NoKey {
        /// The table.
        context: &'static str,
        /// The action.
        action: &'static str,
        /// The name in the file.
        found: String,
    },
    /// Two actions with the same key.
    #[error("[{context}] the key {key} would do both {one} and {other}")]
    Conflict {
        /// The table.
        context: &'static str,
        /// The key.
        key: String,
        /// The first action.
        one: &'static str,
        /// The second action.
        other: &'static str,
    },
}

/// The value of an action: one key or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Several(Vec<String>),
}

/// All key bindings.
#[derive(Debug, Clone)]
pub struct KeyMap {
    bindings: Vec<Binding>,
}

impl Default for KeyMap {
    fn default() -> Self {
        let keys = |text: &str| text.split(' ').filter_map(Press::parse).collect();
        let bindings = TABLE
            .iter()
            .map(|(context, action, text)| Binding { context: *context, action: *action, keys: keys(text) })
            .collect();
        Self { bindings }
    }
}

impl KeyMap {
    /// Parses a `keys.toml` and applies it to the default table: `[approvals] approve = "f2"`, or `["f2",
    /// "a"]`.
    ///
    /// # Errors
    /// The first error in the file.
    pub fn read(text: &str) -> Result<Self, KeysError> {
        let tables: std::collections::BTreeMap<String, std::collections::BTreeMap<String, Written>> =
            toml::from_str(text).map_err(|error| KeysError::Unreadable(error.to_string()))?;
        let mut map = Self::default();
        for (word, table) in tables {
            let context = Context::ALL.into_iter().find(|context| context.word() == word);
            let context = context.ok_or_else(|| KeysError::NoContext {
                found: word,
                known: Context::ALL.map(Context::word).join(", "),
            })?;
            for (word, written) in table {
                map.change(context, word, written)?;
            }
        }
        map.check()?;
        Ok(map)
    }

    fn change(&mut self, context: Context, word: String, written: Written) -> Result<(), KeysError> {
        let known: Vec<&str> = self.of(context).map(|binding| binding.action.word()).collect();
        let known = known.join(", ");
        let action = Action::parse(&word);
        let binding = self
            .bindings
            .iter_mut()
            .find(|binding| binding.context == context && Some(binding.action) == action)
            .ok_or(KeysError::NoAction { context: context.word(), found: word, known })?;
        let texts = match written {
            Written::One(text) => vec![text],
            Written::Several(texts) => texts,
        };
        let keys: Result<Vec<Press>, String> =
            texts.into_iter().map(|text| Press::parse(&text).ok_or(text)).collect();
        binding.keys = keys.map_err(|found| KeysError::NoKey {
            context: context.word(),
            action: binding.action.word(),
            found,
        })?;
        Ok(())
    }

    fn check(&self) -> Result<(), KeysError> {
        for (place, one) in self.bindings.iter().enumerate() {
            let others = self.bindings.iter().skip(place + 1).filter(|other| other.context == one.context);
            for other in others {
                if let Some(key) = one.keys.iter().find(|key| other.keys.contains(key)) {
                    return Err(KeysError::Conflict {
                        context: one.context.word(),
                        key: key.to_string(),
                        one: one.action.word(),
                        other: other.action.word(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Returns the rows of one context, in the order of the help.
    pub fn of(&self, context: Context) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(move |binding| binding.context == context)
    }

    /// Returns the actions of a key in a context, the innermost first: a screen may pass the key on to the
    /// next.
    pub fn actions(&self, context: Context, key: KeyEvent) -> Vec<Action> {
        let press = Press::of(key);
        let mut found = Vec::new();
        let mut here = Some(context);
        while let Some(context) = here {
            found.extend(
                self.of(context)
                    .filter(|binding| binding.keys.contains(&press))
                    .map(|binding| binding.action),
            );
            here = context.beyond();
        }
        found
    }

    /// Returns the index of a key among the keys of an action, in this context or an outer one: some actions
    /// have one meaning per key.
    pub fn place(&self, context: Context, action: Action, key: KeyEvent) -> usize {
        let press = Press::of(key);
        let mut here = Some(context);
        while let Some(context) = here {
            let binding = self.of(context).find(|binding| binding.action == action);
            if let Some(place) = binding.and_then(|binding| binding.keys.iter().position(|key| *key == press))
            {
                return place;
            }
            here = context.beyond();
        }
        0
    }

    /// Returns the first key of an action, in this context or an outer one.
    pub fn key(&self, context: Context, action: Action) -> Option<Press> {
        let mut here = Some(context);
        while let Some(context) = here {
            if let Some(binding) = self.of(context).find(|binding| binding.action == action) {
                return binding.keys.first().copied();
            }
            here = context.beyond();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyModifiers;

    use super::*;

    fn key(text: &str) -> KeyEvent {
        let press = Press::parse(text).unwrap();
        let ctrl = if press.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        KeyEvent::new(press.code, ctrl)
    }

    #[test]
    fn the_table_has_no_conflict_and_every_key_in_it_is_one() {
        let map = KeyMap::default();
        assert_eq!(map.check(), Ok(()));
        for (binding, (_, action, text)) in map.bindings.iter().zip(TABLE) {
            assert_eq!(binding.keys.len(), text.split(' ').count(), "{action:?}");
            for press in &binding.keys {
                assert_eq!(Press::parse(&press.to_string()), Some(*press));
            }
        }
    }

    #[test]
    fn every_action_has_a_key_and_a_word_of_its_own() {
        for (place, action) in Action::ALL.iter().enumerate() {
            assert_eq!(Action::parse(action.word()), Some(*action));
            assert!(TABLE.iter().any(|(_, known, _)| known == action), "{action:?} has no key");
            assert!(Action::ALL.iter().skip(place + 1).all(|other| other.word() != action.word()));
            assert!(!action.help().is_empty() && !action.short().is_empty());
        }
    }

    #[test]
    fn the_nearest_meaning_comes_first() {
        let map = KeyMap::default();
        assert_eq!(map.actions(Context::Approvals, key("n")), [Action::Newest]);
        assert_eq!(map.actions(Context::Approvals, key("j")), [Action::Down]);
        assert_eq!(map.actions(Context::Approvals, key("?")), [Action::Help]);
        assert_eq!(map.actions(Context::Log, key("e")), [Action::Explain]);
        assert_eq!(map.actions(Context::Everywhere, key("a")), []);
        assert_eq!(map.actions(Context::Sessions, key("ctrl-d")), [Action::HalfDown]);
        assert_eq!(map.actions(Context::Replay, key("3")), [Action::Tenths, Action::ToReplay]);
        assert_eq!(map.place(Context::Replay, Action::Tenths, key("3")), 3);
        assert_eq!(map.place(Context::Approvals, Action::Down, key("down")), 1);
        assert_eq!(map.place(Context::Replay, Action::Pause, key("x")), 0);
    }

    #[test]
    fn a_file_changes_keys_and_what_is_wrong_in_it_is_named() {
        let map = KeyMap::read("[approvals]\napprove = \"f2\"\ndeny = [\"D\", \"delete\"]\n").unwrap();
        assert_eq!(map.actions(Context::Approvals, key("f2")), [Action::Approve]);
        assert_eq!(map.actions(Context::Approvals, key("a")), []);
        assert_eq!(map.key(Context::Approvals, Action::Deny).unwrap().to_string(), "D");
        for (text, says) in [
            ("[approvals]\napprove = \"d\"\n", "[approvals] the key d would do both approve and deny"),
            ("[approval]\napprove = \"x\"\n", "[approval] is not a table of keys"),
            ("[approvals]\naprove = \"x\"\n", "[approvals] \"aprove\" is no action there; known are approve"),
            ("[approvals]\napprove = \"hyper-x\"\n", "approve = \"hyper-x\": no such key"),
            ("[approvals]\napprove = \"ctrl-\"\n", "no such key"),
            ("approve = \"x\"\n", "TOML parse error"),
            ("[approvals]\napprove = 7\n", "TOML parse error"),
        ] {
            let error = KeyMap::read(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
    }
}
