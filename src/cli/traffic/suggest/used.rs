//! What one group, client or principal used on one connection, and the policies that allow just that.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::cli::traffic::suggest::fold;
use crate::domain::Class;
use crate::domain::Command;
use crate::domain::Effect;
use crate::domain::McpCommand;
use crate::domain::Origin;
use crate::domain::command::HttpCommand;
use crate::domain::command::SqlCommand;
use crate::domain::command::Words;
use crate::domain::sql::Access;
use crate::domain::sql::Effects;
use crate::domain::sql::Object;
use crate::domain::sql::Verb;
use crate::policy::Matcher;
use crate::policy::PolicyRule;
use crate::policy::When;

/// A relation that cannot exist, for the tables of texts that name none: the policy then allows no table.
const NO_TABLE: &str = "pg_catalog.pg_no_table";
/// Maximum length of a policy id.
const ID_MAX: usize = 63;

/// The callers that a policy is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A client application.
    Client(String),
    /// A group.
    Group(String),
    /// One principal.
    Subject(String),
}

impl Who {
    /// Returns its name.
    pub fn name(&self) -> &str {
        let (Self::Client(name) | Self::Group(name) | Self::Subject(name)) = self;
        name
    }
}

/// The conditions of the policy that let commands pass; the suggested policy keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guards {
    matches: Matcher,
    unless: Option<Matcher>,
    when: Option<When>,
    session_limit: Option<Duration>,
}

impl Guards {
    /// Returns the conditions of a policy; the session limit is the shortest of all policies that hold beside
    /// it.
    pub fn of(rule: &PolicyRule, session_limit: Option<Duration>) -> Self {
        Self {
            matches: rule.matches.clone(),
            unless: rule.unless.clone(),
            when: rule.when.clone(),
            session_limit,
        }
    }
}

/// The effects of one kind of SQL text, whatever it names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Doing {
    classes: BTreeSet<Class>,
    verbs: BTreeSet<Verb>,
    /// Whether it calls functions with unknown effects.
    calls: bool,
}

/// The names in SQL texts of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    tables: BTreeSet<String>,
    functions: BTreeSet<String>,
}

/// The observed uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    guards: Guards,
    paths: BTreeMap<(String, Class), BTreeSet<String>>,
    sql: BTreeMap<Doing, Named>,
    tools: BTreeSet<String>,
    prompts: BTreeSet<String>,
    resources: BTreeMap<String, BTreeSet<String>>,
    methods: BTreeSet<String>,
    handshakes: BTreeSet<String>,
}

impl Used {
    /// Starts empty, with the conditions of a policy.
    pub fn under(guards: Guards) -> Self {
        Self { guards, ..Self::default() }
    }

    /// Returns whether it includes everything of another one.
    pub fn has(&self, other: &Self) -> bool {
        fn holds<K: Ord>(all: &BTreeMap<K, BTreeSet<String>>, some: &BTreeMap<K, BTreeSet<String>>) -> bool {
            some.iter().all(|(key, names)| all.get(key).is_some_and(|all| names.is_subset(all)))
        }
        let has_sql = |(doing, named): (&Doing, &Named)| {
            self.sql.get(doing).is_some_and(|all| {
                named.tables.is_subset(&all.tables) && named.functions.is_subset(&all.functions)
            })
        };
        holds(&self.paths, &other.paths)
            && holds(&self.resources, &other.resources)
            && other.sql.iter().all(has_sql)
            && other.tools.is_subset(&self.tools)
            && other.prompts.is_subset(&self.prompts)
            && other.methods.is_subset(&self.methods)
            && other.handshakes.is_subset(&self.handshakes)
    }

    /// Adds a command. Returns whether a policy can be written that allows it and little else.
    pub fn add(&mut self, command: &Command) -> bool {
        match &command.words {
            Words::Http(http) => self.add_http(http, command.class),
            Words::Mcp(mcp) => self.add_mcp(mcp),
            Words::Sql(sql) => self.add_sql(sql),
        }
    }

    fn add_http(&mut self, http: &HttpCommand, class: Class) -> bool {
        if !is_plain(&http.method) {
            return false;
        }
        self.paths.entry((http.method.to_string(), class)).or_default().insert(http.path.to_string());
        true
    }

    fn add_mcp(&mut self, command: &McpCommand) -> bool {
        let method = command.method.to_string();
        let names = [&command.tool, &command.prompt, &command.resource].into_iter().flatten();
        if !names.chain([&command.method]).all(|name| is_plain(name)) {
            return false;
        }
        if command.needs_no_policy() {
            self.handshakes.insert(method);
        } else if let Some(tool) = &command.tool {
            self.tools.insert(tool.to_string());
        } else if let Some(prompt) = &command.prompt {
            self.prompts.insert(prompt.to_string());
        } else if let Some(resource) = &command.resource {
            self.resources.entry(method).or_default().insert(resource.to_string());
        } else {
            self.methods.insert(method);
        }
        true
    }

    fn add_sql(&mut self, sql: &SqlCommand) -> bool {
        let Some(effects) = sql.effects.as_deref().filter(|_| sql.base != Class::Unknown) else {
            return false;
        };
        let relations = effects.relations.iter().map(|relation| &relation.object);
        let relations = relations.chain(effects.sequences.iter().flatten());
        let mut objects = relations.chain(sql.opaque.iter().map(|function| &function.object));
        let has_dot = |object: &Object| {
            object.name.contains('.') || object.schema.as_ref().is_some_and(|schema| schema.contains('.'))
        };
        let odd = objects.any(|object| !is_plain(&object.to_string()) || has_dot(object));
        // It is unknown what names without a schema refer to there.
        let moved = effects.moved_before;
        let any = effects.any_of().next().is_some() || effects.sequences.contains(&None);
        if odd || moved || any || effects.runs_unseen() || in_one(effects).is_some() {
            return false;
        }
        let mut classes: BTreeSet<Class> = effects.classes.iter().copied().chain([sql.base]).collect();
        classes.retain(|class| *class != Class::Read);
        if classes.is_empty() {
            classes.insert(Class::Read);
        }
        let doing = Doing { classes, verbs: effects.verbs.clone(), calls: !sql.opaque.is_empty() };
        let named = self.sql.entry(doing).or_default();
        named.tables.extend(effects.relations.iter().map(|relation| qualified(&relation.object)));
        named.tables.extend(effects.sequences.iter().flatten().map(qualified));
        named.functions.extend(sql.opaque.iter().map(|function| qualified(&function.object)));
        true
    }

    /// Returns the policies that allow it; their ids begin with `prefix`.
    pub fn policies(&self, who: &Who, connection: &str) -> Vec<PolicyRule> {
        let base = || {
            let mut matcher = Matcher {
                connections: vec![connection.to_owned()],
                operations: Vec::new(),
                methods: Vec::new(),
                paths: Vec::new(),
                tools: Vec::new(),
                prompts: Vec::new(),
                resources: Vec::new(),
                tables: Vec::new(),
                functions: Vec::new(),
                verbs: Vec::new(),
                ..self.guards.matches.clone()
            };
            match who {
                Who::Client(client) => matcher.clients = vec![client.clone()],
                Who::Group(group) => matcher.groups = vec![group.clone()],
                Who::Subject(subject) => matcher.subjects = vec![subject.clone()],
            }
            matcher
        };
        let mut matchers = self.of_http(&base);
        matchers.extend(self.of_sql(&base));
        matchers.extend(self.of_mcp(&base));
        let alone = matchers.len() == 1;
        let rule = |(place, matches): (usize, Matcher)| PolicyRule {
            id: id(who, connection, (!alone).then_some(place + 1)),
            origin: Origin::Store,
            effect: Effect::Allow,
            matches,
            unless: self.guards.unless.clone(),
            when: self.guards.when.clone(),
            approval: None,
            session_limit: self.guards.session_limit,
            message: None,
        };
        matchers.into_iter().enumerate().map(rule).collect()
    }

    /// Returns one policy for all methods that were used on the same paths.
    fn of_http(&self, base: &dyn Fn() -> Matcher) -> Vec<Matcher> {
        type Done = (Vec<String>, BTreeSet<Class>);
        let mut alike: BTreeMap<(Vec<String>, bool), Done> = BTreeMap::new();
        for ((method, class), paths) in &self.paths {
            let patterns = fold::paths(paths.iter().map(String::as_str), &self.guards.matches.paths);
            let (methods, classes) = alike.entry((patterns, *class == Class::Unknown)).or_default();
            methods.push(method.clone());
            classes.insert(*class);
        }
        let asked = !self.guards.matches.operations.is_empty();
        let matcher = |((paths, unknown), (mut methods, classes)): ((Vec<String>, bool), Done)| {
            methods.dedup();
            let operations = if unknown || asked { classes.into_iter().collect() } else { Vec::new() };
            Matcher { operations, methods, paths, ..base() }
        };
        alike.into_iter().map(matcher).collect()
    }

    fn of_sql(&self, base: &dyn Fn() -> Matcher) -> Vec<Matcher> {
        let matcher = |(doing, named): (&Doing, &Named)| Matcher {
            operations: doing.classes.iter().copied().collect(),
            verbs: doing.verbs.iter().copied().collect(),
            tables: if named.tables.is_empty() {
                vec![NO_TABLE.to_owned()]
            } else {
                named.tables.iter().cloned().collect()
            },
            functions: if named.functions.is_empty() {
                self.guards.matches.functions.clone()
            } else {
                named.functions.iter().cloned().collect()
            },
            ..base()
        };
        self.sql.iter().map(matcher).collect()
    }

    fn of_mcp(&self, base: &dyn Fn() -> Matcher) -> Vec<Matcher> {
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
        let asked = &self.guards.matches;
        let base =
            || Matcher { operations: asked.operations.clone(), methods: asked.methods.clone(), ..base() };
        let mut matchers = Vec::new();
        if !self.tools.is_empty() {
            matchers.push(Matcher { tools: list(&self.tools), ..base() });
        }
        if !self.prompts.is_empty() {
            matchers.push(Matcher { prompts: list(&self.prompts), ..base() });
        }
        let mut alike: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for (method, uris) in &self.resources {
            alike
                .entry(fold::uris(uris.iter().map(String::as_str), &asked.resources))
                .or_default()
                .push(method.clone());
        }
        matchers.extend(alike.into_iter().map(|(resources, methods)| Matcher {
            methods,
            resources,
            ..base()
        }));
        // Messages that need no policy pass if the connection is open, as any of the others makes it.
        let mut methods = list(&self.methods);
        if matchers.is_empty() && methods.is_empty() {
            methods = list(&self.handshakes);
        }
        if !methods.is_empty() {
            matchers.push(Matcher { methods, ..base() });
        }
        matchers
    }
}

/// Returns the part of a SQL text that no policy can express: changing this table and only reading that one,
/// or one operation on one table and another on the other.
pub fn mixed(command: &Command) -> Option<String> {
    command.sql().and_then(|sql| sql.effects.as_deref()).and_then(in_one)
}

fn in_one(effects: &Effects) -> Option<String> {
    let named = |reads: bool| -> BTreeSet<String> {
        let kept = effects.relations.iter().filter(|relation| (relation.access == Access::Read) == reads);
        kept.map(|relation| qualified(&relation.object)).collect()
    };
    let list = |names: &mut dyn Iterator<Item = &String>| names.cloned().collect::<Vec<_>>().join(", ");
    let changed = named(false);
    let verbs: Vec<&str> =
        effects.verbs.iter().filter(|verb| changes(**verb)).map(|verb| verb.as_str()).collect();
    let what = format!("{} of {}", verbs.join(", "), list(&mut changed.iter()));
    let read = named(true);
    if !changed.is_empty() && !read.is_subset(&changed) {
        return Some(format!("{what} that reads {}", list(&mut read.difference(&changed))));
    }
    (changed.len() > 1 && verbs.len() > 1).then_some(what)
}

fn changes(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Insert
            | Verb::Update
            | Verb::Delete
            | Verb::Merge
            | Verb::Truncate
            | Verb::CopyIn
            | Verb::Create
            | Verb::Alter
            | Verb::Drop
            | Verb::Rename
            | Verb::Comment
            | Verb::Refresh
    )
}

/// Returns whether a name is a pattern for itself only. Any other must not be in a policy: it would allow
/// more than was used.
pub fn is_plain(name: &str) -> bool {
    !name.contains('*')
}

/// Returns a name as in a pattern. One without a schema gets the schema in which it is usually found.
fn qualified(object: &Object) -> String {
    let schema = match &object.schema {
        Some(schema) => schema,
        None if object.name.starts_with("pg_") => "pg_catalog",
        None => "public",
    };
    format!("{schema}.{}", object.name)
}

fn id(who: &Who, connection: &str, number: Option<usize>) -> String {
    let name = who.name();
    let end = number.map(|number| format!("-{number}")).unwrap_or_default();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let mut id: String = format!("{connection}-{name}").chars().map(plain).collect();
    id.truncate(ID_MAX.saturating_sub(end.len()));
    id + &end
}

#[cfg(test)]
mod tests;
