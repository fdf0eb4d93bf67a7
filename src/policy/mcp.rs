//! The conditions on what an MCP message names: `tools`, `prompts`, `resources` and `methods`.

use std::sync::Arc;

use crate::domain::Command;
use crate::domain::McpCommand;
use crate::domain::command::mcp;
use crate::domain::text::fold_name;
use crate::policy::answer::Answer;
use crate::policy::facts::CommandFacts;
use crate::policy::glob::Glob;
use crate::policy::mcp::resource::ResourceGlob;
use crate::policy::problem::Refusal;

pub(super) mod resource;

/// A glob over names. A name that differs from what it describes in nothing but case, width, space and
/// characters that are not seen is unsure: who knows how the server compares.
#[derive(Debug, Clone)]
pub(super) struct WordGlob {
    exact: Glob,
    folded: Glob,
}

/// A condition on what an MCP message names.
#[derive(Debug, Clone)]
pub(super) enum McpTest {
    Tools(Arc<[WordGlob]>),
    Prompts(Vec<WordGlob>),
    Resources(Vec<ResourceGlob>),
}

/// The names in a policy: a message of class `unknown` can pass by them.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    pub(super) tools: Option<Arc<[WordGlob]>>,
    pub(super) methods: Option<Arc<[WordGlob]>>,
}

impl WordGlob {
    /// Parses a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let exact = Glob::parse(text)?;
        Ok(Self { exact, folded: Glob::of_pieces(text, |piece| fold_name(piece).into_bytes().into()) })
    }

    /// Matches a name.
    pub(super) fn answer(&self, name: &str) -> Answer {
        if self.exact.matches(name.as_bytes()) {
            Answer::Yes
        } else if self.folded.matches(fold_name(name).as_bytes()) {
            Answer::Unsure
        } else {
            Answer::No
        }
    }

    /// Returns whether it matches an HTTP method, in any case.
    pub(super) fn is_method(&self, method: &str) -> bool {
        match self.exact.exact() {
            Some(exact) => exact.eq_ignore_ascii_case(method),
            None => self.folded.matches(method.to_ascii_lowercase().as_bytes()),
        }
    }
}

impl std::fmt::Display for WordGlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.exact.fmt(f)
    }
}

/// What the globs say of a name together.
pub(super) fn of_name(globs: &[WordGlob], name: &str) -> Answer {
    Answer::any(globs.iter().map(|glob| glob.answer(name)))
}

/// Evaluates `methods`: HTTP methods in any case, MCP methods exactly; any other command has no method.
pub(super) fn of_method(globs: &[WordGlob], command: &Command) -> Answer {
    match (command.http(), command.mcp()) {
        (Some(http), _) => Answer::of(globs.iter().any(|glob| glob.is_method(&http.method))),
        (None, Some(mcp)) => of_name(globs, &mcp.method),
        (None, None) => Answer::No,
    }
}

impl McpTest {
    /// Returns the key in the configuration.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Prompts(_) => "prompts",
            Self::Resources(_) => "resources",
            Self::Tools(_) => "tools",
        }
    }

    /// Evaluates the condition. A command that is not an MCP message, or names nothing of the kind, does not
    /// match.
    pub(super) fn answer(&self, facts: &CommandFacts<'_>) -> Answer {
        let Some(mcp) = facts.command.mcp() else { return Answer::No };
        match self {
            Self::Tools(globs) => {
                let globs: &[WordGlob] = globs;
                of(mcp, mcp::CALL, mcp.tool.as_deref(), |name| of_name(globs, name))
            }
            Self::Prompts(globs) => {
                let globs: &[WordGlob] = globs;
                of(mcp, mcp::GET_PROMPT, mcp.prompt.as_deref(), |name| of_name(globs, name))
            }
            Self::Resources(globs) => of(mcp, mcp::READ_RESOURCE, facts.resource.as_ref(), |view| {
                Answer::any(globs.iter().map(|glob| glob.answer(view)))
            }),
        }
    }

    /// Returns the expected values, for display.
    pub(super) fn wanted(&self) -> String {
        fn join<T: ToString>(globs: &[T]) -> String {
            globs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        match self {
            Self::Tools(globs) => join(globs),
            Self::Prompts(globs) => join(globs),
            Self::Resources(globs) => join(globs),
        }
    }

    /// Returns the actual value, for display. Not escaped.
    pub(super) fn found(&self, command: &Command) -> String {
        let Some(mcp) = command.mcp() else { return "no MCP message".to_owned() };
        let (named, nothing) = match self {
            Self::Tools(_) => (&mcp.tool, "no tool"),
            Self::Prompts(_) => (&mcp.prompt, "no prompt"),
            Self::Resources(_) => (&mcp.resource, "no resource"),
        };
        named.as_deref().unwrap_or(nothing).to_owned()
    }
}

/// Applies a test to a name. A message whose method requires a name but has none is unsure.
fn of<T>(mcp: &McpCommand, method: &str, named: Option<T>, test: impl FnOnce(T) -> Answer) -> Answer {
    match named {
        Some(named) => test(named),
        None if *mcp.method == *method => Answer::Unsure,
        None => Answer::No,
    }
}

impl Named {
    /// Returns whether the policy certainly names the message: a call by its tool, anything else by its
    /// method.
    pub(super) fn names(&self, mcp: &McpCommand) -> bool {
        let (globs, name) = if *mcp.method == *mcp::CALL {
            (&self.tools, mcp.tool.as_deref())
        } else {
            (&self.methods, Some(&*mcp.method))
        };
        matches!((globs, name), (Some(globs), Some(name)) if of_name(globs, name) == Answer::Yes)
    }
}
