//! What becomes of one message of a client: judged, and laid out as a step that is sent, or as one that is refused.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Command;
use crate::domain::RequestId;
use crate::domain::sql::NameAction;
use crate::pipeline::Asked;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::judge::Unread;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::meaning::Meaning;
use crate::protocol::postgres::session::meaning::may_change_catalog;
use crate::protocol::postgres::session::meaning::may_change_reading;
use crate::protocol::postgres::session::meaning::may_move_names;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::LONGEST_NAME;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::names::Portal;
use crate::protocol::postgres::session::names::Statement;
use crate::protocol::postgres::session::record;
use crate::protocol::postgres::session::record::How;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::shared::Shared;
use crate::protocol::postgres::session::step::Changes;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::Step;
use crate::protocol::postgres::session::step::Wanted;
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

/// What there is to a message before the policies are asked.
struct What<'a> {
    kind: Kind,
    how: How,
    frame: Bytes,
    definition: Rc<Definition>,
    meaning: Meaning,
    bind: Option<&'a Bind<'a>>,
    /// The catalogue, where values are masked.
    known: Option<Arc<Known>>,
}

impl Shared {
    /// What becomes of a message.
    ///
    /// # Errors
    /// A message that is none.
    pub(super) async fn plan(&self, tag: FrontTag, frame: Bytes, number: Number) -> Result<Step, WireError> {
        Ok(match tag {
            FrontTag::Query => self.query(frame, number).await,
            FrontTag::Parse => self.parse(frame, number).await,
            FrontTag::Bind => self.bind(frame, number).await,
            FrontTag::Execute => self.execute(&frame, number).await,
            FrontTag::FunctionCall => self.function_call(frame, number),
            FrontTag::Sync => Step::Sync,
            FrontTag::Describe | FrontTag::Close => self.named(tag, &frame, number)?,
            FrontTag::Flush
            | FrontTag::CopyData
            | FrontTag::CopyDone
            | FrontTag::CopyFail
            | FrontTag::Password
            | FrontTag::Terminate => Step::Flush,
        })
    }

    async fn query(&self, frame: Bytes, number: Number) -> Step {
        let kind = Kind::Query;
        let sql = match Query::read(body(&frame)) {
            Ok(query) => query.sql,
            Err(error) => return refuse(kind, Refusal::new(error.sqlstate(), error.to_string())),
        };
        if !self.reads_surely() {
            return Step::Unsettled;
        }
        let judgement = self.judge.judge(sql, self.lexing.get()).await;
        let definition = Definition::new(sql, b"", judgement);
        self.ask(kind, How::Simple, frame, definition, None, number).await
    }

    async fn parse(&self, frame: Bytes, number: Number) -> Step {
        let kind = |name: &[u8]| Kind::Parse { name: name.into(), before: None };
        let parse = match Parse::read(body(&frame)) {
            Ok(parse) => parse,
            Err(error) => return refuse(kind(b""), Refusal::new(error.sqlstate(), error.to_string())),
        };
        if let Some(refusal) = too_long(parse.name) {
            return refuse(kind(b""), refusal);
        }
        if !self.reads_surely() {
            return Step::Unsettled;
        }
        let judgement = self.judge.judge(parse.sql, self.lexing.get()).await;
        // What stands behind the SQL, up to the end of the frame: how many types, and each.
        let end = HEADER.saturating_add(parse.name.len()).saturating_add(parse.sql.len()).saturating_add(2);
        let types = frame.get(end..).unwrap_or_default();
        let definition = Definition::new(parse.sql, types, judgement);
        if !self.names_are_sure(&definition) {
            return Step::Unsettled;
        }
        let known = match self.needed(&definition).await {
            Ok(known) => known,
            Err(denied) => return refuse(kind(parse.name), Refusal::of(&denied, RequestId::new())),
        };
        let Meaning { command, also, .. } = self.meaning(&definition, known.as_deref());
        for command in std::iter::once(&command).chain(&also) {
            match self.seat.prepare(command, ()) {
                Ok(Some(_preparation)) => {}
                // Through the pipeline, which records the refusal and knows its words.
                Ok(None) => {
                    return self
                        .ask(kind(parse.name), How::Prepare, frame.clone(), definition, None, number)
                        .await;
                }
                Err(denied) => return refuse(kind(parse.name), Refusal::of(&denied, RequestId::new())),
            }
        }
        let preparation = match self.seat.prepare(&command, frame.clone()) {
            Ok(Some(preparation)) => preparation,
            Ok(None) => return refuse(kind(parse.name), changed()),
            Err(denied) => return refuse(kind(parse.name), Refusal::of(&denied, RequestId::new())),
        };
        self.statement_naming.set(number);
        let set = self.names.borrow_mut().set_statement(parse.name, Statement { number, definition });
        match set {
            Ok(before) => Step::Prepare { preparation, name: parse.name.into(), before },
            Err(error) => refuse(kind(parse.name), Refusal::new(SqlState::TOO_MANY, error.to_string())),
        }
    }

    /// A `Bind`. Planning may run code of functions that call themselves immutable, so this is where a statement is admitted.
    async fn bind(&self, frame: Bytes, number: Number) -> Step {
        let kind = |portal: &[u8]| Kind::Bind { portal: portal.into(), before: None };
        let bind = match Bind::read(body(&frame)) {
            Ok(bind) => bind,
            Err(error) => return refuse(kind(b""), Refusal::new(error.sqlstate(), error.to_string())),
        };
        if let Some(refusal) = too_long(bind.portal).or_else(|| too_long(bind.statement)) {
            return refuse(kind(b""), refusal);
        }
        let statement = self.names.borrow().statement(bind.statement).cloned();
        if !self.reads_surely()
            || !self.statement_is_sure(statement.as_ref().map(|statement| statement.number))
        {
            return Step::Unsettled;
        }
        let Some(statement) = statement else {
            let name = String::from_utf8_lossy(bind.statement);
            let message =
                format!("prepared statement \"{name}\" does not exist, or the gateway has not seen it made");
            return refuse(kind(bind.portal), Refusal::new(SqlState::NO_STATEMENT, message));
        };
        let step = self
            .ask(kind(bind.portal), How::Execute, frame.clone(), statement.definition, Some(&bind), number)
            .await;
        let Step::Command(mut wanted) = step else { return step };
        self.portal_naming.set(number);
        let portal =
            Portal { number, definition: Rc::clone(&wanted.definition), run: Some(wanted.run.clone()) };
        let set = self.names.borrow_mut().set_portal(bind.portal, portal);
        match set {
            Ok(was) => {
                if let Kind::Bind { before, .. } = &mut wanted.kind {
                    *before = was;
                }
                Step::Command(wanted)
            }
            Err(error) => refuse(kind(bind.portal), Refusal::new(SqlState::TOO_MANY, error.to_string())),
        }
    }

    async fn execute(&self, frame: &Bytes, number: Number) -> Step {
        let kind = |portal: &[u8]| Kind::Execute { portal: portal.into() };
        let execute = match Execute::read(body(frame)) {
            Ok(execute) => execute,
            Err(error) => return refuse(kind(b""), Refusal::new(error.sqlstate(), error.to_string())),
        };
        if let Some(refusal) = too_long(execute.portal) {
            return refuse(kind(b""), refusal);
        }
        let portal = self.names.borrow().portal(execute.portal).cloned();
        if !self.portal_is_sure(portal.as_ref().map(|portal| portal.number)) {
            return Step::Unsettled;
        }
        let Some(portal) = portal else {
            let name = String::from_utf8_lossy(execute.portal);
            let message = format!("portal \"{name}\" does not exist, or the gateway has not seen it made");
            return refuse(kind(execute.portal), Refusal::new(SqlState::NO_CURSOR, message));
        };
        let over = portal.run.as_ref().filter(|run| run.get().is_over()).cloned();
        let bound = portal.run.clone().filter(|_| over.is_none());
        let Some(run) = bound else {
            if !self.reads_surely() {
                return Step::Unsettled;
            }
            // A cursor of SQL, or a portal that has run to its end and gives nothing more: another command either way.
            let step = self
                .ask(kind(execute.portal), How::Execute, frame.clone(), portal.definition, None, number)
                .await;
            if let (Step::Command(wanted), Some(over)) = (&step, over) {
                wanted.run.get().bound_with(over.get().results());
                self.names.borrow_mut().rerun(execute.portal, wanted.run.clone());
            }
            return step;
        };
        // What it runs by name is looked up by the target now, not when it was bound.
        let renamed = self.statement_naming.get().max(self.portal_naming.get()) > portal.number;
        if runs_names(&portal.definition) && renamed {
            let message =
                "what this portal runs by name may have been made anew since it was bound; bind it again";
            return refuse(kind(execute.portal), Refusal::new(SqlState::NO_CURSOR, message));
        }
        // Bound before, under policies that may not hold any more: a portal can be run again and again.
        if portal.number < self.batch.get()
            && let Some(refusal) = self.not_any_more(&portal.definition, &run).await
        {
            return refuse(kind(execute.portal), refusal);
        }
        Step::Execute { run, portal: execute.portal.into(), rows: execute.rows }
    }

    /// Why what was bound earlier may not run now, if it may not.
    async fn not_any_more(&self, definition: &Rc<Definition>, run: &Run) -> Option<Refusal> {
        let known = match self.needed(definition).await {
            Ok(known) => known,
            Err(denied) => return Some(Refusal::of(&denied, RequestId::new())),
        };
        let Meaning { command, also, .. } = self.meaning(definition, known.as_deref());
        for command in std::iter::once(&command).chain(&also) {
            match self.seat.prepare(command, ()) {
                Ok(Some(_still_allowed)) => {}
                Ok(None) => return Some(changed()),
                Err(denied) => return Some(Refusal::of(&denied, RequestId::new())),
            }
        }
        if run.get().is_masked_by(&self.seat.current().mask_tag) {
            return None;
        }
        let message = "the masks have changed since this portal was bound; bind it again";
        Some(Refusal::new(SqlState::NO_CURSOR, message))
    }

    /// A `FunctionCall`: there is no SQL to be judged, so there is nothing that a policy could allow.
    fn function_call(&self, frame: Bytes, number: Number) -> Step {
        let judgement = Arc::new(Judgement::Unread(Unread::Failed));
        let definition = Definition::new(b"(FunctionCall)", b"", judgement);
        let meaning = self.meaning(&definition, None);
        let (kind, how) = (Kind::FunctionCall, How::Function);
        self.wanted(What { kind, how, frame, definition, meaning, bind: None, known: None }, number)
    }

    /// A `Describe` or `Close`.
    fn named(&self, tag: FrontTag, frame: &[u8], number: Number) -> Result<Step, WireError> {
        let (FrontMessage::Describe(named) | FrontMessage::Close(named)) =
            FrontMessage::read(tag, body(frame))?
        else {
            return Ok(Step::Flush);
        };
        let (Named::Portal(name) | Named::Statement(name)) = named;
        if let Some(refusal) = too_long(name) {
            return Ok(refuse(Kind::Execute { portal: Box::default() }, refusal));
        }
        let portal = matches!(named, Named::Portal(_));
        Ok(match (tag, portal) {
            (FrontTag::Describe, true) => {
                let found = self.names.borrow().portal(name).cloned();
                if !self.portal_is_sure(found.as_ref().map(|portal| portal.number)) {
                    return Ok(Step::Unsettled);
                }
                Step::DescribePortal { run: found.and_then(|portal| portal.run), name: name.into() }
            }
            (FrontTag::Describe, false) => Step::DescribeStatement { name: name.into() },
            _ => {
                (if portal { &self.portal_naming } else { &self.statement_naming }).set(number);
                self.other_naming.set(number);
                Step::Close { portal, name: name.into() }
            }
        })
    }

    /// Takes a text to the policies.
    #[expect(clippy::too_many_arguments, reason = "each is another part of one message")]
    async fn ask(
        &self,
        kind: Kind,
        how: How,
        frame: Bytes,
        definition: Rc<Definition>,
        bind: Option<&Bind<'_>>,
        number: Number,
    ) -> Step {
        if !self.names_are_sure(&definition) {
            return Step::Unsettled;
        }
        let known = match self.needed(&definition).await {
            Ok(known) => known,
            Err(denied) => return refuse(kind, Refusal::of(&denied, RequestId::new())),
        };
        let meaning = self.meaning(&definition, known.as_deref());
        self.wanted(What { kind, how, frame, definition, meaning, bind, known }, number)
    }

    fn wanted(&self, what: What<'_>, number: Number) -> Step {
        let What { kind, how, frame, definition, meaning, bind, known } = what;
        let Meaning { command, also, runs, reach } = meaning;
        let request = RequestId::new();
        let exchange = match self.seat.exchange(request) {
            Ok(exchange) => exchange,
            Err(denied) => return refuse(kind, Refusal::of(&denied, request)),
        };
        let governed = exchange.governed();
        // A call by oid is refused whatever is masked.
        let masks = !governed.plan.is_empty() && how != How::Function;
        if masks && known.as_ref().is_none_or(|known| known.mask_tag != governed.mask_tag) {
            return refuse(
                kind,
                Refusal::new(SqlState::CANNOT_CONNECT_NOW, "the masks have just changed; send it again"),
            );
        }
        let known = known.filter(|_| masks);
        if how != How::Prepare {
            std::iter::once(&command)
                .chain(&also)
                .for_each(|command| self.note_effects(&definition, command, number));
        }
        let any = |changes: fn(&Command) -> bool| std::iter::once(&command).chain(&also).any(changes);
        let changes = Changes { catalog: any(may_change_catalog), names: any(may_move_names) };
        let judged = exchange.judge_with(command, also);
        let record = record::Statement {
            how,
            command: &judged.command,
            class: judged.class().as_str(),
            sql: &definition.sql,
            runs: &runs,
            name: bind.map(|bind| bind.statement).unwrap_or_default(),
            portal: match &kind {
                Kind::Execute { portal } => Some(portal),
                _ => None,
            },
            bind,
            transaction: self.transaction.get(),
        }
        .record(&governed.plan, self.seat.keeps());
        let results: Vec<Format> = bind.map(|bind| bind.results.codes().collect()).unwrap_or_default();
        let run = Run::new(Rc::clone(&definition), results, known.map(|known| (known, reach)));
        let asked = Some(Asked { exchange, judged, record, payload: frame });
        Step::Command(Box::new(Wanted { kind, request, asked, run, definition, runs, reach, changes }))
    }

    /// Notes what a command may change that later messages are judged by.
    fn note_effects(&self, definition: &Definition, command: &Command, number: Number) {
        if may_change_reading(command) {
            self.unsure.set(number);
        }
        if !definition.uses().is_empty() {
            self.statement_naming.set(number);
            self.portal_naming.set(number);
            self.other_naming.set(number);
        }
    }
}

/// Whether a text runs or reads prepared statements or cursors that were made before.
fn runs_names(definition: &Definition) -> bool {
    definition.uses().iter().any(|entry| matches!(entry.action, NameAction::Execute | NameAction::Fetch))
}

/// A message that is refused.
fn refuse(kind: Kind, refusal: Refusal) -> Step {
    Step::Refuse { kind, refusal }
}

fn changed() -> Refusal {
    Refusal::new(SqlState::INSUFFICIENT_PRIVILEGE, "the policies have changed: this is not allowed any more")
}

/// The refusal of a name of which the server would see only the beginning.
fn too_long(name: &[u8]) -> Option<Refusal> {
    (name.len() > LONGEST_NAME).then(|| {
        let message = format!(
            "a name of {} bytes: the server tells names apart by {LONGEST_NAME} bytes only",
            name.len()
        );
        Refusal::new(SqlState::NAME_TOO_LONG, message)
    })
}
