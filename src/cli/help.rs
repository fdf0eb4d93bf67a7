//! Texts of the help: command groups, examples, next steps.

use std::fmt::Write as _;

use clap::Command;
use clap::CommandFactory;

use crate::cli::args::Cli;
use crate::cli::examples;

/// The command groups of the first page, by task. Every visible command is in exactly one group.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("Start here", &["demo", "init", "doctor"]),
    ("Run", &["serve", "status", "config"]),
    ("Manage", &["connect", "policy", "secret", "mask", "token", "apply", "export"]),
    ("Remote", &["login", "logout"]),
    ("Decide", &["tui", "approval", "grant", "lock"]),
    ("Look back", &["session", "replay", "audit"]),
    ("Shell", &["completions", "man", "version"]),
];

/// Examples on the first page.
pub const ROOT: &str = "\
Examples:
  hoopctl demo
  hoopctl connect add crm --upstream https://crm.internal/api --inject bearer:env:CRM_TOKEN
  hoopctl policy explain --as agent-7 --group support --connection crm DELETE /customers/7
  hoopctl approval approve apr_01kah3y2x7m5q8r4s6t9v0w1z2 -r INC-4411
  hoopctl replay last

More: hoopctl <COMMAND> --help, hoopctl man";

/// Appended to the help of `serve`.
pub const SERVE: &str = "\
Examples:
  hoopctl serve
  hoopctl serve -c /etc/hoopctl/hoopctl.toml
  hoopctl serve --check
  hoopctl serve --watch

Signals: SIGHUP reloads the configuration, SIGTERM and SIGINT drain and stop.
Next: hoopctl status --wait 30s";

/// Appended to the help of `demo`.
pub const DEMO: &str = "\
Examples:
  hoopctl demo
  hoopctl demo --keep ./try
  hoopctl demo --scenario mcp
  hoopctl demo --fixture recorded.json

It listens on this machine only, and any local user can mint a token: use it for evaluation only.
Next: paste what it prints into a second terminal.";

/// Appended to the help of `init`.
pub const INIT: &str = "\
Examples:
  hoopctl init
  hoopctl init --oidc entra --dir /etc/hoopctl
  hoopctl init --demo --dir ./try

Next: fill in the issuer, then hoopctl serve --check";

/// Appended to the help of `doctor`.
pub const DOCTOR: &str = "\
Examples:
  hoopctl doctor
  hoopctl doctor -o json

Each line is ok (\u{2713}), a warning (!) or an error (\u{2717}), with one fix. Exits with 1 if there is any error,
with 10 when the audit trail is broken.";

/// Appended to the help of `status`.
pub const STATUS: &str = "\
Examples:
  hoopctl status
  hoopctl status --wait 30s -o json";

/// Appended to the help of `login`.
pub const LOGIN: &str = "\
Examples:
  hoopctl login --url https://gateway.example:8441
  hoopctl login --url https://gateway.example:8441 --ca-file ca.pem --no-browser
  hoopctl login --url https://gateway.example:8441 --device

The gateway names the issuer; you are asked to confirm it before anything is sent. The tokens are stored in
hoopctl/tokens.json in $XDG_CONFIG_HOME or ~/.config, readable by your user only, and are renewed automatically.
Unattended programs set HOOPCTL_TOKEN to an access token and need no login.
Next: export HOOPCTL_URL=https://gateway.example:8441, then hoopctl status or hoopctl tui";

/// Appended to the help of `logout`.
pub const LOGOUT: &str = "\
Examples:
  hoopctl logout --url https://gateway.example:8441
  hoopctl logout --all";

/// Appended to the help of `connect`.
pub const CONNECT: &str = "\
Examples:
  hoopctl connect list
  hoopctl connect add crm --upstream https://crm.internal/api --inject bearer:env:CRM_TOKEN --tag data=pii
  hoopctl connect test crm
  hoopctl connect env appdb
  hoopctl connect env tools --for claude
  hoopctl connect pin tools";

/// Appended to the help of `connect add`.
pub const CONNECT_ADD: &str = "\
Examples:
  hoopctl connect add crm --upstream https://crm.internal/api --inject bearer:store:crm-token
  hoopctl connect add wiki --upstream http://127.0.0.1:9000 --inject basic:svc:file:/run/secrets/wiki
  hoopctl connect add crm --upstream https://crm.internal --tag env=prod --limit session=30m --test
  hoopctl connect add appdb --upstream postgres://db.internal/app --inject password:gateway:store:appdb --readonly --rows 10000
  hoopctl connect add tools --upstream mcp+https://tools.internal/mcp --inject bearer:store:tools
  hoopctl connect add files --upstream 'mcp+stdio:files-server --root /srv/files' --inject env:TOKEN:store:files

A secret is named by its source, never written out: env:NAME, file:PATH, store:KEY, exec:COMMAND.
Relative paths are resolved against the current folder, or the folder of --file, and stored as absolute paths.
Next: no policy allows a new connection yet. Allow it: hoopctl policy add crm-reads --allow --group support --connection crm \
--operation read";

/// Appended to the help of `connect env`.
pub const CONNECT_ENV: &str = "\
Examples:
  hoopctl connect env crm
  hoopctl connect env appdb --for dotenv
  hoopctl connect env tools --for claude
  hoopctl connect env tools --for vscode > .vscode/mcp.json

No token is printed. MCP clients get a reference to it, so that it stays out of their files: Claude Code (claude, mcp-json)
and Cursor read HOOPCTL_TOKEN from the environment they are started in, VS Code prompts for it and stores it itself.
The output is a complete file; if you already have one, add the new member to its mcpServers, or servers and inputs.";

/// Appended to the help of `connect pin`.
pub const CONNECT_PIN: &str = "\
Examples:
  hoopctl connect pin tools
  hoopctl connect pin tools --accept send_mail@44136fa355b3678a1146ad16f7e8649e
  hoopctl connect pin tools --accept prompt:summary --accept server:initialize
  hoopctl connect pin tools --accept --all
  hoopctl connect pin tools --forget old_tool

The definitions of a server's tools, prompts and resource templates, and its instructions, are pinned when first seen.
  changed  it differs from the accepted version
  flagged  it has invisible characters, or a description of more than 16 KiB
  new      it was added after the list was first seen
  pinned   it is as accepted or first seen
NAME@DIGEST accepts exactly the version with that digest, or nothing; without a digest, and with --all, the changes are
shown and need a confirmation.
The connection's pin decides the effect: observe (the default) only reports it; hide removes what is changed, new or has
invisible characters; block also refuses all tool calls while anything is changed.
Next: hoopctl connect edit tools --pin hide";

/// Appended to the help of `connect open`.
pub const CONNECT_OPEN: &str = "\
Examples:
  hoopctl connect open appdb
  hoopctl connect open appdb --port 6432 --token 'exec:az account get-access-token --query accessToken -o tsv'
  hoopctl connect open appdb --unix ~/.hoopctl --token file:/run/user/1000/token
  hoopctl connect open appdb --gateway gateway.example:15432 --ca-file ca.pem

Clients connect without a password, and hoopctl logs in at the gateway with your token. Each statement is judged and
recorded there as yours. The connection to the gateway uses TLS, except to a gateway on this machine. With a [dev_issuer]:
--token 'exec:hoopctl token mint --as agent-7 --group support'. An exec: program gets only PATH and HOME, and has 5 s.
Every local user can connect to the port and acts as you; a Unix socket is for your user only.

Prints the address on standard output; SIGINT (Ctrl-C) and SIGTERM end it.
Next: psql with that address.";

/// Appended to the help of `policy`.
pub const POLICY: &str = "\
Examples:
  hoopctl policy list
  hoopctl policy add crm-reads --allow --group support --connection crm --operation read
  hoopctl policy explain --as agent-7 --group support --connection crm PATCH /customers/7
  hoopctl policy explain --as agent-7 --group support --connection appdb --sql 'SELECT name FROM customers'
  hoopctl policy explain --as agent-7 --group support --connection shop --tool refund --arg amount=1200

Deny beats approve, approve beats allow; a command that no policy allows is denied.";

/// Appended to the help of `policy add`.
pub const POLICY_ADD: &str = "\
Examples:
  hoopctl policy add crm-reads --allow --group support --connection crm --operation read
  hoopctl policy add crm-writes --approve --group support --connection crm --operation write --from dba --reason
  hoopctl policy add no-exports --deny --path '/export/**' --message 'Ask #dba for an export.'
  hoopctl policy add no-numbers --deny --connection appdb --column '*.ssn'
  hoopctl policy add orders --allow --group app --connection appdb --operation write --table public.orders
  hoopctl policy add tools --allow --group support --connection shop --tool 'list_*' --tool echo
  hoopctl policy add -f policy.toml crm-reads

Values of one option are alternatives; different options must all match. A SQL statement may name several tables, columns,
functions and verbs: an allow policy must cover all of them, a deny or approve policy matches any one. An MCP tool call
is allowed only by a policy that names the tool.
Next: hoopctl policy explain shows its effect on one command.";

/// Appended to the help of `policy explain`.
pub const POLICY_EXPLAIN: &str = "\
Examples:
  hoopctl policy explain --as agent-7 --group support --connection crm DELETE /customers/7
  hoopctl policy explain --as kim --kind human --connection crm --body '{\"amount\": 1200}' POST /refunds
  hoopctl policy explain --exit-code --as agent-7 --connection crm GET /customers
  hoopctl policy explain --as agent-7 --group support --connection appdb --sql 'SELECT name FROM customers'
  hoopctl policy explain --as agent-7 --group support --connection shop --tool refund --args '{\"amount\": 1200}'
  hoopctl policy explain --as agent-7 --group support --connection shop tools/list

SQL is judged as the first statement of a session: prepared statements and the target's functions are not known.
With --exit-code: 0 allow, 8 approve, 9 deny.";

/// Appended to the help of `policy test`.
pub const POLICY_TEST: &str = "\
Examples:
  hoopctl policy test cases.toml

The file holds one table per request, with its expected verdict:
  [[case]]
  name = \"large orders wait\"
  as = { subject = \"corp/agent-7\", groups = [\"support\"], kind = \"app\" }
  connection = \"crm\"
  method = \"POST\"
  path = \"/orders\"
  body = { amount = 2000 }
  expect = { effect = \"approve\", rule = \"large-orders\" }

Of as: subject is the principal; groups may be \"unknown\" and default to none, kind (human, app, agent) to human;
client, issuer and claims may be given. Of the case: query, source (an address), at (a time), and unreadable = true
for a body that cannot be parsed. body is a TOML value, or a string of JSON. rule is optional. A database case
has sql = \"SELECT 1\" instead of method and path, an MCP case has mcp = { tool = \"refund\",
arguments = { amount = 5 } }, or prompt, resource, method; read_only = true is the server's annotation of the tool.

Exits with 0 if all cases pass, 1 if one fails, 3 if the file cannot be read, 5 if it does not exist. Failures are explained,
and policies that no case reaches are listed.";

/// Appended to the help of `apply`.
pub const APPLY: &str = "\
Examples:
  hoopctl apply -f entities/ --dry-run
  hoopctl apply -f entities/ --prune
  hoopctl apply -f crm.toml --managed-by team-crm
  hoopctl export | hoopctl apply -f - --dry-run

The files hold [[connection]], [[policy]] and [[mask]] as hoopctl.toml does, and nothing else: at most 1000 at once, and 4 MiB.
All entities are written, or none: all problems are reported together, with file, line and column. The entities belong to
the files from then on, under --managed-by, including those made by connect add or policy add (adopted). An entity managed
under another name is refused (6) without --take-over. Entities in no file stay; --prune removes those of the same
--managed-by that no file has any more. Entities of hoopctl.toml can only be changed there (6). Paths are relative to the file.
Next: check the policies with hoopctl policy test.";

/// Appended to the help of `export`.
pub const EXPORT: &str = "\
Examples:
  hoopctl export > entities.toml
  hoopctl export --managed-by team-crm > crm.toml
  hoopctl export -o json

Secrets are named (store:KEY), not printed. Environment variables (env) and program arguments are printed verbatim: a
warning names the connections that have any. Entities of hoopctl.toml are left out.";

/// Appended to the help of `approval`.
pub const APPROVAL: &str = "\
Examples:
  hoopctl approval list
  hoopctl approval show apr_01kah3y2x7m5q8r4s6t9v0w1z2
  hoopctl approval approve apr_01kah3y2x7m5q8r4s6t9v0w1z2 -r INC-4411
  hoopctl approval wait apr_01kah3y2x7m5q8r4s6t9v0w1z2 --timeout 10m
  hoopctl approval watch -o jsonl

You decide as your OS user, with its groups in admin.local_groups; with --url as the user signed in there, with
the groups of the token. You can never decide on your own commands.
`last` is the newest approval; for a decision, only if no other is pending.";

/// Appended to the help of `grant`.
pub const GRANT: &str = "\
Examples:
  hoopctl grant list
  hoopctl grant revoke grt_01kah3y2x7m5q8r4s6t9v0w1z2";

/// Appended to the help of `lock`.
pub const LOCK: &str = "\
Examples:
  hoopctl lock add principal:corp/agent-7 -r 'leaked token' --for 1h
  hoopctl lock add everybody -r 'incident 4411' --yes
  hoopctl lock list
  hoopctl lock remove lck_01kah3y2x7m5q8r4s6t9v0w1z2

It takes effect within a second and cuts live streams.";

/// Appended to the help of `lock add`.
pub const LOCK_ADD: &str = "\
Examples:
  hoopctl lock add principal:corp/agent-7 -r 'leaked token' --for 1h
  hoopctl lock add principal:entra:TENANT/OBJECT -r 'left the company'
  hoopctl lock add client:billing-mcp -r 'under attack'
  hoopctl lock add connection:crm -r 'moving it'
  hoopctl lock add issuer:corp -r 'key lost'
  hoopctl lock add token:JTI -r leaked
  hoopctl lock add everybody -r 'incident 4411' --yes

A principal is named in full, ISSUER/SUBJECT, as in hoopctl session list -o json, not by the short name that
policy explain --as and token mint --as accept. A name that neither the configuration nor a session knows needs a confirmation,
or gives a warning without a terminal: the lock applies once the name appears.";

/// Appended to the help of `session`.
pub const SESSION: &str = "\
Examples:
  hoopctl session list --since 1d
  hoopctl session tail
  hoopctl session watch
  hoopctl session grep 'customers/7' --since 7d
  hoopctl session export last --format har --to last.har
  hoopctl session verify --all
  hoopctl session hold last -r 'case 4411'

`last` is the newest session of a caller.";

/// Appended to the help of `session list`.
pub const SESSION_LIST: &str = "\
Examples:
  hoopctl session list --since 1d
  hoopctl session list --connection crm --live -o json
  hoopctl session list --principal local:gateway

Requests that are refused before a session exists (no valid token, no such connection) are recorded too: each run of
the gateway has one session local:gateway for them, with the connection shown as gateway. It is listed like any other and can
be replayed and verified by its id, but `last` never selects it.";

/// Appended to the help of `session hold`.
pub const SESSION_HOLD: &str = "\
Examples:
  hoopctl session hold ses_01kah3y2x7m5q8r4s6t9v0w1z2 -r 'case 4411'
  hoopctl session hold --list
  hoopctl session hold ses_01kah3y2x7m5q8r4s6t9v0w1z2 --release -r 'case 4411 is closed'
  hoopctl session hold ses_01kah3y2x7m5q8r4s6t9v0w1z2 --acknowledge -r 'INC-12: hoopctl.db was edited'

Neither recording.retention nor session prune removes a recording on hold, and it does not count against max_size. Who placed and
released the hold, and why, is in the audit trail. You cannot release another user's hold on your own session (9).

session verify --all reports any other change to a hold or its recording until --acknowledge accepts it: then the hold
is restored from the audit trail, or ends if the recording is gone. Who acknowledged it, and why, stays listed by verify.";

/// Appended to the help of `audit` and `audit list`.
pub const AUDIT: &str = "\
Examples:
  hoopctl audit list --since 1d
  hoopctl audit list --action policy --actor local:kate
  hoopctl audit list --action approval.approve -o json
  hoopctl audit list --limit 100000 -o csv > audit.csv

One entry for each change, made or refused, and for each automatic action of the gateway.
hoopctl session verify --all proves that no entry is missing or changed.";

/// Appended to the help of `replay`.
pub const REPLAY: &str = "\
Examples:
  hoopctl replay last
  hoopctl replay last --speed 4 --idle-limit 2s
  hoopctl replay ses_01kah3y2x7m5q8r4s6t9v0w1z2 --from 90s --to @40
  hoopctl replay crm.jsonl

Opens the player on a terminal, otherwise prints the transcript at once. The player can follow a running session; its keys:
? shows them all. Without a running gateway it plays from the store; a file needs neither.";

/// Appended to the help of `tui`.
pub const TUI: &str = "\
Examples:
  hoopctl tui
  hoopctl tui sessions --notify osc9
  hoopctl tui approvals --theme light

Keys: ? shows them all. hoopctl/keys.toml in $XDG_CONFIG_HOME or ~/.config changes them: a table for each context,
as named in the help, with entries ACTION = KEY or [KEY, KEY]:
  [approvals]
  approve = \"f2\"
Colours: NO_COLOR, TERM and COLORTERM set how many; without UTF-8 in the locale all symbols are ASCII.";

/// Appended to the help of `mask`.
pub const MASK: &str = "\
Examples:
  hoopctl mask test < customers.json
  hoopctl mask test --entity US_SSN --entity IBAN -o json < notes.txt";

/// Appended to the help of `token`.
pub const TOKEN: &str = "\
Examples:
  hoopctl token mint --as agent-7 --group support
  hoopctl token inspect < token.txt
  hoopctl token verify --env MY_TOKEN
  hoopctl token jwks entra --refresh

Tokens are read from standard input, --file or --env: every process on this machine could see an argument.";

/// Appended to the help of `secret`.
pub const SECRET: &str = "\
Examples:
  hoopctl secret set crm-token < token.txt
  hoopctl secret list
  hoopctl secret remove crm-token

Next: hoopctl connect add crm --upstream https://crm.internal/api --inject bearer:store:crm-token";

/// Appended to the help of `config`.
pub const CONFIG: &str = "\
Examples:
  hoopctl config check
  hoopctl config show -o json
  hoopctl config reload
  hoopctl config schema > hoopctl.schema.json";

/// Appended to the help of `config schema`.
pub const CONFIG_SCHEMA: &str = "\
Examples:
  hoopctl config schema > hoopctl.schema.json

An editor with TOML support (taplo, Even Better TOML for VS Code) completes and checks hoopctl.toml with it, given a first line
  #:schema ./hoopctl.schema.json
It covers keys, types and words; hoopctl config check also checks that they fit together.";

/// Appended to the help of `completions`.
pub const COMPLETIONS: &str = "\
Examples:
  hoopctl completions bash > ~/.local/share/bash-completion/completions/hoopctl
  hoopctl completions zsh > ~/.local/share/zsh/site-functions/_hoopctl
  hoopctl completions fish > ~/.config/fish/completions/hoopctl.fish";

/// Appended to the help of `man`.
pub const MAN: &str = "\
Examples:
  hoopctl man | man -l -
  hoopctl man --dir ~/.local/share/man/man1";

/// Returns the whole command line, with the commands of the first page in groups.
pub fn command() -> Command {
    let command = Cli::command();
    let template = template(&command);
    with_examples(command, "").help_template(template)
}

/// Adds examples to each subcommand whose help has none of its own.
fn with_examples(command: Command, path: &str) -> Command {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path} {name}") };
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(&name, |sub| with_examples(sub, &below(&name)))
    });
    match examples::of(path) {
        Some(examples) if command.get_after_help().is_none() => command.after_help(examples),
        _ => command,
    }
}

/// Returns the template of the first page. clap has no groups of subcommands, so the first page is a template
/// with the groups written out.
fn template(command: &Command) -> String {
    let heading = GROUPS.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
    let name = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::from("{about}\n\nUsage: {usage}\n\n");
    for (title, names) in GROUPS {
        for (place, noun) in names.iter().enumerate() {
            let about = command.find_subcommand(noun).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let title = if place == 0 { title } else { "" };
            writeln!(text, "{title:heading$}  {noun:name$}  {about}").ok();
        }
    }
    text.push_str("\nOptions:\n{options}\n\n");
    text + ROOT
}
