//! What the demo prints: things to try, each line ready to be pasted into another terminal.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// What the lines depend on.
#[derive(Debug, Clone)]
pub struct Tour {
    /// Where the gateway listens.
    pub gateway: SocketAddr,
    /// Where the token issuer listens.
    pub issuer: SocketAddr,
    /// Where the sample API listens.
    pub api: SocketAddr,
    /// Where configuration and recordings are.
    pub folder: PathBuf,
    /// Whether the folder stays.
    pub kept: bool,
    /// How many policies there are.
    pub policies: usize,
    /// This program, where that is known.
    pub program: Option<PathBuf>,
}

/// One thing to try: what it shows, and its lines.
type Step = (&'static str, Vec<String>);

impl Tour {
    /// All of it. Lines to paste are indented by four blanks, and only those.
    pub fn text(&self, took: Duration) -> String {
        let Self { gateway, issuer, api, policies, .. } = self;
        let fate =
            if self.kept { "stays" } else { "goes when the demo ends; keep one: hoopctl demo --keep DIR" };
        let mut text = format!(
            "ready in {} ms\n\n  gateway      http://{gateway}  ({policies} policies, fields and patterns masked)\n  \
             dev issuer   http://{issuer}  ! anybody on this machine gets any token: for trying only\n  \
             sample API   http://{api}  (invented customers; wants a credential that only the gateway has)\n  \
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

    /// What there is to try.
    pub fn steps(&self) -> Vec<Step> {
        let bearer = r#"-H "Authorization: Bearer $T""#;
        let bad = |fault| {
            let token = format!("$(hoopctl token mint --as agent-7 --group support {fault})");
            format!(r#"curl -s -H "Authorization: Bearer {token}" $CRM/customers/7"#)
        };
        vec![
            ("0  the way to the demo, and a token of an app in the group support", self.setup()),
            ("1  a read: personal data is masked", vec![format!("curl -s {bearer} $CRM/customers/7")]),
            ("2  a delete: blocked, and why", vec![
                format!("curl -s -X DELETE {bearer} $CRM/customers/7"),
                "hoopctl policy explain --as agent-7 --group support --connection crm DELETE /customers/7".to_owned(),
            ]),
            ("3  a change: held until you approve exactly this one", vec![
                format!(
                    r#"curl -s -X PATCH {bearer} -H "Content-Type: application/json" -d '{{"tier":"gold"}}' $CRM/customers/7 &"#
                ),
                "hoopctl approval list --wait 10s".to_owned(),
                "hoopctl approval approve last -r INC-4411; wait".to_owned(),
            ]),
            ("4  what happened: at its own pace, and proof that the recording is as it was written", vec![
                "hoopctl replay last --idle-limit 1s".to_owned(),
                "hoopctl session verify last".to_owned(),
            ]),
            ("5  tokens that are refused: expired, and meant for somebody else", vec![
                bad("--expired"),
                bad("--wrong-audience"),
            ]),
            ("6  a lock: cuts a live stream at once", vec![
                format!("curl -sN {bearer} $CRM/events &"),
                "sleep 2; hoopctl lock add principal:dev/agent-7 -r 'trying it' --for 5s; wait".to_owned(),
            ]),
        ]
    }

    fn setup(&self) -> Vec<String> {
        let config = quoted(&self.folder.join(crate::demo::config::FILE));
        let path = self
            .program
            .as_deref()
            .and_then(Path::parent)
            .map(|dir| format!(" PATH={}:\"$PATH\"", quoted(dir)));
        vec![
            format!("export HOOPCTL_CONFIG={config}{}", path.unwrap_or_default()),
            format!("export CRM=http://{}/c/crm", self.gateway),
            "export T=$(hoopctl token mint --as agent-7 --group support)".to_owned(),
        ]
    }
}

/// A path as one word of a POSIX shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tour() -> Tour {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        Tour {
            gateway: address(8440),
            issuer: address(8449),
            api: address(8448),
            folder: PathBuf::from("/tmp/hoopctl-demo-abc"),
            kept: false,
            policies: 3,
            program: Some(PathBuf::from("/src/it's/release/hoopctl")),
        }
    }

    /// The command lines of hoopctl in a line of shell.
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
        for line in tour().steps().into_iter().flat_map(|(_, lines)| lines) {
            for words in commands(&line) {
                let all = std::iter::once("hoopctl".to_owned()).chain(words);
                let parsed = crate::cli::command().try_get_matches_from(all);
                assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
                count += 1;
            }
        }
        assert!(count >= 9, "{count}");
    }

    #[test]
    fn what_is_indented_by_four_is_exactly_what_can_be_pasted() {
        let text = tour().text(Duration::from_millis(42));
        let pasted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        let lines: Vec<String> = tour().steps().into_iter().flat_map(|(_, lines)| lines).collect();
        assert_eq!(pasted, lines);
        assert!(text.starts_with("ready in 42 ms\n"));
    }

    #[test]
    fn a_path_is_one_word_for_the_shell() {
        assert_eq!(quoted(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(quoted(Path::new("/it's $HOME")), r"'/it'\''s $HOME'");
        for line in tour().setup() {
            let shell = std::process::Command::new("sh").args(["-n", "-c", &line]).status().unwrap();
            assert!(shell.success(), "{line}");
        }
    }
}
