//! A set of connections and policies, and its verdicts on recorded commands.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::access::Access;
use crate::cli::current;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::cli::traffic::Doubt;
use crate::cli::traffic::connection;
use crate::cli::traffic::rebuild;
use crate::cli::traffic::rebuild::Rebuilt;
use crate::cli::traffic::recorded::Recorded;
use crate::config;
use crate::config::Entity;
use crate::config::Problems;
use crate::domain::ApprovalSpec;
use crate::domain::Connection;
use crate::domain::Effect;
use crate::domain::Verdict;
use crate::domain::entity::EntityKind;
use crate::policy::PolicyRule;
use crate::policy::PolicySet;
use crate::policy::Subject;
use crate::protocol::postgres::judge::Judge;
use crate::protocol::postgres::judge::Judgement;
use crate::protocol::postgres::judge::Lexing;
use crate::protocol::postgres::judge::cache::Limits;

/// The inputs of a decision.
#[derive(Debug)]
pub struct Side {
    /// The connections.
    pub connections: Vec<Connection>,
    /// The policies.
    pub policies: PolicySet,
}

/// The verdict of a side on a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled {
    /// The effect.
    pub effect: Effect,
    /// The policies that decide.
    pub rules: Vec<String>,
    /// The approval that is required.
    pub approval: Option<Arc<ApprovalSpec>>,
    /// The longest session in which it may be sent.
    pub session_limit: Option<Duration>,
}

/// The SQL parser for recorded texts, started for the first one.
pub struct Parser<'a> {
    access: &'a Access,
    judge: std::cell::OnceCell<Option<Judge>>,
}

impl<'a> Parser<'a> {
    /// Creates a parser that is not started yet.
    pub const fn new(access: &'a Access) -> Self {
        Self { access, judge: std::cell::OnceCell::new() }
    }

    /// Classifies a text. If the parser cannot be started, the text is unread.
    pub fn judge(&self, sql: &[u8], lexing: Lexing) -> Arc<Judgement> {
        use crate::protocol::postgres::judge::Unread;
        match self.judge.get_or_init(|| Judge::start(1, Limits::default()).ok()) {
            Some(judge) => self.access.block_on(judge.judge(sql, lexing)),
            None => Arc::new(Judgement::Unread(Unread::Failed)),
        }
    }
}

impl Side {
    /// Returns the current side: of the gateway, or of its file and store.
    pub fn current(access: &Access) -> Result<Self, Failure> {
        let found = current::entities(access, EntityKind::Connection)?.into_iter();
        let connections = found.filter_map(|entity| match entity {
            Entity::Connection(connection) => Some(connection),
            Entity::Mask(_) | Entity::Policy(_) => None,
        });
        let rules = policies(current::entities(access, EntityKind::Policy)?);
        let revision = access.wait(access.backend().status())?.revision;
        Ok(Self { connections: connections.collect(), policies: compile(rules, revision)? })
    }

    /// Returns the side of a file: a complete configuration, to which the store's entities are added, or only
    /// `[[policy]]` tables, which replace all policies.
    pub fn of_file(access: &Access, text: &str, path: &Path, now: &Self) -> Result<Self, Failure> {
        if let Some(rules) = bare_policies(text, path)? {
            return Ok(Self { connections: now.connections.clone(), policies: compile(rules, 0)? });
        }
        let file = config::parse(text, path)?;
        let all = config::combine(&file, current::of_store(access)?)?;
        Ok(Self { connections: all.connections, policies: compile(all.policies, 0)? })
    }

    /// Returns the verdict on a recorded command, with the rebuilt command if the connection exists.
    ///
    /// # Errors
    /// Too little is recorded to be certain.
    pub fn rule(
        &self,
        recorded: &Recorded,
        trusted: bool,
        parser: &Parser<'_>,
    ) -> Result<(Ruled, Option<Rebuilt>), Doubt> {
        let Some(connection) = connection(&self.connections, &recorded.connection) else {
            let ruled =
                Ruled { effect: Effect::Deny, rules: Vec::new(), approval: None, session_limit: None };
            return Ok((ruled, None));
        };
        let rebuilt = self.rebuilt(recorded, trusted, parser)?;
        let subject = self.subject(recorded, connection);
        let mut strictest: Option<Ruled> = None;
        for command in &rebuilt.commands {
            let verdict = self.policies.settled(&subject, command, rebuilt.unknown).map_err(|unsettled| {
                let what = match unsettled.key {
                    "claims" => "claims of the token, which are not recorded",
                    _ => "arguments that are not recorded whole, or masked",
                };
                Doubt::new(format!("policy {} asks for {what}", unsettled.rule))
            })?;
            strictest = Some(match strictest {
                None => ruled(&verdict),
                Some(before) => stricter(before, ruled(&verdict)),
            });
        }
        let ruled = strictest.ok_or_else(|| Doubt::new("it holds no command"))?;
        Ok((ruled, Some(rebuilt)))
    }

    /// Rebuilds a recorded command on this side.
    ///
    /// # Errors
    /// Too little of it is recorded, or its connection does not exist.
    pub fn rebuilt(&self, recorded: &Recorded, trusted: bool, parser: &Parser<'_>) -> Result<Rebuilt, Doubt> {
        let connection = connection(&self.connections, &recorded.connection)
            .ok_or_else(|| Doubt::new("its connection is not there any more"))?;
        let sql = |text: &[u8], lexing| parser.judge(text, lexing);
        rebuild::rebuild(recorded, connection, trusted, &sql)
    }

    /// Returns caller, address and time of a recorded command.
    pub fn subject<'a>(&self, recorded: &'a Recorded, connection: &'a Connection) -> Subject<'a> {
        Subject {
            principal: &recorded.principal,
            connection,
            source: recorded.source,
            now_ms: recorded.ts_ms,
        }
    }

    /// Returns whether the connection that a command was recorded on trusts tool annotations.
    pub fn trusts(&self, recorded: &Recorded) -> bool {
        connection(&self.connections, &recorded.connection)
            .is_some_and(|connection| connection.mcp.trust_annotations)
    }
}

fn ruled(verdict: &Verdict) -> Ruled {
    Ruled {
        effect: verdict.effect,
        rules: verdict.rules.iter().map(ToString::to_string).collect(),
        approval: verdict.approval.clone(),
        session_limit: verdict.session_limit,
    }
}

/// Combines the verdicts on several parts of one message as the gateway does: two that need different
/// approvers are denied.
fn stricter(one: Ruled, other: Ruled) -> Ruled {
    let both = one.effect == Effect::Approve && other.effect == Effect::Approve;
    if both && one.rules != other.rules {
        return Ruled { effect: Effect::Deny, approval: None, session_limit: None, ..other };
    }
    let limits = [one.session_limit, other.session_limit];
    let strict = if other.effect > one.effect { other } else { one };
    let passes = strict.effect != Effect::Deny;
    let session_limit = limits.into_iter().flatten().min().filter(|_| passes);
    Ruled { session_limit, ..strict }
}

fn policies(entities: Vec<Entity>) -> Vec<PolicyRule> {
    let policy = |entity| match entity {
        Entity::Policy(policy) => Some(policy),
        Entity::Connection(_) | Entity::Mask(_) => None,
    };
    entities.into_iter().filter_map(policy).collect()
}

fn compile(rules: Vec<PolicyRule>, revision: u64) -> Result<PolicySet, Failure> {
    PolicySet::compile(rules, revision).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::new(Exit::Config, format!("the policies are invalid\n{}", lines.join("\n")))
    })
}

/// Returns the policies of a text that holds nothing else; `None`: it is a complete configuration.
pub fn bare_policies(text: &str, path: &Path) -> Result<Option<Vec<PolicyRule>>, Failure> {
    let bare = |table: &toml::Table| table.keys().all(|key| key == "policy");
    if !text.parse::<toml::Table>().is_ok_and(|table| bare(&table)) {
        return Ok(None);
    }
    let whole = format!("version = 1\n{text}");
    let parsed = config::parse(&whole, path).map_err(|problems| {
        let moved = problems.into_iter().map(|mut problem| {
            problem.line = problem.line.saturating_sub(1);
            problem
        });
        Problems::from(moved.collect::<Vec<_>>())
    })?;
    Ok(Some(parsed.policies))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_policies_is_told_from_a_whole_configuration() {
        let policy = "[[policy]]\nid = \"a\"\neffect = \"allow\"\nmatch = { groups = [\"ops\"] }\n";
        let read = |text: &str| bare_policies(text, Path::new("new.toml"));
        assert_eq!(read(policy).unwrap().unwrap().len(), 1);
        assert_eq!(read("").unwrap().unwrap().len(), 0);
        assert!(read(&format!("version = 1\n{policy}")).unwrap().is_none());
        assert!(read("this is no TOML").unwrap().is_none());
        let failure = read(&policy.replace("allow", "alow")).unwrap_err();
        assert_eq!(failure.exit, Exit::Config);
        assert!(failure.message.contains("new.toml:3"), "{}", failure.message);
    }

    #[test]
    fn of_several_commands_the_strictest_counts() {
        use Effect::{Allow, Approve, Deny};
        let ruled = |effect, rule: &str| Ruled {
            effect,
            rules: vec![rule.to_owned()],
            approval: None,
            session_limit: None,
        };
        for (one, other, expected) in [
            (ruled(Allow, "a"), ruled(Deny, "b"), (Deny, "b")),
            (ruled(Deny, "a"), ruled(Allow, "b"), (Deny, "a")),
            (ruled(Allow, "a"), ruled(Allow, "b"), (Allow, "a")),
            (ruled(Approve, "a"), ruled(Approve, "a"), (Approve, "a")),
            (ruled(Approve, "a"), ruled(Approve, "b"), (Deny, "b")),
        ] {
            let found = stricter(one, other);
            assert_eq!((found.effect, found.rules[0].as_str()), expected);
        }
    }
}
