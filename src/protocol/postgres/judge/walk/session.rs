//! Statements about the session: settings, transactions, prepared statements, cursors, notifications, locks,
//! code blocks.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    CallStmt, DiscardMode, LockStmt, Node, TransactionStmt, TransactionStmtKind, VariableSetKind,
    VariableSetStmt,
};

use super::super::settings::{self, Change};
use super::parts::{Part, parts};
use super::{Place, Walk, names};
use crate::domain::command::Class;
use crate::domain::sql::{Channel, Function, NameAction, NameUse, Setting, Transaction, Verb};

impl<'t> Walk<'t> {
    pub(super) fn session(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::VariableSetStmt(set) => self.set(set, place),
            NodeEnum::VariableShowStmt(_) => self.act(Verb::Show, Class::Read, place),
            NodeEnum::TransactionStmt(stmt) => self.transaction(stmt, place),
            NodeEnum::PrepareStmt(stmt) => {
                parts!(stmt.as_ref() => self, place; PrepareStmt { walk: argtypes query; keep: name; skip: });
                self.act(Verb::Prepare, Class::Read, place);
                self.name(NameAction::Prepare, name);
            }
            NodeEnum::ExecuteStmt(stmt) => {
                parts!(stmt => self, place; ExecuteStmt { walk: params; keep: name; skip: });
                self.act(Verb::Execute, Class::Read, place);
                self.name(NameAction::Execute, name);
            }
            NodeEnum::DeallocateStmt(stmt) => {
                parts!(stmt; DeallocateStmt { keep: name; skip: isall location });
                self.act(Verb::Deallocate, Class::Read, place);
                self.name(NameAction::Deallocate, name);
            }
            NodeEnum::DeclareCursorStmt(stmt) => {
                parts!(stmt.as_ref() => self, place; DeclareCursorStmt {
                    walk: query; keep: portalname; skip: options
                });
                self.act(Verb::Declare, Class::Read, place);
                if !place.in_explain {
                    self.name(NameAction::Declare, portalname);
                }
            }
            NodeEnum::FetchStmt(stmt) => {
                parts!(stmt; FetchStmt { keep: portalname; skip: direction how_many ismove });
                self.act(Verb::Fetch, Class::Read, place);
                self.name(NameAction::Fetch, portalname);
            }
            NodeEnum::ClosePortalStmt(stmt) => {
                self.act(Verb::Close, Class::Read, place);
                self.name(NameAction::Close, &stmt.portalname);
            }
            NodeEnum::ListenStmt(stmt) => {
                self.act(Verb::Listen, Class::Read, place);
                self.channel(false, &stmt.conditionname);
            }
            NodeEnum::UnlistenStmt(stmt) => {
                self.act(Verb::Unlisten, Class::Read, place);
                self.channel(false, &stmt.conditionname);
            }
            NodeEnum::NotifyStmt(stmt) => {
                parts!(stmt; NotifyStmt { keep: conditionname; skip: payload payload_location });
                self.act(Verb::Notify, Class::Write, place);
                self.channel(true, conditionname);
            }
            NodeEnum::DiscardStmt(stmt) => self.discard(stmt.target, place),
            NodeEnum::LockStmt(lock) => self.lock(lock, place),
            NodeEnum::ConstraintsSetStmt(stmt) => {
                parts!(stmt; ConstraintsSetStmt { keep: ; skip: constraints deferred });
                self.act(Verb::Set, Class::Read, place);
            }
            NodeEnum::DoStmt(stmt) => {
                parts!(stmt => self, place; DoStmt { walk: args; skip: });
                self.act_because(Verb::Do, Class::Unknown, "runs a block of code", place);
            }
            NodeEnum::CallStmt(call) => self.procedure(call, place),
            _ => self.misplaced(node),
        }
    }

    pub(super) fn name(&mut self, action: NameAction, name: &str) {
        let name = (!name.is_empty()).then(|| name.into());
        self.effects.names.push(NameUse { action, name });
    }

    fn channel(&mut self, sends: bool, name: &str) {
        let name = (!name.is_empty()).then(|| name.into());
        self.effects.channels.insert(Channel { sends, name });
    }

    fn set(&mut self, set: &'t VariableSetStmt, place: &Place<'t>) {
        parts!(set; VariableSetStmt { keep: kind name args; skip: jumble_args is_local location });
        // The server ignores the case of setting names, quoted or not.
        let name = settings::named(name);
        match VariableSetKind::try_from(*kind) {
            Ok(VariableSetKind::VarSetValue) => {
                self.act(Verb::Set, Class::Read, place);
                let mut value = names::constants(args);
                // Here each constant is one schema, letter by letter: a comma, a quote or a space is part of
                // its name.
                let schemas: Vec<String> = args.iter().filter_map(names::constant).collect();
                if name == "search_path" && schemas.iter().any(|schema| !settings::is_plain(schema)) {
                    self.class(Class::Write, || "sets search_path".into());
                    // Without the quotes a name with a comma in it would look like two.
                    let shown = schemas.iter().map(|schema| {
                        if settings::is_plain(&schema.to_ascii_lowercase()) {
                            schema.clone()
                        } else {
                            format!("\"{}\"", schema.replace('"', "\"\""))
                        }
                    });
                    value = value.map(|_| shown.collect::<Vec<_>>().join(", "));
                }
                self.setting(&name, value.as_deref().map_or(Change::Computed, Change::To));
            }
            Ok(VariableSetKind::VarSetDefault | VariableSetKind::VarReset) => {
                self.act(Verb::Reset, Class::Read, place);
                self.setting(&name, Change::Reset);
            }
            Ok(VariableSetKind::VarResetAll) => {
                self.act(Verb::Reset, Class::Read, place);
                self.setting("all", Change::Reset);
            }
            // Only in the definition of a function: the current value.
            Ok(VariableSetKind::VarSetCurrent) => self.setting(&name, Change::Computed),
            Ok(VariableSetKind::VarSetMulti) => {
                self.act(Verb::Set, Class::Read, place);
                match name.as_str() {
                    "transaction" => self.modes("", args),
                    "session characteristics" => self.modes("default_", args),
                    "transaction snapshot" => {}
                    _ => self.class(Class::Unknown, || "a SET that is not known".into()),
                }
            }
            Ok(VariableSetKind::Undefined) | Err(_) => {
                self.class(Class::Unknown, || "a SET that is not known".into());
            }
        }
    }

    /// Notes a setting that is changed for other sessions or for later. In this session it stays as it is.
    pub(super) fn lasts(&mut self, set: &VariableSetStmt) {
        parts!(set; VariableSetStmt { keep: kind name args; skip: jumble_args is_local location });
        let named = || Some(settings::named(name).into());
        let (name, value) = match VariableSetKind::try_from(*kind) {
            Ok(VariableSetKind::VarSetValue) => (named(), names::constants(args).map(Into::into)),
            Ok(
                VariableSetKind::VarSetDefault | VariableSetKind::VarReset | VariableSetKind::VarSetCurrent,
            ) => (named(), None),
            Ok(VariableSetKind::VarResetAll) => (Some("all".into()), None),
            Ok(VariableSetKind::VarSetMulti | VariableSetKind::Undefined) | Err(_) => (None, None),
        };
        self.effects.lasting.insert(Setting { name, value });
    }

    fn setting(&mut self, name: &str, change: Change<'_>) {
        self.class(settings::class(name, change), || format!("sets {name}").into());
        let value = match change {
            Change::To(value) => Some(value.into()),
            Change::Reset | Change::Computed => None,
        };
        self.effects.settings.insert(Setting { name: Some(name.into()), value });
    }

    /// Notes the modes of a transaction: `BEGIN READ WRITE` sets `transaction_read_only`.
    fn modes(&mut self, start: &str, options: &[Node]) {
        for option in options {
            let Some(NodeEnum::DefElem(option)) = &option.node else {
                self.class(Class::Unknown, || "a mode of a transaction that is not known".into());
                continue;
            };
            parts!(option.as_ref(); DefElem {
                keep: defname arg;
                skip: defnamespace defaction location arg_location
            });
            let value = arg.as_deref().and_then(names::constant);
            let change = value.as_deref().map_or(Change::Computed, Change::To);
            self.setting(&format!("{start}{defname}"), change);
        }
    }

    fn transaction(&mut self, stmt: &'t TransactionStmt, place: &Place<'t>) {
        parts!(stmt; TransactionStmt { keep: kind options; skip: savepoint_name gid chain location });
        let (word, class) = match TransactionStmtKind::try_from(*kind) {
            Ok(TransactionStmtKind::TransStmtBegin | TransactionStmtKind::TransStmtStart) => {
                (Transaction::Begin, Class::Read)
            }
            Ok(TransactionStmtKind::TransStmtCommit) => (Transaction::Commit, Class::Read),
            Ok(TransactionStmtKind::TransStmtRollback) => (Transaction::Rollback, Class::Read),
            Ok(TransactionStmtKind::TransStmtSavepoint) => (Transaction::Savepoint, Class::Read),
            Ok(TransactionStmtKind::TransStmtRelease) => (Transaction::Release, Class::Read),
            Ok(TransactionStmtKind::TransStmtRollbackTo) => (Transaction::RollbackTo, Class::Read),
            Ok(TransactionStmtKind::TransStmtPrepare) => (Transaction::Prepare, Class::Admin),
            Ok(TransactionStmtKind::TransStmtCommitPrepared) => (Transaction::CommitPrepared, Class::Admin),
            Ok(TransactionStmtKind::TransStmtRollbackPrepared) => {
                (Transaction::RollbackPrepared, Class::Admin)
            }
            Ok(TransactionStmtKind::Undefined) | Err(_) => {
                return self.class(Class::Unknown, || "a word of transactions that is not known".into());
            }
        };
        self.act_because(Verb::Transaction, class, "a transaction that outlives the session", place);
        self.effects.transaction.push(word);
        self.modes("", options);
    }

    fn discard(&mut self, target: i32, place: &Place<'t>) {
        match DiscardMode::try_from(target) {
            // A session discards what is its own: plans, currval, temporary tables. No other session sees any
            // of it.
            Ok(DiscardMode::DiscardPlans | DiscardMode::DiscardSequences | DiscardMode::DiscardTemp) => {
                self.act(Verb::Discard, Class::Read, place);
            }
            // All of that, and the session is as after its login: whoever may do nothing else may log in
            // again.
            Ok(DiscardMode::DiscardAll) => {
                self.act(Verb::Discard, Class::Read, place);
                // What the server does for it, by its documentation.
                for name in ["all", "session_authorization"] {
                    self.effects.settings.insert(Setting { name: Some(name.into()), value: None });
                }
                self.name(NameAction::Deallocate, "");
                self.name(NameAction::Close, "");
                self.channel(false, "");
            }
            Ok(DiscardMode::Undefined) | Err(_) => {
                self.class(Class::Unknown, || "a DISCARD that is not known".into());
            }
        }
    }

    fn lock(&mut self, lock: &'t LockStmt, place: &Place<'t>) {
        /// The lock that every `SELECT` takes.
        const ACCESS_SHARE: i32 = pg_query::LockMode::AccessShareLock as i32;
        parts!(lock; LockStmt { keep: relations mode; skip: nowait });
        relations.walk(self, place);
        if *mode == ACCESS_SHARE {
            self.act(Verb::Lock, Class::Read, place);
        } else {
            self.effects.locks = true;
            self.act_because(Verb::Lock, Class::Write, "locks a table", place);
        }
    }

    fn procedure(&mut self, call: &'t CallStmt, place: &Place<'t>) {
        parts!(call => self, place; CallStmt { walk: outargs; keep: funccall; skip: funcexpr });
        self.act_because(Verb::Call, Class::Write, "calls a procedure", place);
        let named =
            funccall.as_ref().and_then(|function| Some((function, names::object_of(&function.funcname)?)));
        let Some((function, object)) = named else {
            return self.class(Class::Unknown, || "calls something without a name".into());
        };
        parts!(function.as_ref() => self, place; FuncCall {
            walk: agg_order agg_filter over args;
            skip: funcname agg_within_group agg_star agg_distinct func_variadic funcformat location
        });
        self.opaque(object.clone(), function.args.len());
        self.effects.functions.insert(Function { object, arguments: function.args.len() });
    }
}
