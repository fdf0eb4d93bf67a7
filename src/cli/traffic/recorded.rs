//! Extracts the commands from the events of one session: the caller, what is recorded of it, and the
//! decision.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use serde_json::Value;

use crate::cli::traffic::Doubt;
use crate::control::noun::session::SessionView;
use crate::domain::Effect;
use crate::domain::EventKind;
use crate::domain::Groups;
use crate::domain::Kind;
use crate::domain::MaskNote;
use crate::domain::Principal;
use crate::domain::event::Direction;
use crate::domain::id::RequestId;
use crate::domain::json::Json;
use crate::recording::GATEWAY;
use crate::recording::StoredEvent;

/// One recorded command.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The caller. Claims are not recorded.
    pub principal: Principal,
    /// The client's address.
    pub source: IpAddr,
    /// Its time, in milliseconds since 1970.
    pub ts_ms: i64,
    /// Name of the connection.
    pub connection: String,
    /// The kind of event that records it.
    pub kind: EventKind,
    /// The data of the event.
    pub data: Value,
    /// The notes on its masked values.
    pub mask: Vec<MaskNote>,
    /// The decision.
    pub decided: Decided,
}

/// The decision about a command when it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The effect.
    pub effect: Effect,
    /// The policies that decided.
    pub rules: Vec<String>,
    /// The policy revision.
    pub revision: u64,
}

/// The result of reading an event.
#[derive(Debug)]
pub enum Seen {
    /// A command whose decision is known.
    Command(Box<Recorded>),
    /// A command for which no policy was evaluated.
    Beside,
    /// A command of which too little is recorded.
    Doubt(Doubt),
}

/// Reads the events of one session in order.
#[derive(Debug)]
pub struct Tape {
    connection: String,
    principal: Principal,
    source: IpAddr,
    /// Whether the caller of each command is recorded.
    tells_callers: bool,
    /// Whether it is the gateway's own session, of peers that were not let into any.
    strangers: bool,
    waiting: BTreeMap<RequestId, (EventKind, Value, Vec<MaskNote>)>,
    settled: BTreeSet<RequestId>,
}

impl Tape {
    /// Starts at the beginning of a session.
    pub fn new(view: &SessionView) -> Self {
        Self {
            connection: view.connection.clone(),
            principal: Principal {
                id: view.principal.as_str().into(),
                kind: view.kind,
                issuer: view.issuer.as_str().into(),
                client: view.client.as_deref().map(Into::into),
                display: Some(view.label.as_str().into()),
                groups: Groups::Unknown,
                claims: Json::Object(Vec::new()),
            },
            source: view.source.parse().unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            tells_callers: false,
            strangers: view.principal == GATEWAY,
            waiting: BTreeMap::new(),
            settled: BTreeSet::new(),
        }
    }

    /// Returns number of commands without a recorded decision.
    pub fn undecided(&self) -> usize {
        self.waiting.len()
    }

    /// Returns whether the session's principal is in a group; `None`: unknown.
    pub fn is_of(&self, group: &str) -> Option<bool> {
        let known = self.tells_callers && self.principal.groups != Groups::Unknown;
        known.then(|| self.principal.groups.contains(group))
    }

    /// Reads the next event. Returns a result if it completes what is known about a command.
    pub fn see(&mut self, stored: &StoredEvent) -> Option<Seen> {
        let event = &stored.event;
        if self.strangers {
            let data: Value = read(&event.data);
            return (data.get("reason").and_then(Value::as_str) == Some("not_open")).then(|| {
                Seen::Doubt(Doubt::new(
                    "refused where the connection was not open: only who asked is recorded",
                ))
            });
        }
        match (event.kind, event.corr) {
            (EventKind::SessionStart, _) => {
                let data = read(&event.data);
                if let Some(groups) = groups(&data) {
                    self.principal.groups = groups;
                    self.tells_callers = true;
                }
                None
            }
            (EventKind::HttpRequest | EventKind::McpMessage | EventKind::SqlQuery, Some(corr))
                if event.dir == Some(Direction::C2s) && !self.settled.contains(&corr) =>
            {
                let data = read(&event.data);
                let decision = data.get("decision").cloned();
                self.waiting.insert(corr, (event.kind, data, event.mask.clone()));
                decision.and_then(|decision| self.decide(corr, &decision, event.ts_ms))
            }
            (EventKind::Decision, Some(corr)) => self.decide(corr, &read(&event.data), event.ts_ms),
            _ => None,
        }
    }

    /// Takes a decision. The first one about a command is that of the policies; later ones are outcomes.
    fn decide(&mut self, corr: RequestId, decision: &Value, ts_ms: i64) -> Option<Seen> {
        if !self.settled.insert(corr) {
            return None;
        }
        let waiting = self.waiting.remove(&corr);
        let Some(decided) = decided(decision) else { return Some(Seen::Beside) };
        let Some((kind, data, mask)) = waiting else {
            return Some(Seen::Doubt(Doubt::new("the command itself is not recorded (recording.level)")));
        };
        if !self.tells_callers {
            let why = "recorded by an older version, which does not tell of each command who asked";
            return Some(Seen::Doubt(Doubt::new(why)));
        }
        let (mut principal, mut source) = (self.principal.clone(), self.source);
        if let Some(other) = data.get("as") {
            let text = |name: &str| other.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            let kind = text("kind").and_then(Kind::parse);
            let address = text("source").and_then(|source| source.parse().ok());
            let (Some(kind), Some(issuer), Some(address), Some(groups)) =
                (kind, text("issuer"), address, groups(other))
            else {
                return Some(Seen::Doubt(Doubt::new("who asked cannot be read")));
            };
            let client = text("client").map(Into::into);
            principal = Principal { kind, issuer: issuer.into(), client, groups, ..principal };
            source = address;
        }
        let connection = self.connection.clone();
        let recorded = Recorded { principal, source, ts_ms, connection, kind, data, mask, decided };
        Some(Seen::Command(Box::new(recorded)))
    }
}

fn read(data: &str) -> Value {
    serde_json::from_str(data).unwrap_or(Value::Null)
}

/// Returns the groups, if it is recorded whether they are complete.
fn groups(data: &Value) -> Option<Groups> {
    if !data.get("groups_known")?.as_bool()? {
        return Some(Groups::Unknown);
    }
    Some(data.get("groups")?.as_array()?.iter().filter_map(Value::as_str).collect())
}

/// Returns the decision of the policies; `None` if none was evaluated.
fn decided(decision: &Value) -> Option<Decided> {
    let text = |name: &str| decision.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let effect = Effect::parse(text("effect")?)?;
    let listed = decision.get("rules").and_then(Value::as_array);
    let rules: Vec<String> = match listed {
        Some(rules) => rules.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => text("rule").map(str::to_owned).into_iter().collect(),
    };
    // Without a policy only "no policy allows it" is a verdict, and that has no reason beside it.
    let judged = !rules.is_empty()
        || (effect == Effect::Deny && text("code") == Some("denied") && text("reason").is_none());
    judged.then(|| Decided {
        effect,
        rules,
        revision: decision.get("policy_rev").and_then(Value::as_u64).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
