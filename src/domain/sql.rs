//! What a SQL text does, as plain values: the classes it belongs to and everything a policy can ask about.
//! The judge of a protocol makes them, the policies ask them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::command::Class;

mod outputs;

pub use outputs::{OutputSource, Outputs};

/// The longest name that PostgreSQL keeps, in bytes: a server cuts a longer one, and would mean another thing
/// than the one named.
pub const NAME_MAX: usize = 63;

/// Everything a text does, of all its statements together.
///
/// Sets hold each thing once. Names are as the server reads them: folded to lower case unless quoted,
/// unescaped, cut to 63 bytes. What a text does through the catalogue (views, triggers, rules, defaults,
/// casts) cannot be seen in it, and only the catalogue tells which of several functions or operators of one
/// name is meant, and which name of a column is a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Effects {
    /// How many statements the text has; 0 for an empty one.
    pub statements: usize,
    /// The classes of all effects, without those of [`Effects::names`] and [`Effects::opaque`]: see
    /// [`Effects::class_with`].
    pub classes: BTreeSet<Class>,
    /// Why the text is more than a read, in words for people. At most [`Effects::MAX_REASONS`].
    pub reasons: BTreeSet<Reason>,
    /// What is done, in the words of the statements.
    pub verbs: BTreeSet<Verb>,
    /// The relations that are named, and what is done to them. Names of a `WITH` are not relations.
    pub relations: BTreeSet<Relation>,
    /// The schemas any of whose relations it may use without naming them, as in `GRANT … IN SCHEMA` and `DROP
    /// SCHEMA … CASCADE`; `None` for all schemas.
    pub schemas: BTreeSet<Option<Box<str>>>,
    /// The relations that a `TRUNCATE … CASCADE` names: it empties what refers to them, too. Empty once the
    /// catalogue has told what that is: [`Effects::with_emptied`].
    pub cascades: BTreeSet<Relation>,
    /// The sequences whose names functions are given, as in `nextval('s')`, or the tables they belong to;
    /// `None` for a name that is computed.
    pub sequences: BTreeSet<Option<Object>>,
    /// The columns that are named, as far as the text says whose they are.
    pub columns: BTreeSet<Column>,
    /// Those that are read and whose values the text may write somewhere, in another form than they have
    /// there. Empty for a text that neither [lays anything down](Effects::lays) nor deletes rows: those that
    /// are left tell what was looked at.
    pub kept: BTreeSet<Column>,
    /// Those that are read nowhere but in what a statement that changes rows gives back to the client: its
    /// `RETURNING`, and what a query makes of that in whose `WITH` the statement stands.
    pub returned: BTreeSet<Column>,
    /// Those on whose values anything hangs but themselves: which rows there are, how many, in what order,
    /// and what is computed. Not the plain columns of what queries give, as long as nothing hangs on what
    /// they are known as there, and not the [documents](Effects::documents).
    pub looked: BTreeMap<Column, Look>,
    /// The functions on whose results anything hangs.
    pub looked_calls: BTreeSet<Object>,
    /// Those that stand in a `FROM`: what they call their columns nobody knows.
    pub sources: BTreeSet<Object>,
    /// The columns that are read behind a name that stands for a query, too, which gives such a column: where
    /// the relation has none, it is no call with a whole row.
    pub given: BTreeSet<Column>,
    /// The columns whose values go as they are, or with parts put in or left out, into a column of the same
    /// name: of this relation, or, where there is none, a new one of their type.
    pub documents: BTreeSet<Column>,
    /// The functions that are called by name.
    pub functions: BTreeSet<Function>,
    /// Those of them that nothing is known about: they may do anything. Procedures that are called are among
    /// them, and operators, as functions of two arguments.
    pub opaque: BTreeSet<Function>,
    /// The operators that are looked up by name, those among them that no sign stands for: the `=` of `IN`,
    /// `CASE x WHEN` and `USING`.
    pub operators: BTreeSet<Object>,
    /// The names behind that of a row of which the text does not tell what it is, as `s.f` of a subquery `s`.
    /// Where there is no such column it is a call of a function `f` that takes a row.
    pub fields: BTreeSet<Box<str>>,
    /// The names behind an expression, `(x).f`. Where there is no such column it is a call of a function `f`
    /// that takes whatever `x` is.
    pub applied: BTreeSet<Box<str>>,
    /// The settings that are changed.
    pub settings: BTreeSet<Setting>,
    /// Those that are changed for others and for later: for roles, databases, the whole server, the calls of
    /// a function. In this session they are as they were.
    pub lasting: BTreeSet<Setting>,
    /// Names without a schema may have been moved before it, and nobody knows where to.
    pub moved_before: bool,
    /// An `UPDATE` or `DELETE` is for all rows: it has no `WHERE`, or one that always holds, of constants
    /// alone.
    pub all_rows: bool,
    /// An `UPDATE` or `DELETE` is not for all rows.
    pub some_rows: bool,
    /// What is said in [`Effects::all_rows`] or [`Effects::looked`] comes from numbers that stand in the
    /// text.
    pub by_numbers: bool,
    /// The words that begin and end transactions, in the order of the text.
    pub transaction: Vec<Transaction>,
    /// Prepared statements and cursors that are made, used or closed by name, in the order of the text.
    pub names: Vec<NameUse>,
    /// The channels of `LISTEN`, `UNLISTEN` and `NOTIFY`.
    pub channels: BTreeSet<Channel>,
    /// Rows or tables are locked: `FOR UPDATE` and the like, `LOCK`, advisory locks.
    pub locks: bool,
    /// A `COPY` of it is in the binary format.
    pub copies_binary: bool,
    /// What the columns are made of that it gives, where it is one query and nothing else.
    pub outputs: Option<Outputs>,
}

impl Effects {
    /// How many reasons are kept.
    pub const MAX_REASONS: usize = 32;

    /// The worst class, when nothing is known about the functions, prepared statements and cursors that are
    /// used.
    pub fn class(&self) -> Class {
        if self.opaque.is_empty() { self.class_with(|_| None) } else { Class::Unknown }
    }

    /// The worst class of the text without that of its [`Effects::opaque`] functions, for a session that
    /// keeps the names of its prepared statements and cursors.
    ///
    /// `known` is asked for each use of a name that this text has not made itself before; `None` counts as
    /// [`Class::Unknown`]. A text without any effect is a read.
    pub fn class_with(&self, known: impl Fn(&NameUse) -> Option<Class>) -> Class {
        let worst = self.classes.last().copied().unwrap_or(Class::Read);
        self.used_names()
            .into_iter()
            .fold(worst, |worst, entry| worst.max(known(entry).unwrap_or(Class::Unknown)))
    }

    /// The prepared statements and cursors that it runs or reads by name, and has not made itself before.
    pub fn used_names(&self) -> Vec<&NameUse> {
        let mut made: BTreeSet<(bool, &str)> = BTreeSet::new();
        let mut used = Vec::new();
        for entry in &self.names {
            let Some(name) = entry.name.as_deref() else { continue };
            match entry.action {
                NameAction::Prepare | NameAction::Declare => {
                    made.insert((entry.action == NameAction::Prepare, name));
                }
                NameAction::Execute | NameAction::Fetch | NameAction::Position => {
                    if !made.contains(&(entry.action == NameAction::Execute, name)) {
                        used.push(entry);
                    }
                }
                NameAction::Deallocate | NameAction::Close => {}
            }
        }
        used
    }

    /// Whether it changes the row on which a cursor stands that an earlier text has opened.
    pub fn is_at_cursor(&self) -> bool {
        self.used_names().iter().any(|entry| entry.action == NameAction::Position)
    }

    /// Whether it runs a prepared statement that an earlier text has made: what that statement does to
    /// tables, columns and functions does not stand in this text. A cursor of an earlier text is no such
    /// thing: its rows were asked for when it was declared.
    pub fn runs_unseen(&self) -> bool {
        let mut made: BTreeSet<&str> = BTreeSet::new();
        self.names.iter().any(|entry| match (entry.action, entry.name.as_deref()) {
            (NameAction::Prepare, Some(name)) => {
                made.insert(name);
                false
            }
            (NameAction::Execute, name) => name.is_none_or(|name| !made.contains(name)),
            _ => false,
        })
    }

    /// Whether it changes where names without a schema are looked up: then they mean other things than is
    /// assumed, here or in the texts after it. `base` is its class without what opaque functions do.
    pub fn moves_names(&self, base: Class) -> bool {
        let moves = |setting: &Setting| match (setting.name.as_deref(), setting.value.as_deref()) {
            (None, _) => true,
            (Some(SEARCH_PATH), Some(path)) => !is_usual(path),
            // Reset, which is a read, or computed, which is not.
            (Some(SEARCH_PATH), None) => base >= Class::Admin,
            (Some(_), _) => false,
        };
        self.moved_before || self.settings.iter().any(moves)
    }

    /// The same in a session in which names have been moved before: nobody knows where to.
    pub fn with_moved_names(&self) -> Self {
        Self { moved_before: true, ..self.clone() }
    }

    /// All settings that it changes, here or for others.
    pub fn changed_settings(&self) -> impl Iterator<Item = &Setting> {
        self.settings.iter().chain(&self.lasting)
    }

    /// The same of a text that changes settings by changing rows of a relation: nobody knows which.
    pub fn with_settings_by(&self, relation: &Object) -> Self {
        let mut set = self.clone();
        set.settings.insert(Setting { name: None, value: None });
        set.classes.insert(Class::Admin);
        if set.reasons.len() < Self::MAX_REASONS {
            let words = format!("may change settings by rows of {relation}").into();
            set.reasons.insert(Reason { class: Class::Admin, words });
        }
        set
    }

    /// The schemas any of whose relations it may use; `None` for all schemas, also where it is not known what
    /// is emptied along with what it names.
    pub fn any_of(&self) -> impl Iterator<Item = Option<&str>> {
        let untold = (!self.cascades.is_empty()).then_some(None);
        self.schemas.iter().map(Option::as_deref).chain(untold)
    }

    /// The same of a text whose `TRUNCATE … CASCADE` empties these relations, too, and no others.
    pub fn with_emptied(&self, others: impl IntoIterator<Item = Object>) -> Self {
        let mut all = Self { cascades: BTreeSet::new(), ..self.clone() };
        let emptied = |object| Relation { object, access: Access::Write, only: false };
        all.relations.extend(others.into_iter().map(emptied));
        all
    }

    /// Whether it changes relations that it names, their rows or themselves.
    pub fn changes_relations(&self) -> bool {
        self.relations.iter().any(|relation| relation.access != Access::Read)
    }

    /// Whether all that it changes are all rows of tables.
    pub fn changes_all_rows_only(&self) -> bool {
        /// What else such a text may do: none of it changes rows.
        const READS: [Verb; 9] = [
            Verb::Update,
            Verb::Delete,
            Verb::Select,
            Verb::Explain,
            Verb::Show,
            Verb::Prepare,
            Verb::Execute,
            Verb::Deallocate,
            Verb::Transaction,
        ];
        self.all_rows && !self.some_rows && self.verbs.iter().all(|verb| READS.contains(verb))
    }

    /// What a text does together with the prepared statements that it runs, all of which are known: then
    /// nothing of it is unseen.
    pub fn with_statements<'a>(&self, run: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self { outputs: None, given: BTreeSet::new(), ..self.clone() };
        all.names.retain(|entry| entry.action != NameAction::Execute);
        // One may look at what another gives back.
        all.returned.clear();
        for effects in run {
            all.classes.extend(&effects.classes);
            all.reasons.extend(effects.reasons.iter().cloned());
            all.verbs.extend(&effects.verbs);
            all.relations.extend(effects.relations.iter().cloned());
            all.schemas.extend(effects.schemas.iter().cloned());
            all.cascades.extend(effects.cascades.iter().cloned());
            all.sequences.extend(effects.sequences.iter().cloned());
            all.columns.extend(effects.columns.iter().cloned());
            all.kept.extend(effects.kept.iter().cloned());
            all.documents.extend(effects.documents.iter().cloned());
            for (column, look) in &effects.looked {
                let known = all.looked.entry(column.clone()).or_insert(*look);
                *known = (*known).max(*look);
            }
            all.looked_calls.extend(effects.looked_calls.iter().cloned());
            all.sources.extend(effects.sources.iter().cloned());
            all.functions.extend(effects.functions.iter().cloned());
            all.opaque.extend(effects.opaque.iter().cloned());
            all.operators.extend(effects.operators.iter().cloned());
            all.fields.extend(effects.fields.iter().cloned());
            all.applied.extend(effects.applied.iter().cloned());
            all.settings.extend(effects.settings.iter().cloned());
            all.lasting.extend(effects.lasting.iter().cloned());
            all.moved_before |= effects.moved_before;
            all.channels.extend(effects.channels.iter().cloned());
            all.all_rows |= effects.all_rows;
            all.some_rows |= effects.some_rows;
            all.by_numbers |= effects.by_numbers;
            all.locks |= effects.locks;
        }
        all
    }

    /// Whether one of its statements may make or change a relation that another one names.
    pub fn remakes(&self) -> bool {
        /// What may.
        const MAKES: [Verb; 5] = [Verb::Create, Verb::Alter, Verb::Drop, Verb::Rename, Verb::Import];
        self.statements > 1 && MAKES.iter().any(|verb| self.verbs.contains(verb))
    }

    /// Whether it can lay values down: it inserts, updates or makes something.
    pub fn lays(&self) -> bool {
        /// What can.
        const LAYS: [Verb; 7] =
            [Verb::Insert, Verb::Update, Verb::Merge, Verb::Create, Verb::Refresh, Verb::Alter, Verb::Rename];
        LAYS.iter().any(|verb| self.verbs.contains(verb))
    }

    /// Whether it deletes rows.
    pub fn deletes(&self) -> bool {
        self.verbs.contains(&Verb::Delete)
    }

    /// Whether the text can change how the next text is cut into words: `standard_conforming_strings`,
    /// `backslash_quote` or `client_encoding` are set or reset. The next text must not be judged before the
    /// server has told the new values.
    pub fn changes_lexing(&self) -> bool {
        self.settings.iter().any(|setting| {
            matches!(
                setting.name.as_deref(),
                None | Some("all" | "standard_conforming_strings" | "backslash_quote" | "client_encoding")
            )
        })
    }

    /// Whether it names anything that may be a function or operator of somebody's own, and does not say so.
    pub fn names_code(&self) -> bool {
        let behind_a_dot = |column: &Column| {
            column.relation.is_some() && column.name.is_some() && column.access != Access::Ddl
        };
        self.operators.iter().any(|operator| operator.schema.is_none())
            || self.functions.iter().any(|function| function.object.schema.is_none())
            || !self.fields.is_empty()
            || !self.applied.is_empty()
            || self.columns.iter().any(behind_a_dot)
    }

    /// About how many bytes of memory this holds.
    pub fn weight(&self) -> usize {
        /// A node of a tree or a list, with the small strings in it.
        const ENTRY: usize = 160;
        let entries = self.reasons.len()
            + self.relations.len()
            + self.schemas.len()
            + self.cascades.len()
            + self.sequences.len()
            + self.columns.len()
            + self.kept.len()
            + self.returned.len()
            + self.given.len()
            + self.documents.len()
            + self.looked.len()
            + self.looked_calls.len()
            + self.sources.len()
            + self.functions.len()
            + self.opaque.len()
            + self.operators.len()
            + self.fields.len()
            + self.applied.len()
            + self.settings.len()
            + self.lasting.len()
            + self.transaction.len()
            + self.names.len()
            + self.channels.len()
            + self.outputs.as_ref().map_or(0, Outputs::len);
        entries.saturating_mul(ENTRY).saturating_add(size_of::<Self>())
    }
}

/// The setting that says where names without a schema are looked up.
const SEARCH_PATH: &str = "search_path";

/// What the server takes for a space in a list of names.
pub fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Whether a search path has only the schemas that are assumed.
pub fn is_usual(path: &str) -> bool {
    path.split(',').enumerate().all(|(place, schema)| {
        // Not what other letters are spaces: they are part of a name.
        let schema = schema.trim_matches(is_space);
        // A comma between quotes is part of a name: then neither part has both quotes.
        let unquoted = schema.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match unquoted.unwrap_or(schema) {
            "pg_catalog" => place == 0,
            "" | "public" | "$user" | "pg_temp" => true,
            _ => false,
        }
    })
}

/// Why a text has a class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason {
    /// The class it is the reason for; never [`Class::Read`].
    pub class: Class,
    /// The words. They may hold names from the text: not escaped.
    pub words: Box<str>,
}

/// What is done to a relation or a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Its rows are read.
    Read,
    /// Its rows are changed.
    Write,
    /// It is made, changed or dropped itself. Of a column also: an index, a key or the like is made of it, or
    /// asked for with it.
    Ddl,
}

/// How anything hangs on the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Look {
    /// A condition compares it with constants or parameters for equality.
    Equal,
    /// In another way.
    Other,
}

/// The name of a thing in a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// The schema, if it is written.
    pub schema: Option<Box<str>>,
    /// The name.
    pub name: Box<str>,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// A table, view, index or sequence that is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relation {
    /// Which.
    pub object: Object,
    /// What is done to it.
    pub access: Access,
    /// It is named with `ONLY`: its partitions and children are left out.
    pub only: bool,
}

/// A column that is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The relation, where the text says it: by name, by an alias of the text, or as the target of a change.
    pub relation: Option<Object>,
    /// The column; `None` for all of them: `*`, a whole row, an `INSERT` without a list, columns under other
    /// names.
    pub name: Option<Box<str>>,
    /// What is done to it.
    pub access: Access,
}

/// A function that is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Function {
    /// Which.
    pub object: Object,
    /// The number of arguments as written; what stands in `WITHIN GROUP` are some, too.
    pub arguments: usize,
}

/// A setting that is changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// The name in lower case, `all` for `RESET ALL`; `None` if it is computed.
    pub name: Option<Box<str>>,
    /// The values as written, if all of them are constants; `None` when it is reset or the value is computed.
    pub value: Option<Box<str>>,
}

/// A use of the name of a prepared statement or a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// What is done with it.
    pub action: NameAction,
    /// The name; `None` for `ALL`.
    pub name: Option<Box<str>>,
}

/// What is done with the name of a prepared statement or a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameAction {
    /// A prepared statement is made.
    Prepare,
    /// A prepared statement is run.
    Execute,
    /// A prepared statement is forgotten.
    Deallocate,
    /// A cursor is opened.
    Declare,
    /// A cursor is read or moved.
    Fetch,
    /// The row on which a cursor stands is changed: `WHERE CURRENT OF`.
    Position,
    /// A cursor is closed.
    Close,
}

/// A channel for messages between sessions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel {
    /// Something is sent to it, not heard from it.
    pub sends: bool,
    /// The channel; `None` for all, or if the name is computed.
    pub name: Option<Box<str>>,
}

/// A word that controls a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transaction {
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `SAVEPOINT`.
    Savepoint,
    /// `RELEASE`.
    Release,
    /// `ROLLBACK TO`.
    RollbackTo,
    /// `PREPARE TRANSACTION`.
    Prepare,
    /// `COMMIT PREPARED`.
    CommitPrepared,
    /// `ROLLBACK PREPARED`.
    RollbackPrepared,
}

/// Makes [`Verb`] and its words from one list, so that no word is forgotten.
macro_rules! verbs {
    ($($verb:ident $word:literal,)*) => {
        /// What a statement does, in its own word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Verb {
            $(#[doc = concat!("`", $word, "`")] $verb,)*
        }

        impl Verb {
            /// All of them, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$verb,)*];

            /// The word of it in policies, records and output.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$verb => $word,)*
                }
            }
        }
    };
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

verbs! {
    Select "select",
    Insert "insert",
    Update "update",
    Delete "delete",
    Merge "merge",
    Truncate "truncate",
    CopyIn "copy_in",
    CopyOut "copy_out",
    Create "create",
    Alter "alter",
    Drop "drop",
    Rename "rename",
    Comment "comment",
    Refresh "refresh",
    Grant "grant",
    Revoke "revoke",
    Label "security_label",
    Reassign "reassign",
    Import "import",
    Load "load",
    Vacuum "vacuum",
    Analyze "analyze",
    Cluster "cluster",
    Reindex "reindex",
    Checkpoint "checkpoint",
    Do "do",
    Call "call",
    Explain "explain",
    Show "show",
    Set "set",
    Reset "reset",
    Discard "discard",
    Prepare "prepare",
    Execute "execute",
    Deallocate "deallocate",
    Declare "declare",
    Fetch "fetch",
    Close "close",
    Lock "lock",
    Listen "listen",
    Unlisten "unlisten",
    Notify "notify",
    Transaction "transaction",
}
