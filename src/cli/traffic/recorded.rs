//! From the events of one session to its commands: who asked, what is recorded of it, and what was decided.

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
    /// Who asked. Claims are not recorded.
    pub principal: Principal,
    /// The address it came from.
    pub source: IpAddr,
    /// When, in milliseconds since 1970.
    pub ts_ms: i64,
    /// The connection.
    pub connection: String,
    /// What kind of event records it.
    pub kind: EventKind,
    /// What the event says.
    pub data: Value,
    /// What was masked in it.
    pub mask: Vec<MaskNote>,
    /// What was decided.
    pub decided: Decided,
}

/// What was decided about a command when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// What the policies said.
    pub effect: Effect,
    /// Those that decided.
    pub rules: Vec<String>,
    /// Their revision.
    pub revision: u64,
}

/// What an event tells.
#[derive(Debug)]
pub enum Seen {
    /// A command of which it is known what was decided.
    Command(Box<Recorded>),
    /// One that no policy was asked about.
    Beside,
    /// One of which too little is recorded.
    Doubt(Doubt),
}

/// Reads the events of one session in their order.
#[derive(Debug)]
pub struct Tape {
    connection: String,
    principal: Principal,
    source: IpAddr,
    /// Whether it is recorded of each command who asked.
    tells_callers: bool,
    /// It is the gateway's own, of those who were let into no session.
    strangers: bool,
    waiting: BTreeMap<RequestId, (EventKind, Value, Vec<MaskNote>)>,
    settled: BTreeSet<RequestId>,
}

impl Tape {
    /// At its beginning.
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

    /// How many commands came of which nothing says what was decided.
    pub fn undecided(&self) -> usize {
        self.waiting.len()
    }

    /// Whether whose session it is is in a group; `None`: that is not known.
    pub fn is_of(&self, group: &str) -> Option<bool> {
        let known = self.tells_callers && self.principal.groups != Groups::Unknown;
        known.then(|| self.principal.groups.contains(group))
    }

    /// What the next event tells, if it ends what is to be known of a command.
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

    /// The first decision about a command is that of the policies; what follows is what came of it.
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

/// The groups, where it is recorded whether they are all.
fn groups(data: &Value) -> Option<Groups> {
    if !data.get("groups_known")?.as_bool()? {
        return Some(Groups::Unknown);
    }
    Some(data.get("groups")?.as_array()?.iter().filter_map(Value::as_str).collect())
}

/// What policies said; `None` where none was asked.
fn decided(decision: &Value) -> Option<Decided> {
    let text = |name: &str| decision.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let effect = Effect::parse(text("effect")?)?;
    let listed = decision.get("rules").and_then(Value::as_array);
    let rules: Vec<String> = match listed {
        Some(rules) => rules.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => text("rule").map(str::to_owned).into_iter().collect(),
    };
    // Without a policy only "none allows it" is a verdict, and that has no reason beside it.
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
