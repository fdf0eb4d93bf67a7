//! The prepared statements and portals of a session, by name. As in the server, those of the protocol and
//! those of SQL (`PREPARE`, `DECLARE`) share one namespace.
//!
//! The state here is what the server has if everything sent in the open series (the messages up to a `Sync`)
//! succeeds. If one fails, the server skips the rest of the series, and what the rest has changed here is
//! undone. A name that an earlier series may still change is not looked up before that series is answered
//! (see [`super::meaning`]).

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::sql::NameAction;
use crate::domain::sql::NameUse;
use crate::domain::sql::Transaction;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::rows::RowPlan;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::targets::CatalogView;
use crate::protocol::postgres::wire::values::Format;

/// The most names of each kind that a session may have.
const MOST: usize = 8192;
/// The most bytes of SQL and parameter types that all prepared statements may hold.
const MOST_TEXT: usize = 16 << 20;
/// The longest name, in bytes. The server compares no more (`NAMEDATALEN` - 1), so that two longer names
/// could be the same to it.
pub(super) const LONGEST_NAME: usize = 63;

/// The number of a message within its session: later ones have greater numbers.
pub(super) type Number = u64;

/// The SQL of a prepared statement or cursor.
pub(super) struct Definition {
    /// The SQL, byte for byte.
    pub(super) sql: Bytes,
    /// The types of its parameters, as sent in the `Parse`.
    pub(super) types: Bytes,
    /// What the SQL does.
    pub(super) judgement: Arc<Judgement>,
    /// How its rows were masked when it was last described.
    pub(super) described: RefCell<Option<Described>>,
}

/// How the rows of a statement are masked. Valid for these formats, this view of the catalog and this
/// exposure.
#[derive(Clone)]
pub(super) struct Described {
    pub(super) results: Vec<Format>,
    pub(super) known: Arc<CatalogView>,
    pub(super) exposure: Exposure,
    pub(super) plan: Rc<RowPlan>,
    /// The names of the columns, as recorded.
    pub(super) columns: Rc<str>,
}

impl Definition {
    /// Copies a text out of the buffer it came in.
    pub(super) fn new(sql: &[u8], types: &[u8], judgement: Arc<Judgement>) -> Rc<Self> {
        Rc::new(Self {
            sql: Bytes::copy_from_slice(sql),
            types: Bytes::copy_from_slice(types),
            judgement,
            described: RefCell::new(None),
        })
    }

    /// Returns the names of prepared statements and cursors that it uses, creates or closes.
    pub(super) fn uses(&self) -> &[NameUse] {
        self.judgement.effects().map(|effects| effects.names.as_slice()).unwrap_or_default()
    }

    /// Returns whether it may end a transaction: such a text runs even in a failed one.
    pub(super) fn ends_transaction(&self) -> bool {
        let ends = |word: &Transaction| {
            matches!(
                word,
                Transaction::Commit | Transaction::Rollback | Transaction::RollbackTo | Transaction::Prepare
            )
        };
        self.judgement.effects().is_some_and(|effects| effects.transaction.iter().any(ends))
    }

    fn weight(&self) -> usize {
        self.sql.len().saturating_add(self.types.len())
    }

    /// Returns its weight where it is run by name: its text is masked, recorded and shown, and its effects
    /// are merged into those of the statement that runs it.
    fn run_weight(&self) -> usize {
        let effects = self.judgement.effects().map_or(0, |effects| effects.weight());
        self.weight().saturating_mul(4).saturating_add(effects)
    }
}

/// A prepared statement.
#[derive(Clone)]
pub(super) struct Statement {
    /// The number of the message that created it.
    pub(super) number: Number,
    pub(super) definition: Rc<Definition>,
}

/// A portal: a statement with its parameter values, ready to run or running.
#[derive(Clone)]
pub(super) struct Portal {
    /// The number of the message that created it.
    pub(super) number: Number,
    pub(super) definition: Rc<Definition>,
    /// The command that was admitted at its `Bind`; `None` for an SQL cursor, which is admitted each time it
    /// is run.
    pub(super) run: Option<Run>,
}

/// Returned when a session has more names than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session has more prepared statements or cursors than the {MOST} names or {} MiB of SQL that this gateway keeps; deallocate some", MOST_TEXT >> 20)]
pub(super) struct TooMany;

/// All prepared statements and portals of a session.
#[derive(Default)]
pub(super) struct Names {
    statements: HashMap<Box<[u8]>, Statement>,
    portals: HashMap<Box<[u8]>, Portal>,
    text: usize,
}

impl Names {
    /// Returns the prepared statement with this name.
    pub(super) fn statement(&self, name: &[u8]) -> Option<&Statement> {
        self.statements.get(name)
    }

    /// Returns the portal with this name.
    pub(super) fn portal(&self, name: &[u8]) -> Option<&Portal> {
        self.portals.get(name)
    }

    /// Sets what a statement name stands for. Returns what it stood for before.
    pub(super) fn set_statement(
        &mut self,
        name: &[u8],
        statement: Statement,
    ) -> Result<Option<Statement>, TooMany> {
        let before = self.statements.get(name).cloned();
        let freed = before.as_ref().map_or(0, |before| before.definition.weight());
        let text = self.text.saturating_sub(freed).saturating_add(statement.definition.weight());
        if text > MOST_TEXT || (before.is_none() && self.statements.len() >= MOST) {
            return Err(TooMany);
        }
        self.text = text;
        self.statements.insert(name.into(), statement);
        Ok(before)
    }

    /// Sets what a portal name stands for. Returns what it stood for before.
    pub(super) fn set_portal(&mut self, name: &[u8], portal: Portal) -> Result<Option<Portal>, TooMany> {
        if self.portals.len() >= MOST && !self.portals.contains_key(name) {
            self.forget_oldest_cursor();
        }
        if self.portals.len() >= MOST && !self.portals.contains_key(name) {
            return Err(TooMany);
        }
        Ok(self.portals.insert(name.into(), portal))
    }

    /// Makes room by forgetting the oldest SQL cursor: most have ended with their transaction. One that has
    /// not is refused as unknown when it is used again.
    fn forget_oldest_cursor(&mut self) {
        let cursors = self.portals.iter().filter(|(_, portal)| portal.run.is_none());
        let oldest = cursors.min_by_key(|(_, portal)| portal.number).map(|(name, _)| name.clone());
        if let Some(name) = oldest {
            self.portals.remove(&name);
        }
    }

    /// Sets the new command of a portal that has run to its end and is run again.
    pub(super) fn rerun(&mut self, name: &[u8], run: Run) {
        if let Some(portal) = self.portals.get_mut(name) {
            portal.run = Some(run);
        }
    }

    /// Restores what a statement name stood for.
    pub(super) fn restore_statement(&mut self, name: &[u8], before: Option<Statement>) {
        self.drop_statement(name);
        if let Some(before) = before {
            self.text = self.text.saturating_add(before.definition.weight());
            self.statements.insert(name.into(), before);
        }
    }

    /// Restores what a portal name stood for.
    pub(super) fn restore_portal(&mut self, name: &[u8], before: Option<Portal>) {
        self.portals.remove(name);
        if let Some(before) = before {
            self.portals.insert(name.into(), before);
        }
    }

    fn drop_statement(&mut self, name: &[u8]) {
        if let Some(gone) = self.statements.remove(name) {
            self.text = self.text.saturating_sub(gone.definition.weight());
        }
    }

    /// Forgets the prepared statement with this name if it was created before message `before`: the server
    /// has closed it.
    pub(super) fn forget_statement(&mut self, name: &[u8], before: Number) {
        if self.statements.get(name).is_some_and(|statement| statement.number < before) {
            self.drop_statement(name);
        }
    }

    /// Forgets the portal with this name if it was created before message `before`: the server has closed it.
    pub(super) fn forget_portal(&mut self, name: &[u8], before: Number) {
        if self.portals.get(name).is_some_and(|portal| portal.number < before) {
            self.portals.remove(name);
        }
    }

    /// Forgets the portals that were bound before message `before`: their transaction has ended. SQL cursors
    /// stay, since they may be `WITH HOLD`.
    pub(super) fn transaction_ended(&mut self, before: Number) {
        self.portals.retain(|_, portal| portal.number >= before || portal.run.is_none());
    }

    /// Notes, in order, what a text has created and closed by name. Called when it has run without an error.
    pub(super) fn ran(&mut self, definition: &Rc<Definition>, number: Number) {
        for entry in definition.uses() {
            let name = entry.name.as_deref().map(str::as_bytes);
            match (entry.action, name) {
                (NameAction::Prepare, Some(name)) => self.learn_statement(name, definition, number),
                (NameAction::Declare, Some(name)) => self.learn_cursor(name, definition, number),
                (NameAction::Deallocate, Some(name)) => self.forget_statement(name, number),
                (NameAction::Close, Some(name)) => self.forget_portal(name, number),
                (NameAction::Deallocate, None) => self.forget_all_statements(number),
                (NameAction::Close, None) => self.portals.retain(|_, portal| portal.number >= number),
                (NameAction::Execute | NameAction::Fetch | NameAction::Position, _)
                | (NameAction::Prepare | NameAction::Declare, None) => {}
            }
        }
    }

    fn learn_statement(&mut self, name: &[u8], definition: &Rc<Definition>, number: Number) {
        if self.statements.get(name).is_some_and(|statement| statement.number > number) {
            return;
        }
        let statement = Statement { number, definition: Rc::clone(definition) };
        if self.set_statement(name, statement).is_err() {
            // Nothing is known of it, so its use is refused.
            self.drop_statement(name);
        }
    }

    fn learn_cursor(&mut self, name: &[u8], definition: &Rc<Definition>, number: Number) {
        if self.portals.get(name).is_some_and(|portal| portal.number > number) {
            return;
        }
        let portal = Portal { number, definition: Rc::clone(definition), run: None };
        if self.set_portal(name, portal).is_err() {
            self.portals.remove(name);
        }
    }

    fn forget_all_statements(&mut self, before: Number) {
        let names: Vec<Box<[u8]>> = self.statements.keys().cloned().collect();
        for name in names {
            self.forget_statement(&name, before);
        }
    }

    /// Forgets all that a failed text creates or closes by name: how far it came is unknown, and prepared
    /// statements survive the failure.
    pub(super) fn failed(&mut self, definition: &Definition, number: Number) {
        for entry in definition.uses() {
            let name = entry.name.as_deref().map(str::as_bytes);
            match (entry.action, name) {
                (NameAction::Prepare | NameAction::Deallocate, Some(name)) => {
                    self.forget_statement(name, number);
                }
                (NameAction::Declare | NameAction::Close, Some(name)) => self.forget_portal(name, number),
                (NameAction::Deallocate, None) => self.forget_all_statements(number),
                (NameAction::Close, None) => self.portals.retain(|_, portal| portal.number >= number),
                (NameAction::Execute | NameAction::Fetch | NameAction::Position, _)
                | (NameAction::Prepare | NameAction::Declare, None) => {}
            }
        }
    }

    /// Returns the definitions that a text runs or reads by name: one for each name, in the order of first
    /// use.
    pub(super) fn runs(&self, definition: &Definition) -> Vec<Rc<Definition>> {
        let mut seen: HashSet<(bool, Option<&str>)> = HashSet::new();
        let uses = definition.uses().iter();
        uses.filter(|entry| {
            matches!(entry.action, NameAction::Execute | NameAction::Fetch | NameAction::Position)
        })
        .filter(|entry| seen.insert((entry.action == NameAction::Execute, entry.name.as_deref())))
        .filter_map(|entry| self.definition(entry))
        .collect()
    }

    /// Returns those definitions, and the ones that they run or read in turn, each once: a prepared statement
    /// may change the current row of a cursor.
    pub(super) fn all_runs(&self, definition: &Definition) -> Vec<Rc<Definition>> {
        let mut all = self.runs(definition);
        let mut seen: HashSet<*const Definition> = all.iter().map(Rc::as_ptr).collect();
        let mut place = 0_usize;
        while let Some(run) = all.get(place).cloned() {
            all.extend(self.runs(&run).into_iter().filter(|run| seen.insert(Rc::as_ptr(run))));
            place = place.saturating_add(1);
        }
        all
    }

    /// Returns the total weight of what a text runs by name, directly and in turn, up to a depth.
    pub(super) fn weight_run(&self, definition: &Definition, depth: usize) -> usize {
        self.weigh_runs(definition, depth, &mut HashMap::new())
    }

    fn weigh_runs(
        &self,
        definition: &Definition,
        depth: usize,
        weighed: &mut HashMap<(*const Definition, usize), usize>,
    ) -> usize {
        let Some(deeper) = depth.checked_sub(1) else { return 0 };
        let place = (std::ptr::from_ref(definition), depth);
        if let Some(weight) = weighed.get(&place) {
            return *weight;
        }
        let weight = self.runs(definition).iter().fold(0_usize, |sum, run| {
            sum.saturating_add(run.run_weight()).saturating_add(self.weigh_runs(run, deeper, weighed))
        });
        weighed.insert(place, weight);
        weight
    }

    /// Returns what a name stands for that is executed or fetched from; `None` if it is unknown, or neither
    /// is done.
    pub(super) fn definition(&self, entry: &NameUse) -> Option<Rc<Definition>> {
        let name = entry.name.as_deref()?.as_bytes();
        match entry.action {
            NameAction::Execute => self.statement(name).map(|statement| Rc::clone(&statement.definition)),
            NameAction::Fetch | NameAction::Position => {
                self.portal(name).map(|portal| Rc::clone(&portal.definition))
            }
            NameAction::Prepare | NameAction::Deallocate | NameAction::Declare | NameAction::Close => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sql::Effects;

    fn definition(sql: &str, names: &[(NameAction, Option<&str>)]) -> Rc<Definition> {
        let names =
            names.iter().map(|&(action, name)| NameUse { action, name: name.map(Into::into) }).collect();
        let effects = Effects { names, ..Effects::default() };
        Definition::new(sql.as_bytes(), b"", Arc::new(Judgement::Effects(Arc::new(effects))))
    }

    fn statement(number: Number) -> Statement {
        Statement { number, definition: definition("0123456789", &[]) }
    }

    fn number(names: &Names, name: &str) -> Option<Number> {
        names.statement(name.as_bytes()).map(|statement| statement.number)
    }

    #[test]
    fn what_the_server_passed_over_is_taken_back() {
        let mut names = Names::default();
        names.set_statement(b"", statement(1)).unwrap();
        let before = names.set_statement(b"", statement(5)).unwrap();
        assert_eq!(number(&names, ""), Some(5));
        names.restore_statement(b"", before);
        assert_eq!(number(&names, ""), Some(1), "the server still has the old one");
        names.restore_statement(b"", None);
        assert_eq!((number(&names, ""), names.text), (None, 0));
    }

    #[test]
    fn a_close_forgets_what_came_before_it_and_nothing_after() {
        let mut names = Names::default();
        names.set_statement(b"p", statement(3)).unwrap();
        names.forget_statement(b"p", 2);
        assert_eq!(number(&names, "p"), Some(3));
        names.ran(&definition("DEALLOCATE ALL", &[(NameAction::Deallocate, None)]), 4);
        assert_eq!((number(&names, "p"), names.text), (None, 0));
    }

    #[test]
    fn what_sql_makes_and_closes_is_learnt_in_its_order() {
        let mut names = Names::default();
        names.set_statement(b"p", statement(1)).unwrap();
        let text = definition("x", &[(NameAction::Deallocate, Some("p")), (NameAction::Prepare, Some("p"))]);
        names.ran(&text, 4);
        assert_eq!(number(&names, "p"), Some(4));
        // It failed at some point: maybe before this, maybe after.
        names.failed(&text, 7);
        assert_eq!(number(&names, "p"), None);
        // A later one stays.
        names.set_statement(b"p", statement(9)).unwrap();
        names.ran(&text, 8);
        assert_eq!(number(&names, "p"), Some(9));
    }

    #[test]
    fn portals_of_the_protocol_die_with_their_transaction_and_cursors_may_live() {
        let mut names = Names::default();
        let portal = |number, run| Portal { number, definition: definition("x", &[]), run };
        let run = || Some(Run::new(definition("x", &[]), Vec::new(), None));
        names.set_portal(b"bound", portal(1, run())).unwrap();
        names.set_portal(b"cursor", portal(2, None)).unwrap();
        names.set_portal(b"later", portal(9, run())).unwrap();
        names.transaction_ended(5);
        assert!(names.portal(b"bound").is_none());
        assert!(names.portal(b"cursor").is_some() && names.portal(b"later").is_some());
    }

    #[test]
    fn what_a_text_runs_counts_once_for_each_name_and_as_often_as_it_is_put_into_another() {
        let mut names = Names::default();
        let run = |names: &[&str]| {
            let uses: Vec<_> = names.iter().map(|name| (NameAction::Execute, Some(*name))).collect();
            definition("0123456789", &uses)
        };
        let one = run(&[]).run_weight();
        names.set_statement(b"a", Statement { number: 1, definition: run(&[]) }).unwrap();
        names.set_statement(b"b", Statement { number: 1, definition: run(&["a", "a"]) }).unwrap();
        let text = run(&["a", "b", "none"].repeat(1000));
        assert_eq!(names.runs(&text).len(), 2);
        let both = names.weight_run(&run(&["b"]), 4);
        assert!(both > 2 * one && names.weight_run(&text, 4) == both + one);
        // Statements that all run each other are weighed up to the depth, in little time however many there
        // are.
        for name in 0..300 {
            let all: Vec<String> = (0..300).map(|other| other.to_string()).collect();
            let all = run(&all.iter().map(String::as_str).collect::<Vec<_>>());
            names
                .set_statement(name.to_string().as_bytes(), Statement { number: 1, definition: all })
                .unwrap();
        }
        let began = std::time::Instant::now();
        assert!(names.weight_run(&run(&["7"]), 4) > 1 << 32);
        assert!(began.elapsed() < std::time::Duration::from_secs(20));
    }

    #[test]
    fn there_is_an_end_to_names() {
        let mut names = Names::default();
        for number in 0..MOST {
            names.set_statement(number.to_string().as_bytes(), statement(1)).unwrap();
        }
        assert_eq!(names.set_statement(b"one more", statement(1)).err(), Some(TooMany));
        for number in 0..=MOST {
            let portal = Portal { number: 1, definition: definition("x", &[]), run: None };
            names.set_portal(number.to_string().as_bytes(), portal).unwrap();
        }
        assert_eq!(names.portals.len(), MOST, "the oldest cursor made room");
        let large = Definition::new(&vec![b' '; MOST_TEXT], b"", definition("x", &[]).judgement.clone());
        let large = Statement { number: 1, definition: large };
        assert_eq!(Names::default().set_statement(b"p", large.clone()).err(), None);
        assert_eq!(names.set_statement(b"1", large).err(), Some(TooMany));
    }
}
