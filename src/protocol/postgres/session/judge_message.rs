//! Judges one message of a client, and turns it into a step: one that is sent, or one that refuses it.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::RequestId;
use crate::domain::sql::NameAction;
use crate::pipeline::Asked;
use crate::pipeline::Judged;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::judge::Unread;
use crate::protocol::postgres::session::later_effects::changes_of;
use crate::protocol::postgres::session::later_effects::may_change_reading;
use crate::protocol::postgres::session::meaning::Meaning;
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
use crate::protocol::postgres::session::session_settings::SettingChange;
use crate::protocol::postgres::session::state::SessionState;
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

/// The audit reason when the masks have changed since a message was bound or judged.
const MASKS_CHANGED: &str = "masks_changed";

/// The step for a message. `Err` is a step that was settled early: a refusal, or the need to wait for
/// replies.
type Planned = Result<Step, Step>;

/// A message with SQL, before the policies are asked.
struct Candidate<'a> {
    kind: Kind,
    frame: Bytes,
    definition: Rc<Definition>,
    /// The parameter values of a `Bind`.
    bind: Option<&'a Bind<'a>>,
}

impl SessionState {
    /// Judges a message, and returns the step for it.
    ///
    /// # Errors
    /// A `Describe` or `Close` that is malformed. Other malformed messages become a step that refuses them.
    pub(super) async fn judge_message(
        &self,
        tag: FrontTag,
        frame: Bytes,
        number: Number,
    ) -> Result<Step, WireError> {
        let planned = match tag {
            FrontTag::Query => self.query(frame, number).await,
            FrontTag::Parse => self.parse(frame, number).await,
            FrontTag::Bind => self.bind(frame, number).await,
            FrontTag::Execute => self.execute(&frame, number).await,
            FrontTag::FunctionCall => self.function_call(frame, number),
            FrontTag::Describe | FrontTag::Close => match FrontMessage::read(tag, body(&frame))? {
                FrontMessage::Describe(named) => self.describe(named),
                FrontMessage::Close(named) => self.close(named, number),
                _ => Ok(Step::Flush),
            },
            FrontTag::Sync => Ok(Step::Sync),
            FrontTag::Flush
            | FrontTag::CopyData
            | FrontTag::CopyDone
            | FrontTag::CopyFail
            | FrontTag::Password
            | FrontTag::Terminate => Ok(Step::Flush),
        };
        let (Ok(step) | Err(step)) = planned;
        Ok(step)
    }

    async fn query(&self, frame: Bytes, number: Number) -> Planned {
        let query = Query::read(body(&frame)).map_err(|error| self.malformed(FrontTag::Query, &error))?;
        settled(self.reads_surely())?;
        let judgement = self.judge.judge(query.sql, self.lexing.get()).await;
        let definition = Definition::new(query.sql, b"", judgement);
        self.ask(Candidate { kind: Kind::Query, frame, definition, bind: None }, number).await
    }

    async fn parse(&self, frame: Bytes, number: Number) -> Planned {
        let parse = Parse::read(body(&frame)).map_err(|error| self.malformed(FrontTag::Parse, &error))?;
        self.check_names(FrontTag::Parse, &[parse.name])?;
        settled(self.reads_surely())?;
        let judgement = self.judge.judge(parse.sql, self.lexing.get()).await;
        let definition = Definition::new(parse.sql, types_of(&parse, &frame), judgement);
        settled(self.names_are_sure(&definition) && self.code_is_sure(&definition))?;
        let kind = || Kind::Parse { name: parse.name.into(), before: None };
        let refuse = |denied| self.refused_text(kind(), &definition, denied);
        let known = self.catalog_if_needed(&definition).await.map_err(refuse)?;
        let Meaning { command, also, guess, .. } = self.meaning(&definition, known.as_deref());
        for command in std::iter::once(&command).chain(&also) {
            let may = guess.is_none() && self.seat.prepare(command, ()).map_err(refuse)?.is_some();
            if !may {
                // The pipeline records the refusal, and knows its words.
                let definition = Rc::clone(&definition);
                let candidate = Candidate { kind: kind(), frame: frame.clone(), definition, bind: None };
                return self.ask(candidate, number).await;
            }
        }
        let preparation = self.seat.prepare(&command, frame.clone()).map_err(refuse)?;
        let preparation = preparation.ok_or_else(|| refuse(changed()))?;
        self.last_changes.note_parse(number);
        let statement = Statement { number, definition: Rc::clone(&definition) };
        let set = self.names.borrow_mut().set_statement(parse.name, statement);
        let before = set.map_err(|error| refuse(too_many(error)))?;
        Ok(Step::Prepare { preparation, name: parse.name.into(), before })
    }

    /// Judges a `Bind`. A statement is admitted here and not at its `Execute`, because planning may run
    /// functions that are declared immutable.
    async fn bind(&self, frame: Bytes, number: Number) -> Planned {
        let bind = Bind::read(body(&frame)).map_err(|error| self.malformed(FrontTag::Bind, &error))?;
        self.check_names(FrontTag::Bind, &[bind.portal, bind.statement])?;
        let statement = self.names.borrow().statement(bind.statement).cloned();
        let made = statement.as_ref().map(|statement| statement.number);
        settled(self.reads_surely() && self.statement_is_sure(made))?;
        let kind = || Kind::Bind { portal: bind.portal.into(), before: None };
        let statement = statement.ok_or_else(|| self.unknown_statement(kind(), &bind))?;
        let definition = statement.definition;
        let candidate = Candidate { kind: kind(), frame: frame.clone(), definition, bind: Some(&bind) };
        let step = self.ask(candidate, number).await?;
        let Step::Command(mut planned) = step else { return Ok(step) };
        self.last_changes.note_bind(number);
        let portal =
            Portal { number, definition: Rc::clone(&planned.definition), run: Some(planned.run.clone()) };
        let set = self.names.borrow_mut().set_portal(bind.portal, portal);
        let was = set.map_err(|error| self.refused_text(kind(), &planned.definition, too_many(error)))?;
        if let Kind::Bind { before, .. } = &mut planned.kind {
            *before = was;
        }
        Ok(Step::Command(planned))
    }

    async fn execute(&self, frame: &Bytes, number: Number) -> Planned {
        let execute =
            Execute::read(body(frame)).map_err(|error| self.malformed(FrontTag::Execute, &error))?;
        self.check_names(FrontTag::Execute, &[execute.portal])?;
        let portal = self.names.borrow().portal(execute.portal).cloned();
        settled(self.portal_is_sure(portal.as_ref().map(|portal| portal.number)))?;
        let portal = portal.ok_or_else(|| self.unknown_portal(execute.portal))?;
        let over = portal.run.as_ref().filter(|run| run.get().is_over()).cloned();
        let bound = portal.run.clone().filter(|_| over.is_none());
        if let Some(run) = bound {
            self.check_bound(execute.portal, &portal, &run).await?;
            return Ok(Step::Execute { run, portal: execute.portal.into(), rows: execute.rows });
        }
        settled(self.reads_surely())?;
        // Either an SQL cursor, or a portal that has run to its end and returns no more rows: both are a new
        // command.
        let kind = Kind::Execute { portal: execute.portal.into() };
        let candidate = Candidate { kind, frame: frame.clone(), definition: portal.definition, bind: None };
        let step = self.ask(candidate, number).await?;
        if let (Step::Command(planned), Some(over)) = (&step, over) {
            planned.run.get().bound_with(over.get().results());
            self.names.borrow_mut().rerun(execute.portal, planned.run.clone());
        }
        Ok(step)
    }

    /// Checks that a portal, which was admitted at its `Bind`, may still run.
    async fn check_bound(&self, name: &[u8], portal: &Portal, run: &Run) -> Result<(), Step> {
        let definition = &portal.definition;
        let kind = || Kind::Execute { portal: name.into() };
        // The target looks up the names that it runs now, not at its `Bind`.
        if runs_names(definition) && self.last_changes.names_after(portal.number) {
            let message =
                "a statement or cursor that this portal runs may have been replaced since Bind; bind again";
            let denied = Denied::new(DenyCode::Denied, message).because("portal_stale");
            return Err(self.refused_text_as(kind(), definition, SqlState::NO_CURSOR, denied));
        }
        // It was bound under policies that may have changed since: a portal can be run again and again.
        if self.last_changes.is_sent(portal.number) {
            self.still_may(definition, run).await.map_err(|denied| {
                if denied.audit == Some(MASKS_CHANGED) {
                    self.refused_text_as(kind(), definition, SqlState::NO_CURSOR, denied)
                } else {
                    self.refused_text(kind(), definition, denied)
                }
            })?;
        }
        Ok(())
    }

    /// Checks that a command that was bound earlier is still allowed, and is masked by the current masks.
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

    /// Plans a `FunctionCall`. It has no SQL to judge, so no policy can allow it.
    fn function_call(&self, frame: Bytes, number: Number) -> Planned {
        let judgement = Arc::new(Judgement::Unread(Unread::Failed));
        let definition = Definition::new(b"(FunctionCall)", b"", judgement);
        let meaning = self.meaning(&definition, None);
        let candidate = Candidate { kind: Kind::FunctionCall, frame, definition, bind: None };
        self.plan_command(candidate, meaning, None, number)
    }

    fn describe(&self, named: Named<'_>) -> Planned {
        let (Named::Portal(name) | Named::Statement(name)) = named;
        self.check_names(FrontTag::Execute, &[name])?;
        if matches!(named, Named::Statement(_)) {
            return Ok(Step::DescribeStatement { name: name.into() });
        }
        let portal = self.names.borrow().portal(name).cloned();
        settled(self.portal_is_sure(portal.as_ref().map(|portal| portal.number)))?;
        Ok(Step::DescribePortal { run: portal.and_then(|portal| portal.run), name: name.into() })
    }

    fn close(&self, named: Named<'_>, number: Number) -> Planned {
        let (Named::Portal(name) | Named::Statement(name)) = named;
        self.check_names(FrontTag::Execute, &[name])?;
        let portal = matches!(named, Named::Portal(_));
        self.last_changes.note_close(portal, number);
        Ok(Step::Close { portal, name: name.into() })
    }

    /// Finds out what a message with SQL does, and asks the policies about it.
    async fn ask(&self, candidate: Candidate<'_>, number: Number) -> Planned {
        let definition = &candidate.definition;
        settled(self.names_are_sure(definition) && self.code_is_sure(definition))?;
        let known = match self.catalog_if_needed(definition).await {
            Ok(known) => known,
            Err(denied) => return Err(self.refused_text(candidate.kind, definition, denied)),
        };
        let meaning = self.meaning(definition, known.as_deref());
        self.plan_command(candidate, meaning, known, number)
    }

    /// Asks the policies about a command, notes what it changes for later messages, and prepares its record.
    fn plan_command(
        &self,
        candidate: Candidate<'_>,
        meaning: Meaning,
        known: Option<Arc<CatalogView>>,
        number: Number,
    ) -> Planned {
        let Candidate { kind, frame, definition, bind } = candidate;
        let Meaning { command, also, runs, exposure, guess } = meaning;
        let request = RequestId::new();
        let exchange = match self.seat.exchange(request) {
            Ok(exchange) => exchange,
            Err(denied) => return Err(self.refused_text(kind, &definition, denied)),
        };
        let governed = exchange.governed();
        let submitted_by = kind.submitted_by();
        // A function call by oid is refused whether or not anything is masked.
        let masks = !governed.plan.is_empty() && submitted_by != SubmittedBy::Function;
        if masks && known.as_ref().is_none_or(|known| known.mask_tag != governed.mask_tag) {
            let denied = Denied::new(DenyCode::Overloaded, "the masks have just changed; send it again");
            let denied = denied.because(MASKS_CHANGED);
            return Err(self.refused_text_as(kind, &definition, SqlState::CANNOT_CONNECT_NOW, denied));
        }
        let all = || std::iter::once(&command).chain(&also);
        let changes = changes_of(all(), known.as_deref());
        if submitted_by != SubmittedBy::Prepare {
            all().for_each(|command| self.note_effects(&definition, command, number));
            if changes.catalog >= Change::Relations {
                self.last_changes.note_catalog(number);
            }
        }
        let known = known.filter(|_| masks);
        let effects = command.sql().and_then(|sql| sql.effects.as_deref());
        let sets = effects.and_then(|effects| SettingChange::of(&definition, effects, bind));
        let judged = exchange.judge_with(command, also);
        let why = judged.is_denied().then(|| why(&judged));
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
            transaction: self.transaction.status(),
        }
        .record(&governed.plan, self.seat.keeps());
        let results: Vec<Format> = bind.map(|bind| bind.results.codes().collect()).unwrap_or_default();
        let run = Run::new(Rc::clone(&definition), results, known.map(|known| (known, exposure)));
        let asked = Some(Asked { exchange, judged, record, payload: frame });
        Ok(Step::Command(Box::new(PlannedCommand {
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
            why,
            in_failed: false,
        })))
    }

    /// Refuses a message with a name of which the server would compare only the beginning.
    fn check_names(&self, tag: FrontTag, names: &[&[u8]]) -> Result<(), Step> {
        let Some(name) = names.iter().find(|name| name.len() > LONGEST_NAME) else { return Ok(()) };
        let message = format!(
            "a name of {} bytes: the server compares only the first {LONGEST_NAME}, so it is ambiguous",
            name.len()
        );
        let denied = Denied::new(DenyCode::BadRequest, message).because("name_too_long");
        Err(self.refused(Kind::unnamed(tag), SqlState::NAME_TOO_LONG, denied))
    }

    /// Returns the refusal of a `Bind` whose prepared statement is unknown.
    fn unknown_statement(&self, kind: Kind, bind: &Bind<'_>) -> Step {
        let name = String::from_utf8_lossy(bind.statement);
        let message =
            format!("prepared statement \"{name}\" does not exist, or the gateway has not seen it made");
        let denied = Denied::new(DenyCode::BadRequest, message).because("unknown_statement");
        let record =
            record::unread(SubmittedBy::Execute, bind.statement, bind.portal, self.transaction.status());
        Refused::new(kind, record, denied).with_state(SqlState::NO_STATEMENT).step()
    }

    /// Returns the refusal of an `Execute` whose portal is unknown.
    fn unknown_portal(&self, portal: &[u8]) -> Step {
        let name = String::from_utf8_lossy(portal);
        let message = format!("portal \"{name}\" does not exist, or the gateway has not seen it made");
        let denied = Denied::new(DenyCode::BadRequest, message).because("unknown_portal");
        self.refused(Kind::Execute { portal: portal.into() }, SqlState::NO_CURSOR, denied)
    }

    /// Notes what a command may change that later messages are judged by.
    fn note_effects(&self, definition: &Definition, command: &Command, number: Number) {
        if may_change_reading(command) {
            self.last_changes.note_reading(number);
        }
        if !definition.uses().is_empty() {
            self.last_changes.note_names(number);
        }
    }
}

/// Returns [`Step::Unsettled`] as an error if a message cannot be judged before earlier ones are answered.
fn settled(is_settled: bool) -> Result<(), Step> {
    if is_settled { Ok(()) } else { Err(Step::Unsettled) }
}

/// Returns the parameter types of a `Parse`: their count, then each. They follow its SQL.
fn types_of<'a>(parse: &Parse<'_>, frame: &'a [u8]) -> &'a [u8] {
    let end = HEADER.saturating_add(parse.name.len()).saturating_add(parse.sql.len()).saturating_add(2);
    frame.get(end..).unwrap_or_default()
}

/// Returns whether a text runs or reads prepared statements or cursors that were created before it.
pub(super) fn runs_names(definition: &Definition) -> bool {
    let runs = |action| matches!(action, NameAction::Execute | NameAction::Fetch | NameAction::Position);
    definition.uses().iter().any(|entry| runs(entry.action))
}

/// The class of a command, and what makes it one, in the words of `policy explain`.
fn why(judged: &Judged) -> String {
    /// How many reasons are told.
    const MOST: usize = 3;
    let class = judged.class();
    let sql = judged.command.sql();
    let reasons = sql.and_then(|sql| sql.effects.as_deref()).into_iter().flat_map(|effects| &effects.reasons);
    let reasons = reasons.filter(|reason| reason.class == class).map(|reason| reason.words.to_string());
    // What the grammar does not know of functions, the target's catalogue does.
    let calls = sql.into_iter().flat_map(|sql| &sql.opaque).map(|call| format!("calls {}", call.object));
    let known = |words: &String| {
        class == Class::Unknown
            && ["calls ", "uses the operator "].iter().any(|start| words.starts_with(start))
    };
    let mut words: BTreeSet<String> = reasons.filter(|words| !known(words)).collect();
    if class == Class::Unknown {
        words.extend(calls);
    }
    let words: Vec<String> = words.into_iter().take(MOST).collect();
    let because = if words.is_empty() { String::new() } else { format!(": {}", words.join("; ")) };
    format!("class {class}{because}")
}

fn changed() -> Denied {
    let detail = "the policies have changed: this is not allowed any more";
    Denied::new(DenyCode::Denied, detail).because("policy_changed")
}

fn too_many(error: TooMany) -> Denied {
    Denied::new(DenyCode::LimitExceeded, error.to_string()).because("too_many_names")
}
