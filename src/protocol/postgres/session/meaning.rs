//! What a text means in this session: the command it is, with what it runs by name; and whether all that this
//! hangs on is known for sure.

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

/// How deep one text may run another by name, which runs another.
const DEEPEST: usize = 4;
/// The most that all of them may weigh together, each as often as it is put into another one.
const MOST_RUN: usize = 16 << 20;

/// Where the functions are that a server brings along: what they do is known by their names, or not at all.
const OWN_SCHEMA: &str = "pg_catalog";
/// The relation whose rows are the settings of the session.
const SETTINGS: &str = "pg_settings";

/// What a text means.
pub(super) struct Meaning {
    /// The command it is.
    pub(super) command: Command,
    /// The commands that it runs by name, with those that these run.
    pub(super) also: Vec<Command>,
    /// The texts of these.
    pub(super) runs: Vec<Rc<Definition>>,
    /// Where masked values may turn up.
    pub(super) exposure: Exposure,
    /// What it looks at that masks do not allow.
    pub(super) guess: Option<Guess>,
}

impl SessionState {
    /// Whether nothing is under way that may change how texts are read or where names are looked up.
    pub(super) fn reads_surely(&self) -> bool {
        self.last_changes.knows_reading(&self.pending.borrow())
    }

    /// Whether it is known what a prepared statement is, that was made by this message or not at all.
    pub(super) fn statement_is_sure(&self, made: Option<Number>) -> bool {
        self.last_changes.knows_statement(made, &self.pending.borrow())
    }

    /// The same of a portal.
    pub(super) fn portal_is_sure(&self, made: Option<Number>) -> bool {
        self.last_changes.knows_portal(made, &self.pending.borrow())
    }

    /// Whether it is known what all names of a text stand for.
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

    /// Whether what a text calls, what it changes and what shares rows with that cannot be changed by
    /// anything under way.
    pub(super) fn code_is_sure(&self, definition: &Definition) -> bool {
        self.last_changes.knows_catalog(&self.pending.borrow())
            || !(needs_code(definition) || self.wants_kin(definition) || cascades(definition))
    }

    /// What is known of the catalogue, where it is needed: values are masked, policies go by what shares rows
    /// with the relations of a text, it calls functions that nothing else is known of, or it may call what it
    /// does not seem to call.
    ///
    /// # Errors
    /// It cannot be read, and nothing will do in its place. Or the text runs more by name than is looked at.
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
            // Without it any relation may be emptied.
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
        // Of the server's own functions it only holds those that may do anything.
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
        // Without it functions that nothing is known of stay unknown, and only a policy that names them lets
        // them pass.
        let Some(functions) = self.functions().await?.filter(tells) else {
            return Ok(None);
        };
        // What may be a call of a function hangs on the columns, too.
        if functions.masked.catalog().fields().next().is_none() {
            return Ok(Some(functions));
        }
        match self.catalog().await {
            // Those may have changed since; if not, it is nothing but old.
            Err(denied) if !self.has_relations_of(&functions) => Err(denied),
            known => Ok(Some(known.unwrap_or(functions))),
        }
    }

    /// What a text means now.
    pub(super) fn meaning(&self, definition: &Rc<Definition>, known: Option<&CatalogView>) -> Meaning {
        let command = self.command(definition, known, 0);
        let runs = self.names.borrow().all_runs(definition);
        let also: Vec<Command> = runs.iter().map(|definition| self.command(definition, known, 1)).collect();
        // What a text changes counts for what it runs, too.
        let effects = definition.judgement.effects();
        let remade = self.transaction.change() >= Change::Relations
            || effects.is_some_and(|effects| effects.remakes());
        let exposure = known.map_or(Exposure::NOTHING, |known| self.exposure(definition, known, remade, 0));
        let guess = known.and_then(|known| self.guess(definition, known, remade, 0));
        Meaning { command, also, runs, exposure, guess }
    }

    /// What is found out of each text that a text runs or reads from by name, once for each.
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

    /// Tells a command what its `TRUNCATE … CASCADE` empties besides. What the open transaction, or the text
    /// itself, has made the catalogue does not show: then it may be any relation.
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

    /// A change of rows that lead to `pg_settings` is a `SET`, of whatever they are. What the open
    /// transaction has made nobody else sees: once that may be such a relation, any may be one.
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

    /// What a text calls, or may call, that may do anything. What the open transaction has made nobody else
    /// sees, and so the catalogue is of no help: after a change of functions all that may call one counts,
    /// after one of columns all that may be a column or a call.
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

    /// Puts into a command what the prepared statements do that it runs, when all of them are known.
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

    /// Where masked values may turn up when a text runs.
    fn exposure(&self, definition: &Definition, known: &CatalogView, remade: bool, depth: usize) -> Exposure {
        let effects = definition.judgement.effects().map(|effects| &**effects);
        let opaque = effects.is_none_or(|effects| !self.opaque(effects, Some(known)).is_empty());
        let runs = self
            .each_run(definition, depth, |run| self.exposure(run, known, remade, depth.saturating_add(1)));
        let named = |entry: &NameUse| runs.get(&Rc::as_ptr(&self.names.borrow().definition(entry)?)).copied();
        Exposure::of(effects, &known.masked, opaque, remade).with_names(effects, &known.masked, named)
    }

    /// What a text looks at that masks do not allow, by itself or in what it runs by name.
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

/// Whether a text may call, or change, what the catalogue alone tells of, or runs by name what may.
fn needs_code(definition: &Definition) -> bool {
    let needs = |effects: &Effects| effects.names_code() || effects.changes_relations();
    definition.judgement.effects().is_some_and(|effects| needs(effects)) || runs_names(definition)
}

/// Whether a text empties what refers to the relations that it names.
fn cascades(definition: &Definition) -> bool {
    definition.judgement.effects().is_some_and(|effects| !effects.cascades.is_empty())
}

/// Whether settings are changed by changing rows of a relation, as far as that is known.
fn is_setter(relation: &Object, known: Option<&CatalogView>) -> bool {
    known.is_some_and(|known| known.masked.catalog().sets(relation))
}

/// Whether a text may make such a relation, or give one another name.
pub(super) fn makes_setter(effects: &Effects, known: Option<&CatalogView>) -> bool {
    effects.relations.iter().any(|relation| relation.access == Access::Ddl)
        && effects
            .relations
            .iter()
            .any(|Relation { object, .. }| &*object.name == SETTINGS || is_setter(object, known))
}
