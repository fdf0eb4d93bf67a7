//! What SQL means in this session: the command that it is, with what it runs by name, and whether all that
//! this depends on is known for sure.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Predicates;
use crate::domain::command::Words;
use crate::domain::sql::Access;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;
use crate::domain::sql::NameAction;
use crate::domain::sql::NameUse;
use crate::domain::sql::Object;
use crate::domain::sql::Relation;
use crate::protocol::postgres::command::by_its_words;
use crate::protocol::postgres::command::command;
use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::rows::Guess;
use crate::protocol::postgres::session::judge_message::runs_names;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::targets::CatalogView;
use crate::protocol::postgres::targets::Change;

/// The depth to which statements that run each other by name are followed.
const DEEPEST: usize = 4;
/// The most that these may weigh together, each counted as often as it is run by another one.
const MOST_RUN: usize = 16 << 20;

/// The schema of the server's own functions: what they do is known by their names, or not at all.
const OWN_SCHEMA: &str = "pg_catalog";
/// The relation whose rows are the settings of the session.
const SETTINGS: &str = "pg_settings";

/// What a text means.
pub(super) struct Meaning {
    /// The command it is.
    pub(super) command: Command,
    /// The commands that it runs by name, directly and in turn.
    pub(super) also: Vec<Command>,
    /// The SQL of those commands.
    pub(super) runs: Vec<Rc<Definition>>,
    /// Where masked values may appear in its output.
    pub(super) exposure: Exposure,
    /// What it does with masked columns that their masks forbid.
    pub(super) guess: Option<Guess>,
}

impl SessionState {
    /// Returns whether nothing is running that may change how SQL is lexed or where names are looked up.
    pub(super) fn reads_surely(&self) -> bool {
        self.last_changes.knows_reading(&self.pending.borrow())
    }

    /// Returns whether it is certain what a prepared statement is; `made` is the message that created it, or
    /// `None`.
    pub(super) fn statement_is_sure(&self, made: Option<Number>) -> bool {
        self.last_changes.knows_statement(made, &self.pending.borrow())
    }

    /// Returns whether it is certain what a portal is; `made` is the message that created it, or `None`.
    pub(super) fn portal_is_sure(&self, made: Option<Number>) -> bool {
        self.last_changes.knows_portal(made, &self.pending.borrow())
    }

    /// Returns whether it is certain what all names that a text runs or reads stand for.
    pub(super) fn names_are_sure(&self, definition: &Definition) -> bool {
        let names = self.names.borrow();
        let sure = |entry: &NameUse| {
            let name = entry.name.as_deref().unwrap_or_default().as_bytes();
            match entry.action {
                NameAction::Execute => {
                    self.statement_is_sure(names.statement(name).map(|statement| statement.number))
                }
                NameAction::Fetch | NameAction::Position => {
                    self.portal_is_sure(names.portal(name).map(|portal| portal.number))
                }
                NameAction::Prepare | NameAction::Deallocate | NameAction::Declare | NameAction::Close => {
                    true
                }
            }
        };
        definition.uses().iter().all(sure)
            && names.all_runs(definition).iter().all(|run| run.uses().iter().all(sure))
    }

    /// Returns whether nothing that is running can change what a text depends on in the catalog: the code
    /// that it calls, and the relations that share rows with those it names.
    pub(super) fn code_is_sure(&self, definition: &Definition) -> bool {
        self.last_changes.knows_catalog(&self.pending.borrow())
            || !(needs_code(definition) || self.wants_kin(definition) || cascades(definition))
    }

    /// Returns the view of the catalog if a text needs it: values are masked, policies depend on relations
    /// that share rows with those of the text, or the text calls unknown functions or may call functions
    /// without naming them. `None` if it needs none, or can be judged without.
    ///
    /// # Errors
    /// The catalog cannot be read and is indispensable, or the text runs too much by name.
    pub(super) async fn catalog_if_needed(
        &self,
        definition: &Definition,
    ) -> Result<Option<Arc<CatalogView>>, Denied> {
        if self.names.borrow().weight_run(definition, DEEPEST) > MOST_RUN {
            let detail =
                "the prepared statements and cursors that it runs are too long together; run them one by one";
            return Err(Denied::new(DenyCode::LimitExceeded, detail).because("runs_too_much"));
        }
        let related = if self.wants_kin(definition) {
            self.catalog_with_kin().await?
        } else if cascades(definition) {
            // Without it, any relation may be emptied.
            self.catalog_with_kin().await.unwrap_or_default()
        } else {
            None
        };
        match self.catalog_if_masked().await? {
            None => {}
            known => return Ok(known),
        }
        if related.is_some() {
            return Ok(related);
        }
        let Some(effects) = definition.judgement.effects() else { return Ok(None) };
        // Of the server's own functions the catalog view lists only the volatile ones.
        let mut schemas = effects.opaque.iter().map(|function| function.object.schema.as_deref());
        let calls = schemas.any(|schema| schema != Some(OWN_SCHEMA));
        if (calls || !definition.uses().is_empty())
            && let Ok(known) = self.catalog().await
        {
            return Ok(Some(known));
        }
        if !needs_code(definition) {
            return Ok(None);
        }
        let tells = |known: &Arc<CatalogView>| {
            let catalog = known.masked.catalog();
            catalog.hides() || catalog.has_setters()
        };
        // Without it unknown functions stay unknown, and only a policy that names them lets them pass.
        let Some(functions) = self.functions().await?.filter(tells) else {
            return Ok(None);
        };
        // Whether something may be a function call depends on the columns, too.
        if functions.masked.catalog().fields().next().is_none() {
            return Ok(Some(functions));
        }
        match self.catalog().await {
            // Columns may have changed since it was read; if they have not, it is merely old.
            Err(denied) if !self.has_relations_of(&functions) => Err(denied),
            known => Ok(Some(known.unwrap_or(functions))),
        }
    }

    /// Returns what a text means now.
    pub(super) fn meaning(&self, definition: &Rc<Definition>, known: Option<&CatalogView>) -> Meaning {
        let command = self.command(definition, known, 0);
        let runs = self.names.borrow().all_runs(definition);
        let also: Vec<Command> = runs.iter().map(|definition| self.command(definition, known, 1)).collect();
        // What a text changes in the catalog also counts for what it runs.
        let effects = definition.judgement.effects();
        let remade = self.transaction.change() >= Change::Relations
            || effects.is_some_and(|effects| effects.remakes());
        let exposure = known.map_or(Exposure::NOTHING, |known| self.exposure(definition, known, remade, 0));
        let guess = known.and_then(|known| self.guess(definition, known, remade, 0));
        Meaning { command, also, runs, exposure, guess }
    }

    /// Applies `of` once to each definition that a text runs or reads by name.
    fn each_run<T>(
        &self,
        definition: &Definition,
        depth: usize,
        of: impl Fn(&Rc<Definition>) -> T,
    ) -> HashMap<*const Definition, T> {
        let mut found = HashMap::new();
        if depth < DEEPEST {
            for run in self.names.borrow().runs(definition) {
                found.entry(Rc::as_ptr(&run)).or_insert_with(|| of(&run));
            }
        }
        found
    }

    fn command(&self, definition: &Definition, known: Option<&CatalogView>, depth: usize) -> Command {
        let runs = self.each_run(definition, depth, |run| self.command(run, known, depth.saturating_add(1)));
        let deeper = |entry: &NameUse| runs.get(&Rc::as_ptr(&self.names.borrow().definition(entry)?));
        let class = |entry: &NameUse| {
            let command = deeper(entry)?;
            Some(command.sql().map_or(command.class, |sql| sql.base))
        };
        let opaque = |effects: &Effects| self.opaque(effects, known);
        let mut command = command(&definition.sql, &definition.judgement, class, opaque);
        Self::see(&mut command, definition, deeper);
        self.tell_emptied(&mut command, known);
        self.tell_kin(&mut command, known);
        self.tell_settings(&mut command, known);
        if self.search_path.is_moved()
            && let Words::Sql(sql) = &mut command.words
            && let Some(effects) = &mut sql.effects
        {
            *effects = Arc::new(effects.with_moved_names());
        }
        command
    }

    /// Adds the relations that a `TRUNCATE … CASCADE` also empties. If the open transaction or the text
    /// itself may have changed relations, the catalog does not show it: then any relation may be emptied.
    fn tell_emptied(&self, command: &mut Command, known: Option<&CatalogView>) {
        let Words::Sql(sql) = &mut command.words else { return };
        let Some(effects) = sql.effects.as_mut().filter(|effects| !effects.cascades.is_empty()) else {
            return;
        };
        let Some(known) = known.filter(|known| known.has_kin()) else { return };
        if self.transaction.change() < Change::Relations
            && !effects.remakes()
            && let Some(emptied) = known.masked.catalog().emptied(&effects.cascades)
        {
            *effects = Arc::new(effects.with_emptied(emptied));
        }
    }

    /// Turns a change of rows that lead to `pg_settings` into a `SET`. What the open transaction has created
    /// is invisible to others: once it may have created such a relation, any relation may be one.
    fn tell_settings(&self, command: &mut Command, known: Option<&CatalogView>) {
        let Words::Sql(sql) = &mut command.words else { return };
        let Some(effects) = &mut sql.effects else { return };
        let unsure = self.transaction.change() >= Change::Settings || makes_setter(effects, known);
        let sets = |relation: &&Relation| {
            relation.access == Access::Write && (unsure || is_setter(&relation.object, known))
        };
        let Some(relation) = effects.relations.iter().find(sets) else { return };
        *effects = Arc::new(effects.with_settings_by(&relation.object));
        sql.base = sql.base.max(Class::Admin);
        command.class = command.class.max(Class::Admin);
    }

    /// Returns the functions and operators that a text calls, or may call, and that may do anything. What the
    /// open transaction has created is invisible to others, so the catalog cannot help: after a change of
    /// functions every possible call counts, after one of columns everything that may be a column or a call.
    fn opaque(&self, effects: &Effects, known: Option<&CatalogView>) -> Vec<Function> {
        let mut opaque = match known {
            Some(known) => known.masked.catalog().opaque(effects),
            None => by_its_words(effects),
        };
        let made = self.transaction.change();
        if made < Change::Relations {
            return opaque;
        }
        let anything = made >= Change::Anything;
        let field = |name: &str| {
            anything || known.is_some_and(|known| known.masked.catalog().fields().any(|field| field == name))
        };
        let call = |object: &Object, arguments| Function { object: object.clone(), arguments };
        let named = |name: &str| call(&Object { schema: None, name: name.into() }, 1);
        let columns =
            effects.columns.iter().filter(|column| column.relation.is_some() && column.access != Access::Ddl);
        let behind_dots = columns.filter_map(|column| column.name.as_deref());
        let fields = behind_dots.chain(effects.fields.iter().map(|name| &**name));
        let mut calls: Vec<Function> = fields.filter(|name| field(name)).map(named).collect();
        if anything {
            let functions = effects.functions.iter().filter(|function| function.object.schema.is_none());
            let operators = effects.operators.iter().filter(|operator| operator.schema.is_none());
            calls.extend(functions.cloned().chain(operators.map(|operator| call(operator, 2))));
        }
        let own: BTreeSet<Function> = opaque.iter().cloned().collect();
        let calls: BTreeSet<Function> = calls.into_iter().filter(|call| !own.contains(call)).collect();
        opaque.extend(calls);
        opaque
    }

    /// Adds to a command the effects of the prepared statements that it runs, if all of them are known.
    fn see<'a>(
        command: &mut Command,
        definition: &Definition,
        deeper: impl Fn(&NameUse) -> Option<&'a Command>,
    ) {
        let Words::Sql(sql) = &mut command.words else { return };
        let Some(effects) = sql.effects.clone().filter(|effects| effects.runs_unseen()) else { return };
        let mut run: HashMap<*const Effects, &Arc<Effects>> = HashMap::new();
        let mut opaque: BTreeSet<&Function> = BTreeSet::new();
        for entry in definition.uses().iter().filter(|entry| entry.action == NameAction::Execute) {
            let Some(inner) = deeper(entry).and_then(Command::sql) else { return };
            let Some(effects) = inner.effects.as_ref().filter(|effects| !effects.runs_unseen()) else {
                return;
            };
            if run.insert(Arc::as_ptr(effects), effects).is_none() {
                opaque.extend(&inner.opaque);
            }
        }
        let own: BTreeSet<Function> = sql.opaque.iter().cloned().collect();
        sql.opaque.extend(opaque.into_iter().filter(|function| !own.contains(function)).cloned());
        sql.effects = Some(Arc::new(effects.with_statements(run.values().map(|effects| &***effects))));
        command.class = if sql.opaque.is_empty() { sql.base } else { Class::Unknown };
    }

    /// Returns where masked values may appear when a text runs.
    fn exposure(&self, definition: &Definition, known: &CatalogView, remade: bool, depth: usize) -> Exposure {
        let effects = definition.judgement.effects().map(|effects| &**effects);
        let opaque = effects.is_none_or(|effects| !self.opaque(effects, Some(known)).is_empty());
        let runs = self
            .each_run(definition, depth, |run| self.exposure(run, known, remade, depth.saturating_add(1)));
        let named = |entry: &NameUse| runs.get(&Rc::as_ptr(&self.names.borrow().definition(entry)?)).copied();
        Exposure::of(effects, &known.masked, opaque, remade).with_names(effects, &known.masked, named)
    }

    /// Returns what a text, or what it runs by name, does with masked columns that their masks forbid.
    fn guess(
        &self,
        definition: &Definition,
        known: &CatalogView,
        remade: bool,
        depth: usize,
    ) -> Option<Guess> {
        if known.masked.plan().strictest() == Predicates::Allow {
            return None;
        }
        let effects = definition.judgement.effects().map(|effects| &**effects);
        let opaque = effects.map(|effects| self.opaque(effects, Some(known))).unwrap_or_default();
        if let Some(guess) = Guess::of(effects, &known.masked, &opaque, remade) {
            return Some(guess);
        }
        let runs =
            self.each_run(definition, depth, |run| self.guess(run, known, remade, depth.saturating_add(1)));
        effects.into_iter().flat_map(Effects::used_names).find_map(|entry| {
            let run =
                self.names.borrow().definition(entry).and_then(|run| runs.get(&Rc::as_ptr(&run)).cloned());
            run.unwrap_or(Some(Guess::Unread))
        })
    }
}

/// Returns whether only the catalog can tell what a text, or what it runs by name, calls or changes.
fn needs_code(definition: &Definition) -> bool {
    let needs = |effects: &Effects| effects.names_code() || effects.changes_relations();
    definition.judgement.effects().is_some_and(|effects| needs(effects)) || runs_names(definition)
}

/// Returns whether a text also empties the relations that refer to those it names.
fn cascades(definition: &Definition) -> bool {
    definition.judgement.effects().is_some_and(|effects| !effects.cascades.is_empty())
}

/// Returns whether changing the rows of a relation is known to change settings.
fn is_setter(relation: &Object, known: Option<&CatalogView>) -> bool {
    known.is_some_and(|known| known.masked.catalog().sets(relation))
}

/// Returns whether a text may create or rename such a relation.
pub(super) fn makes_setter(effects: &Effects, known: Option<&CatalogView>) -> bool {
    effects.relations.iter().any(|relation| relation.access == Access::Ddl)
        && effects
            .relations
            .iter()
            .any(|Relation { object, .. }| &*object.name == SETTINGS || is_setter(object, known))
}
