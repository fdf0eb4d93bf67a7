//! `policy`: policies, which decide about commands.

pub mod cases;
pub mod explain;
pub mod lint;

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::cli::access::Access;
use crate::cli::access::Use;
use crate::cli::change;
use crate::cli::change::EntityOptions;
use crate::cli::change::joined;
use crate::cli::entity::PolicyOptions;
use crate::cli::help;
use crate::cli::output::Terminal;
use crate::cli::place::Place;
use crate::cli::policy::explain::ExplainArgs;
use crate::cli::report::Failure;
use crate::cli::report::Outcome;
use crate::cli::traffic::simulate;
use crate::cli::traffic::simulate::SimulateArgs;
use crate::cli::traffic::suggest;
use crate::cli::traffic::suggest::SuggestArgs;
use crate::domain::entity::EntityKind;

/// Subcommands of `policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// Add a policy
    #[command(after_help = help::POLICY_ADD)]
    Add(AddPolicy),
    /// List policies
    #[command(alias = "ls")]
    List,
    /// Show the definition of one policy
    Show {
        /// Its id
        id: String,
    },
    /// Change a policy in the store: by options, from a file, or in your editor
    Edit(EditPolicy),
    /// Remove a policy from the store
    #[command(alias = "rm")]
    Remove {
        /// Its id
        id: String,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
        /// Only show what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Run the test cases of a file: requests and SQL texts with their expected verdicts
    #[command(after_help = help::POLICY_TEST)]
    Test {
        /// The file, or - for standard input
        file: PathBuf,
    },
    /// Explain the verdict on one request or SQL text
    #[command(after_help = help::POLICY_EXPLAIN)]
    Explain(ExplainArgs),
    /// Judge recorded commands by other policies, and show what would change
    #[command(after_help = simulate::HELP)]
    Simulate(SimulateArgs),
    /// Suggest policies that allow what was actually used, and little else
    #[command(after_help = suggest::HELP)]
    Suggest(SuggestArgs),
    /// Find valid policies that look like a mistake; exits with 1 if there are any
    #[command(after_help = lint::HELP)]
    Lint,
}

/// Options of `policy add`.
#[derive(Debug, Args)]
pub struct AddPolicy {
    /// Its id: 1 to 63 of letters, digits, dots, - and _
    pub id: String,
    /// Its definition
    #[command(flatten)]
    pub options: PolicyOptions,
    /// Read the table from a TOML file, or - for standard input; options take precedence
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Print the TOML, change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `policy edit`.
#[derive(Debug, Args)]
pub struct EditPolicy {
    /// Its id
    pub id: String,
    /// What changes
    #[command(flatten)]
    pub options: PolicyOptions,
    /// Read the whole table from a TOML file, or - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

impl PolicyVerb {
    /// Returns whether it changes nothing.
    const fn looks(&self) -> bool {
        !matches!(self, Self::Add(_) | Self::Edit(_) | Self::Remove { .. })
    }
}

/// Runs `policy`.
pub fn run(terminal: Terminal, place: &Place, verb: PolicyVerb) -> Outcome {
    let kind = EntityKind::Policy;
    let access = Access::for_use(terminal, place, Use::looking(verb.looks()))?;
    match verb {
        PolicyVerb::Add(args) => add(terminal, &access, &args),
        PolicyVerb::List => list(terminal, &access),
        PolicyVerb::Show { id } => change::show(terminal, &access, kind, &id),
        PolicyVerb::Edit(args) => {
            change::edit(terminal, &access, (kind, &args.id), args.file.as_deref(), &args.options)
        }
        PolicyVerb::Remove { id, yes, dry_run } => {
            change::remove(terminal, &access, (kind, &id), yes, dry_run)
        }
        PolicyVerb::Test { file } => cases::test(terminal, &access, &file),
        PolicyVerb::Explain(args) => explain::explain(terminal, &access, &args),
        PolicyVerb::Simulate(args) => simulate::simulate(terminal, &access, &args),
        PolicyVerb::Suggest(args) => suggest::suggest(terminal, &access, &args),
        PolicyVerb::Lint => lint::lint(terminal, &access, place),
    }
}

fn add(terminal: Terminal, access: &Access, args: &AddPolicy) -> Outcome {
    let kind = EntityKind::Policy;
    let mut table = change::new_table(access, kind, &args.id, args.file.as_deref())?;
    args.options.apply(&mut table)?;
    if !table.contains_key("effect") {
        return Err(Failure::usage("name the effect: --allow, --approve or --deny"));
    }
    let held = table.get("effect").and_then(toml::Value::as_str) == Some("approve");
    if held && table.get("approval").and_then(|approval| approval.get("from")).is_none() {
        return Err(
            Failure::usage("--approve needs a group of approvers").hint("name the group with --from GROUP")
        );
    }
    change::add(terminal, access, kind, &args.id, table, args.dry_run)
}

fn list(terminal: Terminal, access: &Access) -> Outcome {
    change::list(terminal, access, EntityKind::Policy, &["effect", "who", "where", "what"], |value| {
        let part = |keys: &[&str]| {
            let parts: Vec<String> = keys
                .iter()
                .map(|key| joined(value, &["match", key]))
                .filter(|part| !part.is_empty())
                .collect();
            if parts.is_empty() { "any".to_owned() } else { parts.join(" ") }
        };
        // There is more to it than a list can show.
        let what = |keys: &[&str]| {
            let further = ["unless", "when"].into_iter().filter(|key| value.get(key).is_some());
            further.fold(part(keys), |text, key| format!("{text} ({key} \u{2026})"))
        };
        vec![
            joined(value, &["effect"]),
            part(&["groups", "subjects", "clients", "issuers", "kinds", "claims"]),
            part(&["connections", "tags", "protocols", "source_ips"]),
            what(&[
                "operations",
                "methods",
                "paths",
                "tools",
                "prompts",
                "resources",
                "args",
                "tables",
                "columns",
                "columns_not",
                "functions",
                "verbs",
                "settings",
                "all_rows",
            ]),
        ]
    })
}
