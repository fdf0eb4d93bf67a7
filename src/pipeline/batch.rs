//! Several commands that are sent to the target together: recorded at once, with a permit or a refusal for
//! each.

use crate::domain::Class;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::Effect;
use crate::domain::Verdict;
use crate::pipeline::decision::CommandRecord;
use crate::pipeline::enter::Exchange;
use crate::pipeline::judged::Judged;
use crate::pipeline::judged::blocked;
use crate::pipeline::permit::Permit;
use crate::pipeline::reply::ReplyGuard;
use crate::recording::Durability;

/// A judged command to be admitted.
pub struct Asked<P> {
    /// Its exchange.
    pub exchange: Exchange,
    /// The command with its verdict.
    pub judged: Judged,
    /// How the command is recorded.
    pub record: CommandRecord,
    /// The bytes to send.
    pub payload: P,
}

/// Admits commands of one session, in order. A command that needs approval ([`Judged::holds`]) is refused
/// here; it has to go through [`Exchange::admit`].
pub async fn admit_together<P>(asked: Vec<Asked<P>>) -> Vec<Result<Permit<P>, Denied>> {
    let mut events = Vec::with_capacity(asked.len());
    let mut durability = Durability::Written;
    let mut decided = Vec::with_capacity(asked.len());
    for Asked { mut exchange, judged, record, payload } in asked {
        let class = judged.class();
        exchange.changes = class != Class::Read;
        let refused = exchange
            .still_agreed(&judged)
            .and_then(|()| exchange.within_limit(&judged.verdict))
            .and_then(|()| passes(&judged.verdict))
            .err();
        if let Some(denied) = &refused {
            exchange.count_refusal(denied);
        } else {
            exchange.counters.allowed();
            if exchange.durability(class) == Durability::Synced {
                durability = Durability::Synced;
            }
        }
        events.extend(exchange.command_events(record, &judged.verdict, refused.as_ref(), None));
        decided.push((exchange, judged.verdict, payload, refused));
    }
    let recorded = match decided.first() {
        Some((exchange, ..)) => exchange.append(events, durability).await,
        None => Ok(()),
    };
    let mut permits = Vec::with_capacity(decided.len());
    for (exchange, verdict, payload, refused) in decided {
        permits.push(match (refused, &recorded) {
            (_, Err(unrecorded)) => Err(unrecorded.clone()),
            (Some(denied), Ok(())) => Err(denied),
            // Recording takes time: the session may have ended or a lock may have come meanwhile.
            (None, Ok(())) => match exchange.still_stands() {
                Ok(()) => Ok(Permit::new(payload, ReplyGuard::new(exchange))),
                Err(denied) => Err(exchange.refuse_late(&verdict, denied).await),
            },
        });
    }
    permits
}

fn passes(verdict: &Verdict) -> Result<(), Denied> {
    match verdict.effect {
        Effect::Allow => Ok(()),
        Effect::Deny => Err(blocked(verdict)),
        Effect::Approve => {
            Err(Denied::new(DenyCode::Internal, "a command that needs approval was not held")
                .because("not_held"))
        }
    }
}
