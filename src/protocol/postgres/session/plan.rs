//! What becomes of one message of a client: judged, and laid out as a step that is sent, or as one that is refused.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::domain::command::Words;
use crate::domain::sql::Access;
use crate::domain::sql::Effects;
use crate::domain::sql::Function;
use crate::domain::sql::NameAction;
use crate::domain::sql::NameUse;
use crate::domain::sql::Verb;
use crate::pipeline::Asked;
use crate::pipeline::Preparation;
use crate::protocol::postgres::command::command;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::judge::Unread;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::rows::Reach;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::Names;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::names::Portal;
use crate::protocol::postgres::session::record::How;
use crate::protocol::postgres::session::record::Statement;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::shared::Shared;
use crate::protocol::postgres::targets::Known;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::frame::HEADER;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::front::Bind;
use crate::protocol::postgres::wire::front::Execute;
use crate::protocol::postgres::wire::front::FrontMessage;
use crate::protocol::postgres::wire::front::Named;
use crate::protocol::postgres::wire::front::Parse;
use crate::protocol::postgres::wire::front::Query;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::FrontTag;
use crate::protocol::postgres::wire::values::Format;

/// What kind of message a command came by; what is sent in its place when it is refused.
pub(super) enum Kind {
    Bind {
        portal: Box<[u8]>,
    },
    /// Runs a cursor of SQL.
    Execute {
        portal: Box<[u8]>,
    },
    FunctionCall,
    Parse {
        name: Box<[u8]>,
    },
    Query,
}

/// A command that waits to be admitted.
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) request: RequestId,
    /// There until it is taken to the pipeline.
    pub(super) asked: Option<Asked<Bytes>>,
    pub(super) run: Run,
    pub(super) definition: Rc<Definition>,
    /// Where masked values may turn up.
    pub(super) reach: Reach,
    pub(super) judgement: Option<Arc<Judgement>>,
}

/// What there is to a message, before it is judged by the policies.
struct What<'a> {
    frame: Bytes,
    sql: Bytes,
    /// What it runs that was prepared or declared before.
    prepared: Option<Rc<Definition>>,
    /// What it is, and what it runs.
    commands: Vec<Command>,
    judgement: Option<Arc<Judgement>>,
    bind: Option<&'a Bind<'a>>,
    /// The catalogue, where values are masked.
    known: Option<Arc<Known>>,
}

/// What becomes of one message.
pub(super) enum Step {
    /// It is a command.
    Command(Box<Wanted>),
    /// It was a command, which has gone to the pipeline.
    Taken,
    /// It makes one ready.
    Prepare {
        preparation: Preparation<Bytes>,
        name: Box<[u8]>,
    },
    /// It is refused.
    Refuse {
        kind: Kind,
        refusal: Refusal,
    },
    /// It runs what was bound before.
    Execute {
        run: Run,
        portal: Box<[u8]>,
        rows: u32,
    },
    /// Other messages without SQL: the frame says it all.
    Close {
        portal: bool,
        name: Box<[u8]>,
    },
    DescribePortal {
        run: Option<Run>,
        name: Box<[u8]>,
    },
    DescribeStatement {
        name: Box<[u8]>,
    },
    Flush,
    Sync,
}

impl Step {
    /// The command, which goes to the pipeline.
    pub(super) fn take_command(&mut self) -> Option<Box<Wanted>> {
        if !matches!(self, Self::Command(_)) {
            return None;
        }
        match std::mem::replace(self, Self::Taken) {
            Self::Command(wanted) => Some(wanted),
            _ => None,
        }
    }
}

impl Shared {
    /// The ways in which a text may be read, the most likely first. There are several only while a statement that may change how is
    /// under way.
    async fn readings(&self, sql: &[u8]) -> Vec<Arc<Judgement>> {
        let lexing = self.lexing.get();
        let first = self.judge.judge(sql, lexing).await;
        if self.unsure.get().is_none() {
            return vec![first];
        }
        let other = Lexing { standard_conforming_strings: !lexing.standard_conforming_strings };
        vec![first, self.judge.judge(sql, other).await]
    }

    /// What is known of the catalogue, where it is needed: values are masked, or a text calls functions that nothing else is known of.
    async fn needed(&self, readings: &[Arc<Judgement>]) -> Result<Option<Arc<Known>>, Denied> {
        if let Some(known) = self.masking().await? {
            return Ok(Some(known));
        }
        let calls = |judgement: &Arc<Judgement>| {
            judgement.effects().is_some_and(|effects| !effects.opaque.is_empty())
        };
        // Without it they stay unknown, and only a policy that names them lets them pass.
        if readings.iter().any(calls) { Ok(self.known().await.ok()) } else { Ok(None) }
    }

    /// A text as a command, and everything else that it may be or runs by name.
    fn commands(&self, sql: &[u8], readings: &[Arc<Judgement>], known: Option<&Known>) -> Vec<Command> {
        let names = self.names.borrow();
        let harmless = |function: &Function| {
            known.is_some_and(|known| known.masked.catalog().harmless(&function.object))
        };
        let mut commands = Vec::with_capacity(readings.len());
        for judgement in readings {
            commands.push(
                self.moved(Self::seen(command(sql, judgement, |entry| names.class(entry), harmless), &names)),
            );
            for entry in judgement.effects().map(|effects| effects.names.as_slice()).unwrap_or_default() {
                commands.extend(names.definitions(entry).iter().map(|definition| definition.command.clone()));
            }
        }
        // In another encoding the target would see other words.
        if self.unsure.get().is_some() && !sql.is_ascii() {
            let unread = Judgement::Unread(Unread::NotUtf8);
            commands.push(command(sql, &unread, |_name| None, |_function| false));
        }
        commands
    }

    /// The command as it is in a session whose names may have been moved.
    fn moved(&self, mut command: Command) -> Command {
        if self.moved.get()
            && let Words::Sql(sql) = &mut command.words
            && let Some(effects) = &mut sql.effects
        {
            *effects = Arc::new(effects.with_moved_names());
        }
        command
    }

    /// A command with all that the prepared statements do which it runs, when all of them are known.
    fn seen(mut command: Command, names: &Names) -> Command {
        let Some(effects) = command.sql().and_then(|sql| sql.effects.clone()) else { return command };
        if !effects.runs_unseen() {
            return command;
        }
        let mut run = Vec::new();
        for entry in effects.names.iter().filter(|entry| entry.action == NameAction::Execute) {
            let definitions = names.definitions(entry);
            if definitions.is_empty() {
                return command;
            }
            for definition in definitions {
                let Some(sql) = definition.command.sql() else { return command };
                let Some(effects) = sql.effects.clone() else { return command };
                run.push((effects, sql.opaque.clone()));
            }
        }
        if let Words::Sql(sql) = &mut command.words {
            sql.effects = Some(Arc::new(effects.with_statements(run.iter().map(|(effects, _)| &**effects))));
            for function in run.iter().flat_map(|(_, opaque)| opaque) {
                if !sql.opaque.contains(function) {
                    sql.opaque.push(function.clone());
                }
            }
            command.class = if sql.opaque.is_empty() { sql.base } else { Class::Unknown };
        }
        command
    }

    /// A `Query`.
    pub(super) async fn query(&self, frame: Bytes, number: Number) -> Step {
        let kind = Kind::Query;
        let sql = match Query::read(body(&frame)) {
            Ok(query) => frame.slice_ref(query.sql),
            Err(error) => return refuse(kind, Refusal::new(error.sqlstate(), error.to_string())),
        };
        let readings = self.readings(&sql).await;
        let known = match self.needed(&readings).await {
            Ok(known) => known,
            Err(denied) => return refuse(kind, Refusal::of(&denied, RequestId::new())),
        };
        let commands = self.commands(&sql, &readings, known.as_deref());
        let judgement = readings.into_iter().next();
        let what = What { frame, sql, prepared: None, commands, judgement, bind: None, known };
        self.wanted(kind, How::Simple, what, number)
    }

    /// A `Parse`.
    pub(super) async fn parse(&self, frame: Bytes, number: Number) -> Step {
        let parse = match Parse::read(body(&frame)) {
            Ok(parse) => parse,
            Err(error) => {
                return refuse(
                    Kind::Parse { name: Box::default() },
                    Refusal::new(error.sqlstate(), error.to_string()),
                );
            }
        };
        let name: Box<[u8]> = parse.name.into();
        let sql = frame.slice_ref(parse.sql);
        let readings = self.readings(&sql).await;
        let known = match self.needed(&readings).await {
            Ok(known) => known,
            Err(denied) => return refuse(Kind::Parse { name }, Refusal::of(&denied, RequestId::new())),
        };
        let commands = self.commands(&sql, &readings, known.as_deref());
        let denied = commands.iter().find_map(|command| match self.seat.prepare(command, ()) {
            Ok(Some(_preparation)) => None,
            Ok(None) => Some(None),
            Err(denied) => Some(Some(denied)),
        });
        let Some(first) = commands.first() else {
            return refuse(
                Kind::Parse { name },
                Refusal::new(SqlState::INTERNAL_ERROR, "a text could not be judged"),
            );
        };
        match denied {
            Some(Some(denied)) => refuse(Kind::Parse { name }, Refusal::of(&denied, RequestId::new())),
            // Through the pipeline, which records the refusal and knows its words.
            Some(None) => {
                let judgement = readings.into_iter().next();
                let kind = Kind::Parse { name };
                let what = What { frame, sql, prepared: None, commands, judgement, bind: None, known };
                self.wanted(kind, How::Prepare, what, number)
            }
            None => {
                // Its other readings count where it is run.
                let worst = commands.iter().max_by_key(|command| command.class).unwrap_or(first);
                // What stands behind the SQL, up to the end of the frame: how many types, and each.
                let end = parse.name.len().saturating_add(sql.len()).saturating_add(HEADER).saturating_add(2);
                let types = frame.slice(end.min(frame.len())..);
                let definition = Rc::new(Definition { types, ..Definition::new(number, sql, worst.clone()) });
                if let Err(error) = self.names.borrow_mut().add_statement(&name, definition) {
                    return refuse(Kind::Parse { name }, Refusal::new(SqlState::TOO_MANY, error.to_string()));
                }
                match self.seat.prepare(first, frame) {
                    Ok(Some(preparation)) => Step::Prepare { preparation, name },
                    Ok(None) => refuse(
                        Kind::Parse { name },
                        Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, "the policies changed meanwhile"),
                    ),
                    Err(denied) => refuse(Kind::Parse { name }, Refusal::of(&denied, RequestId::new())),
                }
            }
        }
    }

    /// A `Bind`. Planning may run code of functions that call themselves immutable, so this is where a statement is admitted.
    pub(super) async fn bind(&self, frame: Bytes, number: Number) -> Step {
        let bind = match Bind::read(body(&frame)) {
            Ok(bind) => bind,
            Err(error) => {
                let kind = Kind::Bind { portal: Box::default() };
                return refuse(kind, Refusal::new(error.sqlstate(), error.to_string()));
            }
        };
        let kind = Kind::Bind { portal: bind.portal.into() };
        let candidates = self.names.borrow().statement(bind.statement).to_vec();
        let Some(definition) = candidates.last() else {
            let name = String::from_utf8_lossy(bind.statement);
            let message =
                format!("prepared statement \"{name}\" does not exist, or the gateway has not seen it made");
            return refuse(kind, Refusal::new(SqlState::NO_STATEMENT, message));
        };
        let mut commands: Vec<Command> =
            candidates.iter().rev().map(|definition| definition.command.clone()).collect();
        commands.extend(self.run_by(definition));
        let known = match self.masking().await {
            Ok(known) => known,
            Err(denied) => return refuse(kind, Refusal::of(&denied, RequestId::new())),
        };
        let (sql, frame) = (definition.sql.clone(), frame.clone());
        let prepared = Some(Rc::clone(definition));
        let what = What { frame, sql, prepared, commands, judgement: None, bind: Some(&bind), known };
        let step = self.wanted(kind, How::Execute, what, number);
        if let Step::Command(wanted) = &step {
            let portal =
                Portal { number, definition: Rc::clone(&wanted.definition), run: Some(wanted.run.clone()) };
            if let Err(error) = self.names.borrow_mut().add_portal(bind.portal, portal) {
                let kind = Kind::Bind { portal: bind.portal.into() };
                return refuse(kind, Refusal::new(SqlState::TOO_MANY, error.to_string()));
            }
        }
        step
    }

    /// What a statement runs by name, such as `EXECUTE p`.
    fn run_by(&self, definition: &Definition) -> Vec<Command> {
        let names = self.names.borrow();
        let effects = definition.command.sql().and_then(|sql| sql.effects.as_deref());
        let uses = effects.map(|effects| effects.names.as_slice()).unwrap_or_default();
        uses.iter()
            .flat_map(|entry| names.definitions(entry))
            .map(|definition| definition.command.clone())
            .collect()
    }

    /// An `Execute`.
    pub(super) async fn execute(&self, frame: &Bytes, number: Number) -> Step {
        let execute = match Execute::read(body(frame)) {
            Ok(execute) => execute,
            Err(error) => {
                let kind = Kind::Execute { portal: Box::default() };
                return refuse(kind, Refusal::new(error.sqlstate(), error.to_string()));
            }
        };
        let kind = || Kind::Execute { portal: execute.portal.into() };
        let candidates = self.names.borrow().portal(execute.portal).to_vec();
        let Some(portal) = candidates.last() else {
            let name = String::from_utf8_lossy(execute.portal);
            let message = format!("portal \"{name}\" does not exist, or the gateway has not seen it made");
            return refuse(kind(), Refusal::new(SqlState::NO_CURSOR, message));
        };
        // Bound before, under policies that may not hold any more: a portal can be run again and again.
        if portal.number < self.batch.get() {
            match self.seat.prepare(&portal.definition.command, ()) {
                Ok(Some(_still_allowed)) => {}
                Ok(None) => {
                    let message = "the policies have changed: what this portal runs is not allowed any more";
                    return refuse(kind(), Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
                }
                Err(denied) => return refuse(kind(), Refusal::of(&denied, RequestId::new())),
            }
        }
        if let Some(run) = portal.run.clone().filter(|_| candidates.iter().all(|portal| portal.run.is_some()))
        {
            return Step::Execute { run, portal: execute.portal.into(), rows: execute.rows };
        }
        let mut commands: Vec<Command> =
            candidates.iter().rev().map(|portal| portal.definition.command.clone()).collect();
        commands.extend(self.run_by(&portal.definition));
        let known = match self.masking().await {
            Ok(known) => known,
            Err(denied) => return refuse(kind(), Refusal::of(&denied, RequestId::new())),
        };
        let (frame, sql) = (frame.clone(), portal.definition.sql.clone());
        let prepared = Some(Rc::clone(&portal.definition));
        let what = What { frame, sql, prepared, commands, judgement: None, bind: None, known };
        self.wanted(kind(), How::Execute, what, number)
    }

    /// A `FunctionCall`: there is no SQL to be judged, so there is nothing that a policy could allow.
    pub(super) fn function_call(&self, frame: Bytes, number: Number) -> Step {
        let judgement = Judgement::Unread(Unread::Failed);
        let commands = vec![command(b"(FunctionCall)", &judgement, |_name| None, |_function| false)];
        let sql = Bytes::from_static(b"(FunctionCall)");
        let what = What { frame, sql, prepared: None, commands, judgement: None, bind: None, known: None };
        self.wanted(Kind::FunctionCall, How::Function, what, number)
    }

    /// A `Describe` or `Close`.
    ///
    /// # Errors
    /// It is no such message.
    pub(super) fn named(&self, tag: FrontTag, frame: &[u8]) -> Result<Step, WireError> {
        let named = match FrontMessage::read(tag, body(frame))? {
            FrontMessage::Describe(named) | FrontMessage::Close(named) => named,
            _ => return Ok(Step::Flush),
        };
        Ok(match (tag, named) {
            (FrontTag::Describe, Named::Portal(name)) => {
                let run = self.names.borrow().portal(name).last().and_then(|portal| portal.run.clone());
                Step::DescribePortal { run, name: name.into() }
            }
            (FrontTag::Describe, Named::Statement(name)) => Step::DescribeStatement { name: name.into() },
            (_, Named::Portal(name)) => Step::Close { portal: true, name: name.into() },
            (_, Named::Statement(name)) => Step::Close { portal: false, name: name.into() },
        })
    }

    /// Takes a command to the policies.
    fn wanted(&self, kind: Kind, how: How, what: What<'_>, number: Number) -> Step {
        let What { frame, sql, prepared, commands, judgement, bind, known } = what;
        let request = RequestId::new();
        let exchange = match self.seat.exchange(request) {
            Ok(exchange) => exchange,
            Err(denied) => return refuse(kind, Refusal::of(&denied, request)),
        };
        let mut commands = commands.into_iter();
        let Some(first) = commands.next() else {
            return refuse(kind, Refusal::new(SqlState::INTERNAL_ERROR, "a message could not be judged"));
        };
        let also: Vec<Command> = commands.collect();
        let known = known.filter(|_| !exchange.governed().plan.is_empty());
        let reach = known.as_ref().map_or(Reach::NOTHING, |known| self.reach(known, &first, &also));
        let definition =
            prepared.unwrap_or_else(|| Rc::new(Definition::new(number, sql.clone(), first.clone())));
        let judged = exchange.judge_with(first, also);
        let name = bind.map(|bind| bind.statement).unwrap_or_default();
        let record = Statement {
            how,
            command: &judged.command,
            class: judged.class().as_str(),
            sql: &sql,
            name,
            bind,
            transaction: self.transaction.get(),
        }
        .record(&exchange.governed().plan, self.seat.keeps());
        let results: Vec<Format> = bind.map(|bind| bind.results.codes().collect()).unwrap_or_default();
        let run = Run::new(Rc::clone(&definition), results, known.map(|known| (known, reach)));
        let asked = Some(Asked { exchange, judged, record, payload: frame });
        Step::Command(Box::new(Wanted { kind, request, asked, run, definition, reach, judgement }))
    }

    /// The SQL, and the types of parameters, of all that a text runs by name.
    pub(super) fn runs(&self, definition: &Definition) -> Vec<(Bytes, Bytes)> {
        let names = self.names.borrow();
        let effects = definition.command.sql().and_then(|sql| sql.effects.as_deref());
        let uses = effects.map(|effects| effects.names.as_slice()).unwrap_or_default();
        uses.iter()
            .flat_map(|entry| names.definitions(entry))
            .map(|definition| (definition.sql.clone(), definition.types.clone()))
            .collect()
    }

    /// Where masked values may turn up when commands run.
    fn reach(&self, known: &Known, first: &Command, also: &[Command]) -> Reach {
        let masked = &known.masked;
        let of = |command: &Command| {
            let Some(sql) = command.sql() else { return Reach::ALL };
            Reach::of(sql.effects.as_deref(), masked, !sql.opaque.is_empty())
        };
        let names = self.names.borrow();
        let named = |entry: &NameUse| {
            let definitions = names.definitions(entry);
            definitions.iter().map(|definition| of(&definition.command)).reduce(Reach::join)
        };
        std::iter::once(first).chain(also).fold(Reach::NOTHING, |reach, command| {
            let effects = command.sql().and_then(|sql| sql.effects.as_deref());
            reach.join(of(command).with_names(effects, masked, named))
        })
    }

    /// What the connection itself forbids, whatever the policies say; `None` for most.
    pub(super) fn forbidden(&self, wanted: &Wanted) -> Option<Denied> {
        if matches!(wanted.kind, Kind::FunctionCall) {
            let detail = "calls of functions by oid (large objects of old drivers) are not passed: there is no SQL to judge";
            return Some(Denied::new(DenyCode::BadRequest, detail).because("function_call"));
        }
        let asked = wanted.asked.as_ref()?;
        let effects = asked.judged.command.sql().and_then(|sql| sql.effects.as_deref())?;
        let governed = asked.exchange.governed();
        let unmaskable =
            |detail: &str, audit| Some(Denied::new(DenyCode::UnmaskableReply, detail).because(audit));
        if wanted.reach.copies(Some(effects)) {
            return unmaskable(
                "a COPY of what may hold masked values is not passed: nobody says what its columns are; select them",
                "copy_masked",
            );
        }
        if wanted.reach.keeps(Some(effects)) && !only_inserts(effects) {
            let detail = "it reads masked columns and changes or makes something: masked values could come to where they are not masked; name only columns that are not";
            return unmaskable(detail, "keeps_masked");
        }
        if governed.connection.database.readonly && frees_from_readonly(effects) {
            let detail = "this connection only reads (readonly = true), and that cannot be changed";
            return Some(Denied::new(DenyCode::Denied, detail).because("readonly"));
        }
        None
    }
}

/// Whether a text does nothing but insert values that stand in it: then what it reads is only what it gives back.
fn only_inserts(effects: &Effects) -> bool {
    effects.verbs.iter().all(|verb| matches!(verb, Verb::Insert | Verb::Select))
        && effects.relations.iter().all(|relation| relation.access == Access::Write)
}

/// Whether a text would let a session write that was told only to read.
fn frees_from_readonly(effects: &Effects) -> bool {
    effects.settings.iter().any(|setting| {
        let named = matches!(
            setting.name.as_deref(),
            None | Some("transaction_read_only" | "default_transaction_read_only")
        );
        let on = matches!(setting.value.as_deref(), Some("on" | "true" | "1" | "yes"));
        // Reset, it is what it was when the session began: on.
        let reset = setting.value.is_none() && effects.verbs.contains(&Verb::Reset);
        named && !on && !reset
    })
}

/// A message that is refused.
fn refuse(kind: Kind, refusal: Refusal) -> Step {
    Step::Refuse { kind, refusal }
}

/// Whether what a command does may change how the next text is read.
pub(super) fn may_change_lexing(command: &Command) -> bool {
    command.class == Class::Unknown
        || command.sql().and_then(|sql| sql.effects.as_deref()).is_none_or(Effects::changes_lexing)
}

/// Whether what a command does may change where names are looked up in the texts after it.
pub(super) fn may_move_names(command: &Command) -> bool {
    let Some(sql) = command.sql() else { return true };
    !sql.opaque.is_empty() || sql.effects.as_ref().is_none_or(|effects| effects.moves_names(sql.base))
}

/// Whether what a command does may change the catalogue.
pub(super) fn may_change_catalog(command: &Command) -> bool {
    command.class >= Class::Ddl
}
