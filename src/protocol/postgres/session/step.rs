//! The steps that a client's messages are turned into.

use std::rc::Rc;

use bytes::Bytes;

use crate::domain::Class;
use crate::domain::RequestId;
use crate::domain::sql::Verb;
use crate::pipeline::Asked;
use crate::pipeline::Preparation;
use crate::protocol::postgres::rows::Exposure;
use crate::protocol::postgres::rows::Guess;
use crate::protocol::postgres::session::later_effects::Changes;
use crate::protocol::postgres::session::names::Definition;
use crate::protocol::postgres::session::names::Portal;
use crate::protocol::postgres::session::names::Statement;
use crate::protocol::postgres::session::record::SubmittedBy;
use crate::protocol::postgres::session::refuse::Refused;
use crate::protocol::postgres::session::run::Run;
use crate::protocol::postgres::session::session_settings::SettingChange;
use crate::protocol::postgres::wire::tag::FrontTag;

/// The kind of message that a command came in. It also decides what is sent in its place when it is refused.
pub(super) enum Kind {
    Bind {
        portal: Box<[u8]>,
        /// What the portal name stood for before.
        before: Option<Portal>,
    },
    /// Runs an SQL cursor, or a portal that has already run to its end.
    Execute {
        portal: Box<[u8]>,
    },
    FunctionCall,
    Parse {
        name: Box<[u8]>,
        /// What the statement name stood for before.
        before: Option<Statement>,
    },
    Query,
}

impl Kind {
    /// Returns the kind of a message whose names were not read.
    pub(super) fn unnamed(tag: FrontTag) -> Self {
        match tag {
            FrontTag::Bind => Self::Bind { portal: Box::default(), before: None },
            FrontTag::Execute => Self::Execute { portal: Box::default() },
            FrontTag::Parse => Self::Parse { name: Box::default(), before: None },
            FrontTag::FunctionCall => Self::FunctionCall,
            _ => Self::Query,
        }
    }

    /// Returns how the recording names the message.
    pub(super) const fn submitted_by(&self) -> SubmittedBy {
        match self {
            Self::Bind { .. } | Self::Execute { .. } => SubmittedBy::Execute,
            Self::FunctionCall => SubmittedBy::Function,
            Self::Parse { .. } => SubmittedBy::Prepare,
            Self::Query => SubmittedBy::Simple,
        }
    }
}

/// A command that waits to be admitted.
pub(super) struct PlannedCommand {
    pub(super) kind: Kind,
    pub(super) request: RequestId,
    /// What the pipeline is asked; `None` once it was handed over.
    pub(super) asked: Option<Asked<Bytes>>,
    pub(super) run: Run,
    pub(super) definition: Rc<Definition>,
    /// The prepared statements and cursors that it runs.
    pub(super) runs: Vec<Rc<Definition>>,
    /// Where masked values may appear in its output.
    pub(super) exposure: Exposure,
    /// What it does with masked columns that their masks forbid.
    pub(super) guess: Option<Guess>,
    /// What it changes for the messages after it.
    pub(super) changes: Changes,
    /// The settings that it changes.
    pub(super) sets: Option<SettingChange>,
    /// Its class, and what makes it one, where no policy allows it.
    pub(super) why: Option<String>,
    /// It comes for sure to a transaction that has failed.
    pub(super) in_failed: bool,
}

impl PlannedCommand {
    /// Returns whether it, or a prepared statement that it runs, is a `COPY … FROM STDIN`: its text does not
    /// hold the data.
    pub(super) fn copies_in(&self) -> bool {
        let mut texts = std::iter::once(&self.definition).chain(&self.runs);
        texts.any(|definition| {
            let effects = definition.judgement.effects();
            effects.is_some_and(|effects| effects.verbs.contains(&Verb::CopyIn))
        })
    }

    /// Whether it, and what it runs by name, surely does nothing but read, and has read all when it is done:
    /// at the end of its transaction nobody speaks of it. A cursor may run only then.
    pub(super) fn is_done_with(&self) -> bool {
        const READS: [Verb; 5] = [Verb::Select, Verb::Explain, Verb::Show, Verb::Execute, Verb::Fetch];
        let mut texts = std::iter::once(&self.definition).chain(&self.runs);
        !self.exposure.code()
            && texts.all(|definition| {
                definition.judgement.effects().is_some_and(|effects| {
                    effects.classes.iter().all(|class| *class == Class::Read)
                        && effects.verbs.iter().all(|verb| READS.contains(verb))
                        && effects.settings.is_empty()
                        && !effects.changes_relations()
                })
            })
    }

    /// Whether it, or what it runs by name, changes the row on which a cursor stands: its text does not tell
    /// which one that is.
    pub(super) fn is_at_cursor(&self) -> bool {
        let mut texts = std::iter::once(&self.definition).chain(&self.runs);
        texts.any(|definition| definition.judgement.effects().is_some_and(|effects| effects.is_at_cursor()))
    }
}

/// What is done with one message.
pub(super) enum Step {
    /// Asks the pipeline to admit a command.
    Command(Box<PlannedCommand>),
    /// A command that was handed to the pipeline.
    Taken,
    /// Creates a prepared statement (`Parse`).
    Prepare {
        preparation: Preparation<Bytes>,
        name: Box<[u8]>,
        before: Option<Statement>,
    },
    /// Refuses the message.
    Refuse(Box<Refused>),
    /// Runs a portal that was bound before.
    Execute {
        run: Run,
        portal: Box<[u8]>,
        rows: u32,
    },
    /// Closes a portal (`portal`) or a prepared statement.
    Close {
        portal: bool,
        name: Box<[u8]>,
    },
    DescribePortal {
        run: Option<Run>,
        name: Box<[u8]>,
    },
    DescribeStatement {
        name: Box<[u8]>,
    },
    Flush,
    Sync,
    /// Nothing yet: its meaning depends on replies that are still due. It is judged again after them.
    Unsettled,
}

impl Step {
    /// Takes the command out, to be handed to the pipeline; `None` if the step is no command.
    pub(super) fn take_command(&mut self) -> Option<Box<PlannedCommand>> {
        if !matches!(self, Self::Command(_)) {
            return None;
        }
        match std::mem::replace(self, Self::Taken) {
            Self::Command(planned) => Some(planned),
            _ => None,
        }
    }

    /// Returns whether the target is certain to fail at it, and then skips the rest of the series.
    pub(super) fn fails_series(&self) -> bool {
        match self {
            Self::Refuse(refused) => !matches!(refused.kind, Kind::Query | Kind::FunctionCall),
            Self::Command(planned) => match planned.kind {
                // It is handed to the pipeline only to be refused there.
                Kind::Parse { .. } => true,
                Kind::Bind { .. } | Kind::Execute { .. } => {
                    planned.asked.as_ref().is_some_and(|asked| asked.judged.is_denied())
                }
                Kind::Query | Kind::FunctionCall => false,
            },
            _ => false,
        }
    }
}
