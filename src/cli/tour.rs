//! The tour that the demo prints: things to try, each line ready to be pasted into another terminal.

mod http;
mod mcp;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::output;
use crate::cli::output::shell_word;
use crate::demo::config::CONNECTION;
use crate::demo::config::FILE;
use crate::demo::config::Scenario;

/// The inputs of the tour.
#[derive(Debug, Clone)]
pub struct Tour {
    /// The gateway's address.
    pub gateway: SocketAddr,
    /// The token issuer's address.
    pub issuer: SocketAddr,
    /// The sample target's address.
    pub target: SocketAddr,
    /// The scenario of the sample target.
    pub scenario: Scenario,
    /// Whether it answers from a recording.
    pub recorded: bool,
    /// The directory of configuration and recordings.
    pub folder: PathBuf,
    /// Whether the directory is kept.
    pub kept: bool,
    /// Number of policies.
    pub policies: usize,
    /// The path of this program, if known.
    pub program: Option<PathBuf>,
}

/// One step: its title, and its lines.
type Step = (&'static str, Vec<String>);

impl Tour {
    /// Returns the whole tour. Exactly the lines to paste are indented by four blanks.
    pub fn text(&self, took: Duration) -> String {
        let Self { gateway, issuer, target, .. } = self;
        let policies = output::count(self.policies as u64, "policy", "policies");
        let (what, path) = match self.scenario {
            Scenario::Http => ("sample API", ""),
            Scenario::Mcp => ("MCP server", crate::demo::mcp::PATH),
        };
        let fate =
            if self.kept { "stays" } else { "goes when the demo ends; keep one: hoopctl demo --keep DIR" };
        let (masked, has) = if self.recorded {
            ("", "answers from a recording")
        } else {
            (", fields and patterns masked", "invented customers")
        };
        let mut text = format!(
            "ready in {} ms\n\n  gateway      http://{gateway}  ({policies}{masked})\n  \
             dev issuer   http://{issuer}  ! anybody on this machine gets any token: for trying only\n  \
             {what}   http://{target}{path}  ({has}; wants a credential that only the gateway has)\n  \
             folder       {}  ({fate})\n\nPaste these into a second terminal, one after the other (bash or zsh):\n",
            took.as_millis(),
            self.folder.display(),
        );
        for (title, lines) in self.steps() {
            write!(text, "\n{title}\n").ok();
            for line in lines {
                writeln!(text, "    {line}").ok();
            }
        }
        text + "\nStop with Ctrl-C.\n"
    }

    /// Returns the steps of the scenario.
    pub fn steps(&self) -> Vec<Step> {
        match self.scenario {
            Scenario::Http => http::steps(self),
            Scenario::Mcp if self.recorded => mcp::recorded(self),
            Scenario::Mcp => mcp::steps(self),
        }
    }

    fn setup(&self) -> Vec<String> {
        let word = |path: &Path| shell_word(&path.display().to_string());
        let config = word(&self.folder.join(FILE));
        let path = self
            .program
            .as_deref()
            .and_then(Path::parent)
            .map(|dir| format!(" PATH={}:\"$PATH\"", word(dir)));
        vec![
            format!("export HOOPCTL_CONFIG={config}{}", path.unwrap_or_default()),
            format!("export CRM=http://{}/c/{CONNECTION}", self.gateway),
            "export T=$(hoopctl token mint --as agent-7 --group support)".to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(Scenario, bool); 3] =
        [(Scenario::Http, false), (Scenario::Mcp, false), (Scenario::Mcp, true)];

    fn tour((scenario, recorded): (Scenario, bool)) -> Tour {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Tour {
            gateway: address(8440),
            issuer: address(8449),
            target: address(8448),
            scenario,
            recorded,
            folder: PathBuf::from("/tmp/hoopctl-demo-abc"),
            kept: false,
            policies: 3,
            program: Some(PathBuf::from("/src/it's/release/hoopctl")),
        }
    }

    /// Returns the hoopctl command lines in a line of shell.
    fn commands(line: &str) -> Vec<Vec<String>> {
        line.split(['$', ';', '('])
            .map(str::trim)
            .filter_map(|part| part.strip_prefix("hoopctl "))
            .map(|part| part.split(')').next().unwrap_or_default())
            .map(|part| part.replace("'trying it'", "trying").split_whitespace().map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn every_line_of_hoopctl_can_be_read() {
        let mut count = 0;
        let steps = ALL.into_iter().flat_map(|scenario| tour(scenario).steps());
        for line in steps.flat_map(|(_, lines)| lines) {
            for words in commands(&line) {
                let all = std::iter::once("hoopctl".to_owned()).chain(words);
                let parsed = crate::cli::command().try_get_matches_from(all);
                assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
                count += 1;
            }
        }
        assert!(count >= 16, "{count}");
    }

    #[test]
    fn what_is_indented_by_four_is_exactly_what_can_be_pasted() {
        for scenario in ALL {
            let text = tour(scenario).text(Duration::from_millis(42));
            let pasted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
            let lines: Vec<String> =
                tour(scenario).steps().into_iter().flat_map(|(_, lines)| lines).collect();
            assert_eq!(pasted, lines);
            assert!(text.starts_with("ready in 42 ms\n"));
        }
    }

    #[test]
    fn one_policy_is_one() {
        let text = |policies| Tour { policies, ..tour(ALL[0]) }.text(Duration::from_millis(42));
        assert!(text(1).contains("(1 policy,") && text(3).contains("(3 policies,"), "{}", text(1));
        assert!(text(3).contains("q leaves"));
    }

    #[test]
    fn a_shell_can_read_each_line_by_itself() {
        for line in ALL.into_iter().flat_map(|scenario| tour(scenario).steps()).flat_map(|(_, lines)| lines) {
            let shell = std::process::Command::new("sh").args(["-n", "-c", &line]).status().unwrap();
            assert!(shell.success(), "{line}");
        }
    }
}
