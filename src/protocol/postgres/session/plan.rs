//! What becomes of one message of a client: judged, and laid out as a step that is sent, or as one that is
//! refused.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::domain::sql::NameAction;
use crate::pipeline::Asked;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::judge::Unread;
use crate::protocol::postgres::session::kin::tie;
use crate::protocol::postgres::session::meaning::Meaning;
use crate::protocol::postgres::session::meaning::changes_catalog;
use crate::protocol::postgres::session::meaning::may_change_reading;
use crate::protocol::postgres::session::meaning::path_effect;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::LONGEST_NAME;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::names::Portal;
use crate::protocol::postgres::session::names::Statement;
use crate::protocol::postgres::session::names::TooMany;
use crate::protocol::postgres::session::record;
use crate::protocol::postgres::session::record::SubmittedBy;
use crate::protocol::postgres::session::refuse::Refused;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::search_path::PathEffect;
use crate::protocol::postgres::session::session_settings::SettingChange;
use crate::protocol::postgres::session::state::SessionState;
use crate::protocol::postgres::session::step::Changes;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::PlannedCommand;
use crate::protocol::postgres::session::step::Step;
use crate::protocol::postgres::targets::CatalogView;
use crate::protocol::postgres::targets::Change;
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

/// Why a message is refused whose masks are not those of now.
const MASKS_CHANGED: &str = "masks_changed";

/// What there is to a message before the policies are asked.
struct What<'a> {
    kind: Kind,
    submitted_by: SubmittedBy,
    frame: Bytes,
    definition: Rc<Definition>,
    meaning: Meaning,
    bind: Option<&'a Bind<'a>>,
    /// The catalogue, where values are masked.
    known: Option<Arc<CatalogView>>,
}

impl SessionState {
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
            Err(error) => return self.malformed(kind, &error),
        };
        if !self.reads_surely() {
            return Step::Unsettled;
        }
        let judgement = self.judge.judge(sql, self.lexing.get()).await;
        let definition = Definition::new(sql, b"", judgement);
        self.ask(kind, SubmittedBy::Simple, frame, definition, None, number).await
    }

    async fn parse(&self, frame: Bytes, number: Number) -> Step {
        let kind = |name: &[u8]| Kind::Parse { name: name.into(), before: None };
        let parse = match Parse::read(body(&frame)) {
            Ok(parse) => parse,
            Err(error) => return self.malformed(kind(b""), &error),
        };
        if let Some(denied) = too_long(parse.name) {
            return self.refused(kind(b""), SqlState::NAME_TOO_LONG, denied);
        }
        if !self.reads_surely() {
            return Step::Unsettled;
        }
        let judgement = self.judge.judge(parse.sql, self.lexing.get()).await;
        // What stands behind the SQL, up to the end of the frame: how many types, and each.
        let end = HEADER.saturating_add(parse.name.len()).saturating_add(parse.sql.len()).saturating_add(2);
        let types = frame.get(end..).unwrap_or_default();
        let definition = Definition::new(parse.sql, types, judgement);
        if !self.names_are_sure(&definition) || !self.code_is_sure(&definition) {
            return Step::Unsettled;
        }
        let known = match self.catalog_if_needed(&definition).await {
            Ok(known) => known,
            Err(denied) => return self.refused_text(kind(parse.name), &definition, denied),
        };
        let Meaning { command, also, guess, .. } = self.meaning(&definition, known.as_deref());
        if guess.is_some() {
            return self
                .ask(kind(parse.name), SubmittedBy::Prepare, frame.clone(), definition, None, number)
                .await;
        }
        for command in std::iter::once(&command).chain(&also) {
            match self.seat.prepare(command, ()) {
                Ok(Some(_preparation)) => {}
                // Through the pipeline, which records the refusal and knows its words.
                Ok(None) => {
                    return self
                        .ask(kind(parse.name), SubmittedBy::Prepare, frame.clone(), definition, None, number)
                        .await;
                }
                Err(denied) => return self.refused_text(kind(parse.name), &definition, denied),
            }
        }
        let preparation = match self.seat.prepare(&command, frame.clone()) {
            Ok(Some(preparation)) => preparation,
            Ok(None) => return self.refused_text(kind(parse.name), &definition, changed()),
            Err(denied) => return self.refused_text(kind(parse.name), &definition, denied),
        };
        self.statement_naming.set(number);
        let statement = Statement { number, definition: Rc::clone(&definition) };
        let set = self.names.borrow_mut().set_statement(parse.name, statement);
        match set {
            Ok(before) => Step::Prepare { preparation, name: parse.name.into(), before },
            Err(error) => self.refused_text(kind(parse.name), &definition, too_many(error)),
        }
    }

    /// A `Bind`. Planning may run code of functions that call themselves immutable, so this is where a
    /// statement is admitted.
    async fn bind(&self, frame: Bytes, number: Number) -> Step {
        let kind = |portal: &[u8]| Kind::Bind { portal: portal.into(), before: None };
        let bind = match Bind::read(body(&frame)) {
            Ok(bind) => bind,
            Err(error) => return self.malformed(kind(b""), &error),
        };
        if let Some(denied) = too_long(bind.portal).or_else(|| too_long(bind.statement)) {
            return self.refused(kind(b""), SqlState::NAME_TOO_LONG, denied);
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
            let denied = Denied::new(DenyCode::BadRequest, message).because("unknown_statement");
            let record =
                record::unread(SubmittedBy::Execute, bind.statement, bind.portal, self.transaction.get());
            return Refused::new(kind(bind.portal), record, denied).with_state(SqlState::NO_STATEMENT).step();
        };
        let step = self
            .ask(
                kind(bind.portal),
                SubmittedBy::Execute,
                frame.clone(),
                statement.definition,
                Some(&bind),
                number,
            )
            .await;
        let Step::Command(mut planned) = step else { return step };
        self.portal_naming.set(number);
        let portal =
            Portal { number, definition: Rc::clone(&planned.definition), run: Some(planned.run.clone()) };
        let set = self.names.borrow_mut().set_portal(bind.portal, portal);
        match set {
            Ok(was) => {
                if let Kind::Bind { before, .. } = &mut planned.kind {
                    *before = was;
                }
                Step::Command(planned)
            }
            Err(error) => self.refused_text(kind(bind.portal), &planned.definition, too_many(error)),
        }
    }

    async fn execute(&self, frame: &Bytes, number: Number) -> Step {
        let kind = |portal: &[u8]| Kind::Execute { portal: portal.into() };
        let execute = match Execute::read(body(frame)) {
            Ok(execute) => execute,
            Err(error) => return self.malformed(kind(b""), &error),
        };
        if let Some(denied) = too_long(execute.portal) {
            return self.refused(kind(b""), SqlState::NAME_TOO_LONG, denied);
        }
        let portal = self.names.borrow().portal(execute.portal).cloned();
        if !self.portal_is_sure(portal.as_ref().map(|portal| portal.number)) {
            return Step::Unsettled;
        }
        let Some(portal) = portal else {
            let name = String::from_utf8_lossy(execute.portal);
            let message = format!("portal \"{name}\" does not exist, or the gateway has not seen it made");
            let denied = Denied::new(DenyCode::BadRequest, message).because("unknown_portal");
            return self.refused(kind(execute.portal), SqlState::NO_CURSOR, denied);
        };
        let over = portal.run.as_ref().filter(|run| run.get().is_over()).cloned();
        let bound = portal.run.clone().filter(|_| over.is_none());
        let Some(run) = bound else {
            if !self.reads_surely() {
                return Step::Unsettled;
            }
            // A cursor of SQL, or a portal that has run to its end and gives nothing more: another command
            // either way.
            let step = self
                .ask(
                    kind(execute.portal),
                    SubmittedBy::Execute,
                    frame.clone(),
                    portal.definition,
                    None,
                    number,
                )
                .await;
            if let (Step::Command(planned), Some(over)) = (&step, over) {
                planned.run.get().bound_with(over.get().results());
                self.names.borrow_mut().rerun(execute.portal, planned.run.clone());
            }
            return step;
        };
        // What it runs by name is looked up by the target now, not when it was bound.
        let renamed = self.statement_naming.get().max(self.portal_naming.get()) > portal.number;
        if runs_names(&portal.definition) && renamed {
            let message =
                "a statement or cursor that this portal runs may have been replaced since Bind; bind again";
            let denied = Denied::new(DenyCode::Denied, message).because("portal_stale");
            return self.refused_text_as(
                kind(execute.portal),
                &portal.definition,
                SqlState::NO_CURSOR,
                denied,
            );
        }
        // Bound before, under policies that may not hold any more: a portal can be run again and again.
        if portal.number < self.batch.get()
            && let Err(denied) = self.still_may(&portal.definition, &run).await
        {
            let kind = kind(execute.portal);
            return if denied.audit == Some(MASKS_CHANGED) {
                self.refused_text_as(kind, &portal.definition, SqlState::NO_CURSOR, denied)
            } else {
                self.refused_text(kind, &portal.definition, denied)
            };
        }
        Step::Execute { run, portal: execute.portal.into(), rows: execute.rows }
    }

    /// Whether what was bound earlier may still run.
    async fn still_may(&self, definition: &Rc<Definition>, run: &Run) -> Result<(), Denied> {
        let known = self.catalog_if_needed(definition).await?;
        let Meaning { command, also, .. } = self.meaning(definition, known.as_deref());
        for command in std::iter::once(&command).chain(&also) {
            if self.seat.prepare(command, ())?.is_none() {
                return Err(changed());
            }
        }
        if run.get().is_masked_by(&self.seat.current().mask_tag) {
            return Ok(());
        }
        let message = "the masks have changed since this portal was bound; bind it again";
        Err(Denied::new(DenyCode::Denied, message).because(MASKS_CHANGED))
    }

    /// A `FunctionCall`: there is no SQL to be judged, so there is nothing that a policy could allow.
    fn function_call(&self, frame: Bytes, number: Number) -> Step {
        let judgement = Arc::new(Judgement::Unread(Unread::Failed));
        let definition = Definition::new(b"(FunctionCall)", b"", judgement);
        let meaning = self.meaning(&definition, None);
        let (kind, submitted_by) = (Kind::FunctionCall, SubmittedBy::Function);
        self.wanted(What { kind, submitted_by, frame, definition, meaning, bind: None, known: None }, number)
    }

    /// A `Describe` or `Close`.
    fn named(&self, tag: FrontTag, frame: &[u8], number: Number) -> Result<Step, WireError> {
        let (FrontMessage::Describe(named) | FrontMessage::Close(named)) =
            FrontMessage::read(tag, body(frame))?
        else {
            return Ok(Step::Flush);
        };
        let (Named::Portal(name) | Named::Statement(name)) = named;
        if let Some(denied) = too_long(name) {
            let kind = Kind::Execute { portal: Box::default() };
            return Ok(self.refused(kind, SqlState::NAME_TOO_LONG, denied));
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
        submitted_by: SubmittedBy,
        frame: Bytes,
        definition: Rc<Definition>,
        bind: Option<&Bind<'_>>,
        number: Number,
    ) -> Step {
        if !self.names_are_sure(&definition) || !self.code_is_sure(&definition) {
            return Step::Unsettled;
        }
        let known = match self.catalog_if_needed(&definition).await {
            Ok(known) => known,
            Err(denied) => return self.refused_text(kind, &definition, denied),
        };
        let meaning = self.meaning(&definition, known.as_deref());
        self.wanted(What { kind, submitted_by, frame, definition, meaning, bind, known }, number)
    }

    fn wanted(&self, what: What<'_>, number: Number) -> Step {
        let What { kind, submitted_by, frame, definition, meaning, bind, known } = what;
        let Meaning { command, also, runs, exposure, guess } = meaning;
        let request = RequestId::new();
        let exchange = match self.seat.exchange(request) {
            Ok(exchange) => exchange,
            Err(denied) => return self.refused_text(kind, &definition, denied),
        };
        let governed = exchange.governed();
        // A call by oid is refused whatever is masked.
        let masks = !governed.plan.is_empty() && submitted_by != SubmittedBy::Function;
        if masks && known.as_ref().is_none_or(|known| known.mask_tag != governed.mask_tag) {
            let denied = Denied::new(DenyCode::Overloaded, "the masks have just changed; send it again");
            let denied = denied.because(MASKS_CHANGED);
            return self.refused_text_as(kind, &definition, SqlState::CANNOT_CONNECT_NOW, denied);
        }
        let all = || std::iter::once(&command).chain(&also);
        let change = |command| changes_catalog(command, known.as_deref());
        let catalog = all().map(change).max().unwrap_or_default();
        let known = known.filter(|_| masks);
        if submitted_by != SubmittedBy::Prepare {
            all().for_each(|command| self.note_effects(&definition, command, number));
            if catalog >= Change::Relations {
                self.remade.set(number);
            }
        }
        let names = all().map(path_effect).fold(PathEffect::No, PathEffect::max);
        let ties = all().filter_map(|command| tie(command, catalog)).collect();
        let changes = Changes { catalog, names, ties };
        let effects = command.sql().and_then(|sql| sql.effects.as_deref());
        let sets = effects.and_then(|effects| SettingChange::of(&definition, effects, bind));
        let judged = exchange.judge_with(command, also);
        let record = record::Statement {
            submitted_by,
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
        let run = Run::new(Rc::clone(&definition), results, known.map(|known| (known, exposure)));
        let asked = Some(Asked { exchange, judged, record, payload: frame });
        Step::Command(Box::new(PlannedCommand {
            kind,
            request,
            asked,
            run,
            definition,
            runs,
            exposure,
            guess,
            changes,
            sets,
        }))
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
pub(super) fn runs_names(definition: &Definition) -> bool {
    definition.uses().iter().any(|entry| matches!(entry.action, NameAction::Execute | NameAction::Fetch))
}

fn changed() -> Denied {
    let detail = "the policies have changed: this is not allowed any more";
    Denied::new(DenyCode::Denied, detail).because("policy_changed")
}

fn too_many(error: TooMany) -> Denied {
    Denied::new(DenyCode::LimitExceeded, error.to_string()).because("too_many_names")
}

/// The refusal of a name of which the server would see only the beginning.
fn too_long(name: &[u8]) -> Option<Denied> {
    (name.len() > LONGEST_NAME).then(|| {
        let message = format!(
            "a name of {} bytes: the server compares only the first {LONGEST_NAME}, so it is ambiguous",
            name.len()
        );
        Denied::new(DenyCode::BadRequest, message).because("name_too_long")
    })
}
