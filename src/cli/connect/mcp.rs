//! Configurations of MCP clients for a connection. No token is written out: where a client supports it, it
//! reads the token from its environment, or asks for it.
//!
//! Claude Code expands `${NAME}` in the headers of each of its files, Cursor `${env:NAME}`; VS Code asks once
//! for an input and keeps it in the system's secret store (<https://code.claude.com/docs/en/mcp>,
//! <https://cursor.com/docs/mcp>, <https://code.visualstudio.com/docs/copilot/reference/mcp-configuration>).

use serde_json::Value;
use serde_json::json;

use crate::cli::connect::ClientKind;
use crate::cli::output;
use crate::domain::connection::ConnectionName;

/// The configuration of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The command to paste, or the content of the file.
    pub text: String,
    /// Where it goes and where the token comes from, as a message.
    pub told: String,
}

/// Returns the configuration of a client for the MCP server at `url`; `None` if it is not an MCP client.
pub fn setup(client: ClientKind, name: &ConnectionName, url: &str) -> Option<Setup> {
    let reads = |client: &str| {
        format!("{client} reads the access token from HOOPCTL_TOKEN in its environment when it starts")
    };
    let servers = |server: Value| output::json_document(&json!({ "mcpServers": { name.as_str(): server } }));
    let headers = |token: &str| json!({ "Authorization": format!("Bearer {token}") });
    let (text, told) = match client {
        ClientKind::Claude => (
            // The shell must not expand the variable, or the token itself would be written to Claude Code's
            // file.
            format!(
                "claude mcp add --transport http {name} {} --header 'Authorization: Bearer ${{HOOPCTL_TOKEN}}'\n",
                output::shell_word(url)
            ),
            format!("paste it into your shell, with the quotes; {}", reads("Claude Code")),
        ),
        ClientKind::McpJson => (
            servers(json!({ "type": "http", "url": url, "headers": headers("${HOOPCTL_TOKEN}") })),
            format!("this is .mcp.json in the folder of a project; {}", reads("Claude Code")),
        ),
        ClientKind::Cursor => (
            servers(json!({ "url": url, "headers": headers("${env:HOOPCTL_TOKEN}") })),
            format!("this is ~/.cursor/mcp.json, or .cursor/mcp.json of a project; {}", reads("Cursor")),
        ),
        ClientKind::Vscode => {
            let input = format!("hoopctl-{name}");
            let asked = json!({
                "type": "promptString",
                "id": input,
                "description": format!("Access token for {name} at hoopctl"),
                "password": true,
            });
            let server =
                json!({ "type": "http", "url": url, "headers": headers(&format!("${{input:{input}}}")) });
            (
                output::json_document(&json!({ "inputs": [asked], "servers": { name.as_str(): server } })),
                "this is .vscode/mcp.json of a project; VS Code asks for the access token and keeps it"
                    .to_owned(),
            )
        }
        ClientKind::Curl | ClientKind::Dotenv | ClientKind::Python | ClientKind::Psql => return None,
    };
    Some(Setup { text, told })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://gw.example:8440/c/crm";

    fn text(client: ClientKind) -> String {
        setup(client, &"crm".parse().unwrap(), URL).unwrap().text
    }

    #[test]
    fn a_file_is_json_of_the_shape_that_its_client_reads() {
        let file = |client| serde_json::from_str::<Value>(&text(client)).unwrap();
        assert_eq!(
            file(ClientKind::McpJson),
            json!({ "mcpServers": { "crm": {
                "type": "http", "url": URL, "headers": { "Authorization": "Bearer ${HOOPCTL_TOKEN}" },
            } } })
        );
        assert_eq!(
            file(ClientKind::Cursor),
            json!({ "mcpServers": { "crm": {
                "url": URL, "headers": { "Authorization": "Bearer ${env:HOOPCTL_TOKEN}" },
            } } })
        );
        let vscode = file(ClientKind::Vscode);
        assert_eq!(
            vscode["servers"],
            json!({ "crm": {
                "type": "http", "url": URL, "headers": { "Authorization": "Bearer ${input:hoopctl-crm}" },
            } })
        );
        // An input that a server refers to must be declared in the file, as hidden.
        assert_eq!(vscode["inputs"].as_array().unwrap().len(), 1);
        let asked = &vscode["inputs"][0];
        assert_eq!(
            (&asked["id"], &asked["type"], &asked["password"]),
            (&json!("hoopctl-crm"), &json!("promptString"), &json!(true))
        );
    }

    #[test]
    fn the_shell_hands_the_name_of_the_variable_on_and_not_the_token() {
        for url in [URL, "http://[::1]:8440/c/crm", "https://gw.example/it's $HOME;id"] {
            let line = setup(ClientKind::Claude, &"crm".parse().unwrap(), url).unwrap().text;
            let script = format!("claude() {{ printf '%s\\n' \"$@\"; }}\n{line}");
            let output = std::process::Command::new("sh")
                .args(["-c", &script])
                .env("HOOPCTL_TOKEN", "s3cret")
                .output()
                .unwrap();
            let words = String::from_utf8(output.stdout).unwrap();
            let words: Vec<&str> = words.lines().collect();
            assert_eq!(
                words,
                [
                    "mcp",
                    "add",
                    "--transport",
                    "http",
                    "crm",
                    url,
                    "--header",
                    "Authorization: Bearer ${HOOPCTL_TOKEN}"
                ]
            );
        }
    }

    #[test]
    fn what_is_no_client_of_mcp_has_none() {
        for client in [ClientKind::Curl, ClientKind::Dotenv, ClientKind::Python, ClientKind::Psql] {
            assert_eq!(setup(client, &"crm".parse().unwrap(), URL), None);
        }
    }
}
