//! The prepared statements and portals of a session, by name: one namespace for those of the protocol and those of SQL
//! (`PREPARE`, `DECLARE`), as in the server.
//!
//! What a name stands for changes when the server says so, but the next message that uses it may come before. So a name has
//! *candidates*: all that it may stand for by now. A use is judged as every one of them; the reply settles which it is. Nothing is
//! forgotten that the server may still know; what it has forgotten and we have not costs nothing, for the server refuses its use.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::sql::NameAction;
use crate::domain::sql::NameUse;
use crate::protocol::postgres::rows::Reach;
use crate::protocol::postgres::rows::RowPlan;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::targets::Known;
use crate::protocol::postgres::wire::values::Format;

/// How many names of each kind a session may have.
const MOST: usize = 8192;
/// How many candidates one name may have.
const MOST_CANDIDATES: usize = 16;
/// How many bytes of SQL all of them may hold.
const MOST_TEXT: usize = 32 << 20;

/// Counts the messages of a session: who came later has the greater number.
pub(super) type Number = u64;

/// What a name stands for.
pub(super) struct Definition {
    /// The message it came with.
    pub(super) number: Number,
    /// The SQL, exactly.
    pub(super) sql: Bytes,
    /// What it does.
    pub(super) command: Command,
    /// The types of its parameters, as its `Parse` has them.
    pub(super) types: Bytes,
    /// How its rows were masked when it was last described.
    pub(super) described: RefCell<Option<Described>>,
}

/// How the rows of a statement are masked. It holds for these formats, this knowledge of the catalogue, this reach.
#[derive(Clone)]
pub(super) struct Described {
    pub(super) results: Vec<Format>,
    pub(super) known: Arc<Known>,
    pub(super) reach: Reach,
    pub(super) plan: Rc<RowPlan>,
    /// The names of the columns, as the recording has them.
    pub(super) columns: Rc<str>,
}

impl Definition {
    /// A statement that came with a message.
    pub(super) fn new(number: Number, sql: Bytes, command: Command) -> Self {
        Self { number, sql, command, types: Bytes::new(), described: RefCell::new(None) }
    }
}

/// A portal: a statement with its values, ready to run, or running.
#[derive(Clone)]
pub(super) struct Portal {
    pub(super) number: Number,
    pub(super) definition: Rc<Definition>,
    /// What was admitted at its `Bind`; `None` for a cursor of SQL, which is admitted when it is run.
    pub(super) run: Option<Run>,
}

/// More names than a session may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session has more prepared statements or cursors than the {MOST} names or {} MiB of SQL that this gateway keeps; deallocate some", MOST_TEXT >> 20)]
pub(super) struct TooMany;

/// All names of a session.
#[derive(Default)]
pub(super) struct Names {
    statements: HashMap<Box<[u8]>, Vec<Rc<Definition>>>,
    portals: HashMap<Box<[u8]>, Vec<Portal>>,
    text: usize,
}

impl Names {
    /// What a prepared statement may be; the latest last.
    pub(super) fn statement(&self, name: &[u8]) -> &[Rc<Definition>] {
        self.statements.get(name).map_or(&[], Vec::as_slice)
    }

    /// What a portal may be; the latest last.
    pub(super) fn portal(&self, name: &[u8]) -> &[Portal] {
        self.portals.get(name).map_or(&[], Vec::as_slice)
    }

    /// A prepared statement may from now on be this one too. The unnamed one is nothing else any more.
    pub(super) fn add_statement(&mut self, name: &[u8], definition: Rc<Definition>) -> Result<(), TooMany> {
        if name.is_empty() {
            self.keep_statements(name, |_| false);
        }
        let full = self.statement(name).len() >= MOST_CANDIDATES
            || self.statements.len() >= MOST && !self.statements.contains_key(name);
        let text = self.text.saturating_add(definition.sql.len());
        if full || text > MOST_TEXT {
            return Err(TooMany);
        }
        self.text = text;
        self.statements.entry(name.into()).or_default().push(definition);
        Ok(())
    }

    /// A portal may from now on be this one too.
    pub(super) fn add_portal(&mut self, name: &[u8], portal: Portal) -> Result<(), TooMany> {
        if name.is_empty() {
            self.keep_portals(name, |_| false);
        }
        if self.portals.len() >= MOST && !self.portals.contains_key(name) {
            self.forget_oldest_cursor();
        }
        let full = self.portal(name).len() >= MOST_CANDIDATES
            || self.portals.len() >= MOST && !self.portals.contains_key(name);
        if full {
            return Err(TooMany);
        }
        self.portals.entry(name.into()).or_default().push(portal);
        Ok(())
    }

    /// Makes room: most cursors of SQL have died with their transaction. One that has not is refused as unknown when it is used again.
    fn forget_oldest_cursor(&mut self) {
        let cursors =
            self.portals.iter().filter(|(_, portals)| portals.iter().all(|portal| portal.run.is_none()));
        let oldest = cursors.min_by_key(|(_, portals)| portals.iter().map(|portal| portal.number).max());
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.portals.remove(&name);
        }
    }

    fn keep_statements(&mut self, name: &[u8], keep: impl Fn(&Definition) -> bool) {
        let Some(candidates) = self.statements.get_mut(name) else { return };
        let text = &mut self.text;
        candidates.retain(|definition| {
            let kept = keep(definition);
            if !kept {
                *text = text.saturating_sub(definition.sql.len());
            }
            kept
        });
        if candidates.is_empty() {
            self.statements.remove(name);
        }
    }

    fn keep_portals(&mut self, name: &[u8], keep: impl Fn(&Portal) -> bool) {
        let Some(candidates) = self.portals.get_mut(name) else { return };
        candidates.retain(keep);
        if candidates.is_empty() {
            self.portals.remove(name);
        }
    }

    /// The server has taken the statement of this message: it is what the name stands for.
    pub(super) fn settle_statement(&mut self, name: &[u8], number: Number) {
        if self.statement(name).iter().any(|definition| definition.number == number) {
            self.keep_statements(name, |definition| definition.number >= number);
        }
    }

    /// The server has taken the portal of this message.
    pub(super) fn settle_portal(&mut self, name: &[u8], number: Number) {
        if self.portal(name).iter().any(|portal| portal.number == number) {
            self.keep_portals(name, |portal| portal.number >= number);
        }
    }

    /// The server has not taken the statement of this message.
    pub(super) fn withdraw_statement(&mut self, name: &[u8], number: Number) {
        self.keep_statements(name, |definition| definition.number != number);
    }

    /// The server has not taken the portal of this message.
    pub(super) fn withdraw_portal(&mut self, name: &[u8], number: Number) {
        self.keep_portals(name, |portal| portal.number != number);
    }

    /// The server has forgotten the statement of this name, if it was made before this message.
    pub(super) fn forget_statement(&mut self, name: &[u8], before: Number) {
        self.keep_statements(name, |definition| definition.number >= before);
    }

    /// The server has forgotten the portal of this name, if it was made before this message.
    pub(super) fn forget_portal(&mut self, name: &[u8], before: Number) {
        self.keep_portals(name, |portal| portal.number >= before);
    }

    /// A transaction has ended: portals of the protocol that were bound before this message are gone. Cursors of SQL may be `WITH HOLD`.
    pub(super) fn transaction_ended(&mut self, before: Number) {
        self.portals.retain(|_, candidates| {
            candidates.retain(|portal| portal.number >= before || portal.run.is_none());
            !candidates.is_empty()
        });
    }

    /// A text has been run without an error: what it made is what its names stand for, what it closed is gone.
    pub(super) fn ran(&mut self, uses: &[NameUse], number: Number) {
        for entry in uses {
            let name = entry.name.as_deref().map(str::as_bytes);
            match (entry.action, name) {
                (NameAction::Prepare, Some(name)) => self.settle_statement(name, number),
                (NameAction::Declare, Some(name)) => self.settle_portal(name, number),
                (NameAction::Deallocate, Some(name)) => self.forget_statement(name, number),
                (NameAction::Close, Some(name)) => self.forget_portal(name, number),
                (NameAction::Deallocate, None) => {
                    let names: Vec<Box<[u8]>> = self.statements.keys().cloned().collect();
                    for name in names {
                        self.forget_statement(&name, number);
                    }
                }
                (NameAction::Close, None) => self.portals.retain(|_, candidates| {
                    candidates.retain(|portal| portal.number >= number);
                    !candidates.is_empty()
                }),
                (NameAction::Execute | NameAction::Fetch, _)
                | (NameAction::Prepare | NameAction::Declare, None) => {}
            }
        }
    }

    /// The worst class of all that a name may stand for, without what its opaque functions may do; `None` where nothing is known of it.
    pub(super) fn class(&self, entry: &NameUse) -> Option<Class> {
        self.definitions(entry)
            .iter()
            .map(|definition| definition.command.sql().map_or(definition.command.class, |sql| sql.base))
            .max()
    }

    /// All that a name that is run or fetched from may stand for.
    pub(super) fn definitions(&self, entry: &NameUse) -> Vec<Rc<Definition>> {
        let Some(name) = entry.name.as_deref() else { return Vec::new() };
        match entry.action {
            NameAction::Execute => self.statement(name.as_bytes()).to_vec(),
            NameAction::Fetch => {
                self.portal(name.as_bytes()).iter().map(|portal| Rc::clone(&portal.definition)).collect()
            }
            NameAction::Prepare | NameAction::Deallocate | NameAction::Declare | NameAction::Close => {
                Vec::new()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Protocol;
    use crate::domain::SqlCommand;
    use crate::domain::command::Words;

    fn definition(number: Number, class: Class) -> Rc<Definition> {
        let sql = SqlCommand { text: "x".into(), effects: None, base: class, opaque: Vec::new() };
        let command = Command { protocol: Protocol::Postgres, class, words: Words::Sql(sql) };
        Rc::new(Definition::new(number, Bytes::from_static(b"0123456789"), command))
    }

    fn run(name: &str) -> NameUse {
        NameUse { action: NameAction::Execute, name: Some(name.into()) }
    }

    fn numbers(names: &Names, name: &str) -> Vec<Number> {
        names.statement(name.as_bytes()).iter().map(|definition| definition.number).collect()
    }

    #[test]
    fn a_name_is_everything_it_may_be_until_the_server_has_spoken() {
        let mut names = Names::default();
        names.add_statement(b"p", definition(1, Class::Write)).unwrap();
        // The client makes it again: whether the server takes that is not known yet.
        names.add_statement(b"p", definition(5, Class::Read)).unwrap();
        assert_eq!(names.class(&run("p")), Some(Class::Write), "the worse counts");
        names.withdraw_statement(b"p", 5);
        assert_eq!(numbers(&names, "p"), [1]);
        names.add_statement(b"p", definition(7, Class::Read)).unwrap();
        names.settle_statement(b"p", 7);
        assert_eq!((numbers(&names, "p"), names.class(&run("p"))), (vec![7], Some(Class::Read)));
        assert_eq!(names.class(&run("q")), None);
    }

    #[test]
    fn a_close_forgets_what_came_before_it_and_nothing_after() {
        let mut names = Names::default();
        names.add_statement(b"p", definition(1, Class::Write)).unwrap();
        names.add_statement(b"p", definition(3, Class::Read)).unwrap();
        names.forget_statement(b"p", 2);
        assert_eq!(numbers(&names, "p"), [3]);
        let all = NameUse { action: NameAction::Deallocate, name: None };
        names.ran(std::slice::from_ref(&all), 3);
        assert_eq!(numbers(&names, "p"), [3], "made in the same text");
        names.ran(&[all], 4);
        assert!(numbers(&names, "p").is_empty() && names.text == 0);
    }

    #[test]
    fn the_unnamed_statement_is_the_last_one_only() {
        let mut names = Names::default();
        names.add_statement(b"", definition(1, Class::Write)).unwrap();
        names.add_statement(b"", definition(2, Class::Read)).unwrap();
        assert_eq!(numbers(&names, ""), [2]);
    }

    #[test]
    fn portals_of_the_protocol_die_with_their_transaction_and_cursors_may_live() {
        let mut names = Names::default();
        let portal = |number, run| Portal { number, definition: definition(number, Class::Read), run };
        names
            .add_portal(b"bound", portal(1, Some(Run::new(definition(0, Class::Read), Vec::new(), None))))
            .unwrap();
        names.add_portal(b"cursor", portal(2, None)).unwrap();
        names
            .add_portal(b"later", portal(9, Some(Run::new(definition(0, Class::Read), Vec::new(), None))))
            .unwrap();
        names.transaction_ended(5);
        assert!(names.portal(b"bound").is_empty());
        assert!(names.portal(b"cursor").len() == 1 && names.portal(b"later").len() == 1);
    }

    #[test]
    fn there_is_an_end_to_names() {
        let mut names = Names::default();
        for number in 0..MOST {
            names.add_statement(number.to_string().as_bytes(), definition(1, Class::Read)).unwrap();
        }
        assert_eq!(names.add_statement(b"one more", definition(1, Class::Read)), Err(TooMany));
        for number in 0..=MOST {
            let portal = Portal { number: 1, definition: definition(1, Class::Read), run: None };
            names.add_portal(number.to_string().as_bytes(), portal).unwrap();
        }
        assert_eq!(names.portals.len(), MOST, "the oldest cursor made room");
    }
}
