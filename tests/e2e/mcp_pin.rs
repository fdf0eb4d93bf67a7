//! A server that changes what it says of its tools: told of, kept back, refused, and accepted from the command line.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::thread;

use serde_json::Value;
use serde_json::json;

use crate::support::Reply;
use crate::support::World;
use crate::support::mcp::ACCEPT;

mod attack;
mod change;

/// What the server says of itself, now.
#[derive(Clone)]
struct Says {
    instructions: String,
    tools: Vec<Value>,
    /// One tool to a page.
    pages: bool,
    /// The list comes on a stream that is gone on with.
    breaks: bool,
    /// What it says on a stream of its own.
    tells: Vec<Value>,
    /// It announces changes of its tools, and its own stream stays open.
    listens: bool,
    /// The name that a client has last begun a session with, where it words its tools by what it knows of the client.
    client: Option<String>,
    calls: usize,
}

/// A server of MCP, of both eras.
struct Server {
    port: u16,
    says: Arc<Mutex<Says>>,
}

fn tool(name: &str, description: &str) -> Value {
    json!({ "name": name, "description": description, "inputSchema": { "type": "object" } })
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let tools = vec![tool("send", "Sends mail."), tool("look", "Looks.")];
        let instructions = "Be kind.".to_owned();
        let says = Says {
            instructions,
            tools,
            pages: false,
            breaks: false,
            tells: Vec::new(),
            listens: false,
            client: None,
            calls: 0,
        };
        let says = Arc::new(Mutex::new(says));
        let shared = Arc::clone(&says);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let says = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &says));
            }
        });
        Self { port, says }
    }

    fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap()
    }

    fn describes(&self, name: &str, description: &str) {
        let mut says = self.says();
        match says.tools.iter_mut().find(|tool| tool["name"] == name) {
            Some(found) => *found = tool(name, description),
            None => says.tools.push(tool(name, description)),
        }
    }

    fn calls(&self) -> usize {
        self.says().calls
    }
}

impl Says {
    /// The same list in the words for this client.
    fn worded(&self, mut list: Value, head: &str, asked: &Value) -> Value {
        let client = &asked["params"]["_meta"]["io.modelcontextprotocol/clientInfo"]["name"];
        let client = client.as_str().or(self.client.as_deref()).unwrap_or_default();
        let told = |line: &&str| line.starts_with("accept-language:") || line.starts_with("user-agent:");
        let told: Vec<&str> = head.lines().filter(told).collect();
        for tool in list["result"]["tools"].as_array_mut().into_iter().flatten() {
            tool["description"] = format!("For {client} ({told:?}).").into();
        }
        list
    }

    fn list(&self, asked: &Value) -> Value {
        if !self.pages {
            return json!({ "tools": self.tools });
        }
        let place: usize = asked["params"]["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        let mut page = json!({ "tools": [self.tools[place]] });
        if place + 1 < self.tools.len() {
            page["nextCursor"] = (place + 1).to_string().into();
        }
        page
    }

    fn answer(&mut self, asked: &Value) -> Value {
        let mut result = match asked["method"].as_str().unwrap() {
            "initialize" => json!({
                "protocolVersion": "2025-11-25", "capabilities": { "tools": { "listChanged": self.listens } },
                "serverInfo": { "name": "fake", "version": "1" }, "instructions": self.instructions,
            }),
            "server/discover" => json!({
                "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} },
                "serverInfo": { "name": "fake", "version": "1" }, "instructions": self.instructions,
            }),
            "tools/list" => self.list(asked),
            _ => {
                self.calls += 1;
                json!({ "content": [{ "type": "text", "text": "done" }] })
            }
        };
        result["resultType"] = "complete".into();
        json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result })
    }
}

fn serve(stream: TcpStream, says: &Mutex<Says>) {
    let mut stream = BufReader::new(stream);
    while let Some((head, asked)) = read(&mut stream) {
        let mut says = says.lock().unwrap();
        let mut session = "";
        if asked.is_null() && says.listens {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
            drop(says);
            stream.get_mut().write_all(head.as_bytes()).unwrap();
            // Until the gateway leaves.
            read(&mut stream);
            return;
        }
        let (kind, body) = if asked.is_null() {
            // What was asked for before on another stream is the list.
            let list = json!({ "jsonrpc": "2.0", "id": 7, "result": says.list(&json!({})) });
            let tells = if says.breaks { vec![list] } else { std::mem::take(&mut says.tells) };
            let events: Vec<String> = tells.iter().map(|told| format!("data: {told}\n\n")).collect();
            ("text/event-stream", events.concat())
        } else if asked["method"] == "tools/list" && says.breaks {
            ("text/event-stream", "id: theirs-1\ndata: \n\n".to_owned())
        } else {
            if asked["method"] == "initialize" {
                session = "Mcp-Session-Id: theirs\r\n";
                let name = asked["params"]["clientInfo"]["name"].as_str().unwrap_or_default();
                says.client = says.client.is_some().then(|| name.to_owned());
            }
            let answer = says.answer(&asked);
            let answer = if says.client.is_some() { says.worded(answer, &head, &asked) } else { answer };
            ("application/json", answer.to_string())
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\n{session}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.get_mut().write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

/// The head of one request, in lower case, and its message; null where there is none.
fn read(stream: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let mut length = 0;
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &(line + "\n");
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let message = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).ok()? };
    Some((head, message))
}

fn hello() -> Value {
    json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } })
}

/// The names of what a list holds.
fn names(listed: &Value) -> Vec<String> {
    let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// A gateway before a server, and a client of it.
struct Place {
    world: World,
    server: Server,
    token: String,
    /// The session that was begun last.
    begun: Mutex<Option<String>>,
}

impl Place {
    fn new(pin: &str) -> Self {
        let server = Server::start();
        let rules = "\n[[policy]]\nid = \"tools\"\neffect = \"allow\"\nmatch = { groups = [\"support\"], operations = [\"read\", \"unknown\"] }\n[[policy]]\nid = \"held\"\neffect = \"approve\"\nmatch = { groups = [\"support\"], tools = [\"pay\"] }\napproval = { from = [\"dba\"], timeout = \"1m\" }\n[[mask]]\nid = \"mail\"\nmatch = { connections = [\"tools\"] }\nentities = [\"EMAIL_ADDRESS\"]\nop = { kind = \"redact\" }\n";
        let world = World::with(rules);
        let upstream = format!("mcp+http://127.0.0.1:{}/mcp", server.port);
        world.ok(&["connect", "add", "tools", "--upstream", &upstream, "--pin", pin]);
        let token = world.token("reader");
        Self { world, server, token, begun: Mutex::default() }
    }

    fn send(&self, method: &str, headers: &[(&str, &str)], body: Option<&str>) -> Reply {
        let all = [&[("Content-Type", "application/json"), ACCEPT], headers].concat();
        self.world.send(method, "/c/tools", Some(&self.token), &all, body)
    }

    fn ask(&self, method: &str, params: &Value) -> Reply {
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string();
        let begun = self.begun.lock().unwrap().clone().filter(|_| method != "initialize");
        let headers: Vec<_> = begun.iter().map(|session| ("Mcp-Session-Id", session.as_str())).collect();
        let mut reply = self.send("POST", &headers, Some(&body));
        if begun.is_some() && reply.status == 404 {
            // The gateway began anew meanwhile.
            *self.begun.lock().unwrap() = None;
            reply = self.send("POST", &[], Some(&body));
        }
        assert_eq!(reply.status, 200, "{method}: {}", reply.text());
        if method == "initialize" {
            *self.begun.lock().unwrap() = reply.header("mcp-session-id").map(str::to_owned);
        }
        reply
    }

    /// A request of the modern era.
    fn modern(&self, method: &str, mut params: Value) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string();
        let mut headers = vec![("Mcp-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
        headers.extend(params["name"].as_str().map(|name| ("Mcp-Name", name)));
        let reply = self.send("POST", &headers, Some(&body));
        assert_eq!(reply.status, 200, "{method}: {}", reply.text());
        reply.json()
    }

    /// A session, and its header.
    fn session(&self) -> String {
        self.ask("initialize", &hello()).header("mcp-session-id").unwrap().to_owned()
    }

    fn tools(&self) -> Vec<String> {
        names(&self.ask("tools/list", &json!({})).json())
    }

    fn call(&self, name: &str) -> Value {
        self.ask("tools/call", &json!({ "name": name, "arguments": {} })).json()
    }

    /// The call was done.
    fn calls(&self, name: &str) {
        let before = self.server.calls();
        let answer = self.call(name);
        assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
        assert_eq!(self.server.calls(), before + 1);
    }

    /// The call was refused with a result that says so; gives its words.
    fn refuses(&self, name: &str) -> String {
        let before = self.server.calls();
        let answer = self.call(name);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert_eq!(self.server.calls(), before, "it reached the server");
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The call was refused as one of a tool that there is not.
    fn knows_not(&self, name: &str) {
        let before = self.server.calls();
        let answer = self.call(name);
        assert_eq!(answer["error"]["message"], format!("Unknown tool: {name}"), "{answer}");
        assert_eq!(self.server.calls(), before, "it reached the server");
    }

    fn instructions(&self) -> String {
        let answer = self.ask("initialize", &hello()).json();
        answer["result"]["instructions"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn state(&self, name: &str) -> String {
        let pins = self.world.list(&["connect", "pin", "tools"]);
        let pin = pins.iter().find(|pin| pin["name"] == name);
        pin.unwrap_or_else(|| panic!("{pins:?}"))["state"].as_str().unwrap().to_owned()
    }

    /// A name, and the digest that is shown with it.
    fn looked_at(&self, name: &str) -> String {
        let pins = self.world.list(&["connect", "pin", "tools"]);
        let named = |pin: &&Value| {
            pin["name"] == name || format!("{}:{}", pin["kind"], pin["name"]).replace('"', "") == name
        };
        let pin = pins.iter().find(named).unwrap_or_else(|| panic!("{pins:?}"));
        format!("{name}@{}", &pin["digest"].as_str().unwrap()[..32])
    }

    /// Accepts these, as they are now.
    fn accept(&self, names: &[&str]) -> String {
        let mut args = vec!["connect".to_owned(), "pin".to_owned(), "tools".to_owned()];
        for name in names {
            args.extend(["--accept".to_owned(), self.looked_at(name)]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let (code, out, err) = self.world.cli(&args);
        assert_eq!(code, 0, "{err}");
        out
    }

    fn accept_all(&self) {
        self.world.ok(&["connect", "pin", "tools", "--accept", "--all", "--yes"]);
    }
}
