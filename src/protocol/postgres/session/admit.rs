//! From judged commands to permits: several together if nothing stands in the way, one by one if some need
//! approval.

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::pipeline::Asked;
use crate::pipeline::Permit;
use crate::pipeline::Waiting;
use crate::pipeline::admit_together;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::reply;
use crate::protocol::postgres::reply::Refusal;
use crate::protocol::postgres::session::client_gone::MAX_READ_AHEAD;
use crate::protocol::postgres::session::client_gone::read_ahead;
use crate::protocol::postgres::session::client_gone::unless_it_leaves;
use crate::protocol::postgres::session::front::Front;
use crate::protocol::postgres::session::front::Gone;
use crate::protocol::postgres::session::hold;
use crate::protocol::postgres::session::hold::HeldStatement;
use crate::protocol::postgres::session::names::Number;
use crate::protocol::postgres::session::signals::forget;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::PlannedCommand;
use crate::protocol::postgres::session::step::Step;
use crate::protocol::postgres::wire::back::Transaction;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::front::Bind;
use crate::protocol::postgres::wire::sqlstate::SqlState;

/// A command, with the permit to send it or its refusal.
pub(super) type Verdict = (PlannedCommand, Result<Permit<Bytes>, Refusal>);

impl Front {
    /// Returns a permit or a refusal for each command among the steps, in order.
    pub(super) async fn admit(&mut self, steps: &mut [(Number, Step)]) -> Result<Vec<Verdict>, Gone> {
        // With no reply due, nothing ends the transaction before the first of them.
        let failed = self.session.transaction.status() == Transaction::Failed;
        let runs = |step: &&mut (Number, Step)| matches!(step.1, Step::Command(_) | Step::Execute { .. });
        if failed
            && self.session.pending.borrow().is_empty()
            && let Some((_, Step::Command(first))) = steps.iter_mut().find(runs)
        {
            first.in_failed = true;
        }
        let commands: Vec<PlannedCommand> =
            steps.iter_mut().filter_map(|(_, step)| step.take_command()).map(|planned| *planned).collect();
        let apart = commands.iter().any(|planned| {
            planned.asked.as_ref().is_some_and(|asked| asked.judged.holds()) || planned.forbidden().is_some()
        });
        if apart {
            return Box::pin(self.admit_apart(commands)).await;
        }
        let mut verdicts = Vec::with_capacity(commands.len());
        let mut commands = commands;
        let asked: Vec<Asked<Bytes>> =
            commands.iter_mut().filter_map(|planned| planned.asked.take()).collect();
        let permits = admit_together(asked).await;
        for (planned, permit) in commands.into_iter().zip(permits) {
            let permit = permit.map_err(|denied| planned.refusal(&denied));
            verdicts.push((planned, permit));
        }
        Ok(verdicts)
    }

    /// Admits commands of which some need approval or are forbidden. Those that need approval go first: a
    /// permit that another command got before would be outdated when it is used.
    async fn admit_apart(&mut self, commands: Vec<PlannedCommand>) -> Result<Vec<Verdict>, Gone> {
        let mut verdicts: Vec<Option<Verdict>> = Vec::new();
        let mut others = Vec::new();
        for (place, planned) in commands.into_iter().enumerate() {
            verdicts.push(None);
            if planned.asked.as_ref().is_some_and(|asked| asked.judged.holds()) {
                let verdict = self.admit_alone(planned).await?;
                if let Some(own) = verdicts.get_mut(place) {
                    *own = Some(verdict);
                }
            } else {
                others.push((place, planned));
            }
        }
        for (place, planned) in others {
            let verdict = self.admit_alone(planned).await?;
            if let Some(own) = verdicts.get_mut(place) {
                *own = Some(verdict);
            }
        }
        Ok(verdicts.into_iter().flatten().collect())
    }

    /// Admits one command that may need approval, or that the connection may forbid.
    async fn admit_alone(&mut self, mut planned: PlannedCommand) -> Result<Verdict, Gone> {
        let forbidden = planned.forbidden();
        let Some(asked) = planned.asked.take() else {
            let refusal = Refusal::new(SqlState::INTERNAL_ERROR, "a command was lost");
            return Ok((planned, Err(refusal)));
        };
        if asked.judged.holds() && forbidden.is_none() {
            return Box::pin(self.hold(planned, asked)).await;
        }
        let Asked { exchange, judged, record, payload } = asked;
        if let Some(denied) = forbidden {
            let denied = exchange.refuse(record, denied).await;
            let refusal = planned.refusal(&denied);
            return Ok((planned, Err(refusal)));
        }
        let admitted = exchange.admit(judged, record, payload, None).await;
        let admitted = admitted.map_err(|denied| planned.refusal(&denied));
        Ok((planned, admitted))
    }

    /// Holds one command until people have decided, or uses a grant that they gave before.
    async fn hold(&mut self, planned: PlannedCommand, asked: Asked<Bytes>) -> Result<Verdict, Gone> {
        // Commands that were admitted before must not wait for approvers.
        self.flush().await?;
        // A cancel request that came too late for an earlier wait is not meant for this one.
        forget(&self.session.signals.withdrawn).await;
        self.session.signals.set_held(true);
        // A client that vanished silently must not get the reply to what people approve later.
        let _impatience = self.from.impatient(hold::GONE);
        let preview = if asked.exchange.waits(&asked.judged) {
            let preview = async {
                tokio::select! {
                    preview = Box::pin(self.session.preview(&planned, &asked)) => preview,
                    () = self.session.signals.withdrawn.notified() => {
                        // It is withdrawn as soon as it waits.
                        self.session.signals.withdrawn.notify_one();
                        String::new()
                    }
                }
            };
            unless_it_leaves(&mut self.from, &mut self.input, preview).await?
        } else {
            String::new()
        };
        let Asked { exchange, judged, record, payload } = asked;
        let (told, waiting) = oneshot::channel();
        let bind = match planned.kind {
            Kind::Bind { .. } => Bind::read(body(&payload)).ok(),
            _ => None,
        };
        let held = HeldStatement {
            submitted_by: planned.kind.submitted_by(),
            sql: &planned.definition.sql,
            types: &planned.definition.types,
            runs: &planned.runs,
            bind: bind.as_ref(),
            database: &self.session.database,
            transaction: self.session.transaction.status(),
            settings: &self.session.settings,
            names_moved: self.session.search_path.is_moved(),
            preview: &preview,
            at_cursor: planned.is_at_cursor(),
            copies_in: planned.copies_in(),
            request: planned.request,
            governed: exchange.governed(),
            bytes: payload.len(),
        }
        .held(told);
        let admitted =
            self.wait_for_people(exchange.admit(judged, record, payload.clone(), Some(held)), waiting).await;
        self.session.signals.set_held(false);
        let Some(admitted) = admitted? else { return Ok((planned, Err(Refusal::cancelled()))) };
        let admitted = admitted.map_err(|denied| planned.refusal(&denied));
        if admitted.is_ok() {
            let remasked = self.session.remask(&planned);
            unless_it_leaves(&mut self.from, &mut self.input, remasked).await?;
        }
        Ok((planned, admitted))
    }

    /// Waits for the decision on a held command; `None` if the client cancels it. Dropping this withdraws the
    /// approval.
    async fn wait_for_people(
        &mut self,
        admitting: impl Future<Output = Result<Permit<Bytes>, Denied>>,
        mut told: oneshot::Receiver<Waiting>,
    ) -> Result<Option<Result<Permit<Bytes>, Denied>>, Gone> {
        let mut admitting = std::pin::pin!(admitting);
        let mut waiting = None;
        let mut often = hold::REMIND;
        let mut remind = std::pin::pin!(tokio::time::sleep(hold::REMIND));
        loop {
            let asks = waiting.is_none();
            tokio::select! {
                biased;
                admitted = &mut admitting => return Ok(Some(admitted)),
                () = self.session.signals.withdrawn.notified() => return Ok(None),
                news = &mut told, if asks => {
                    let Ok(news) = news else { return Ok(Some(admitting.await)) };
                    self.remind(&news);
                    waiting = Some(news);
                }
                () = &mut remind => {
                    if let Some(waiting) = &waiting {
                        self.remind(waiting);
                    }
                    remind.as_mut().reset(Instant::now() + often);
                }
                read = read_ahead(&mut self.from, &mut self.input) => {
                    read?;
                    if self.input.len() >= MAX_READ_AHEAD {
                        often = hold::REMIND_OFTEN;
                        remind.as_mut().reset(Instant::now() + often);
                    }
                }
            }
        }
    }

    fn remind(&self, waiting: &Waiting) {
        self.session.seat.mark_active();
        let hint = "It runs once it is approved. Cancel the statement to withdraw it.";
        self.session.outbox.say(|out| reply::notice(out, SqlState::WAITING, &hold::words(waiting), hint));
    }
}

impl PlannedCommand {
    /// Returns what the client is told of a refusal.
    fn refusal(&self, denied: &Denied) -> Refusal {
        let refusal = match &*self.definition.judgement {
            // Nobody knows what the text would touch, so no policy is named, even though one holds it back
            // for safety.
            Judgement::Syntax(_) if denied.audit.is_none() => {
                Refusal::of(&Denied { rule: None, ..denied.clone() }, self.request)
            }
            Judgement::Effects(_) if denied.code == DenyCode::Denied && denied.rule.is_none() => {
                let refusal = Refusal::of(denied, self.request);
                self.why.iter().fold(refusal, |refusal, why| refusal.explained(why))
            }
            _ => Refusal::of(denied, self.request),
        };
        let later = !self.definition.ends_transaction();
        let refusal = if later { refusal.after_transaction() } else { refusal };
        if denied.audit.is_some() {
            return refusal;
        }
        let refusal = refusal.or_syntax(&self.definition.judgement, &self.definition.sql);
        // People who said no, or did not answer, have seen it anyway.
        if denied.code == DenyCode::Denied { refusal.of_unread(&self.definition.judgement) } else { refusal }
    }
}
