//! Tests with misbehaving child processes: a small program that does what its messages say.

mod joint;
mod life;
mod solo;

use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;
use serde_json::json;

use crate::domain::Denied;
use crate::domain::Program;
use crate::domain::Secret;
use crate::mask::Needles;
use crate::protocol::mcp::codec::envelope::Limits;
use crate::protocol::mcp::codec::envelope::Message;
use crate::protocol::mcp::duplex::Mail;
use crate::protocol::mcp::duplex::mail::Heard;
use crate::protocol::mcp::stdio::Programs;
use crate::protocol::mcp::stdio::environment::Spec;

/// The program's secret, which nobody else may see.
const SECRET: &str = "s3cret/+of the target";

/// No limit.
const SILENCE: Duration = Duration::MAX;
/// Unreadable answers to the request `$id`.
const TWICE: &str = r#"{"jsonrpc":"2.0","id":$id,"result":{},"result":{}}"#;
const NEITHER: &str = r#"{"jsonrpc":"2.0","id":$id}"#;

const FAKE: &str = r#"
import json, os, signal, subprocess, sys, time
modes = sys.argv[1].split(",")
def say(what):
    sys.stdout.write((what if isinstance(what, str) else json.dumps(what)) + "\n")
    sys.stdout.flush()
if "stubborn" in modes:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "stillborn" in modes:
    sys.exit(3)
if "noise" in modes:
    say("Server is listening on stdio")
    say("[1,2]")
    say('[{"jsonrpc":"2.0","method":"a"}]')
    say('{"jsonrpc":"2.0","id":1,"id":2,"result":{}}')
    say('{"jsonrpc":"1.0"}')
    say("")
for line in sys.stdin:
    message = json.loads(line)
    method, params = message.get("method"), message.get("params", {})
    def answer(result):
        say({"jsonrpc": "2.0", "id": message["id"], "result": result})
    def fails(code):
        say({"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": "no"}})
    if method == "server/discover":
        if "modern" in modes:
            answer({"supportedVersions": ["2026-07-28"]})
        elif "newer" in modes:
            fails(-32022)
        elif "silent" not in modes:
            fails(-32602)
    elif method == "echo":
        answer({"seen": message})
    elif method == "env":
        answer({"env": dict(os.environ), "backwards": os.environ["KEY"][::-1], "args": sys.argv, "pid": os.getpid()})
    elif method == "die":
        os._exit(3)
    elif method == "log":
        sys.stderr.write(os.environ.get("KEY", "") + "\n")
        sys.stderr.flush()
        answer({})
    elif method == "fork":
        child = subprocess.Popen(["sleep", "1000"])
        answer({"pid": child.pid})
    elif method == "fails":
        fails(params["code"])
    elif method == "flood":
        said, written = {"data": "x" * 1000}, 0
        while True:
            for _ in range(100):
                say({"jsonrpc": "2.0", "method": "notifications/message", "params": said})
            written += 100
            with open(params["count"], "w") as count:
                count.write(str(written))
    elif method == "say":
        meta = params.get("_meta", {})
        for said in params["messages"]:
            text = json.dumps(said).replace('"$token"', json.dumps(meta.get("progressToken")))
            say(text.replace('"$id"', json.dumps(message.get("id"))))
        if "id" in message and not params.get("mute"):
            answer({"_meta": {"io.modelcontextprotocol/subscriptionId": message["id"]}} if params.get("tag") else {})
    elif method == "raw":
        say(params["line"].replace("$id", json.dumps(message["id"])))
    elif method == "long":
        say('{"jsonrpc":"2.0","id":' + json.dumps(message["id"]) + ',"result":{"text":"' + "x" * params["length"] + '"}}')
    elif method == "heard":
        answer({"heard": heard})
    elif method == "reset":
        heard = []
        answer({})
    if method != "heard":
        try:
            heard.append(message)
        except NameError:
            heard = [message]
while "stubborn" in modes:
    time.sleep(1)
"#;

/// Returns how the program is started, with modes and a folder for its source.
fn spec(folder: &tempfile::TempDir, modes: &str) -> Spec {
    let script: PathBuf = folder.path().join("fake.py");
    std::fs::write(&script, FAKE).unwrap();
    let args = [script.to_str().unwrap(), modes].map(Into::into).to_vec();
    let variable = |name: &str| std::env::var_os(name).map(|value| (name.into(), value));
    let mut env: Vec<_> = ["PATH", "HOME"].into_iter().filter_map(variable).collect();
    env.push(("KEY".into(), SECRET.into()));
    Spec {
        name: "files".parse().unwrap(),
        program: Program { name: "python3".into(), args },
        env,
        secrets: Some(Needles::new(&Needles::shapes(Secret::new(SECRET.into()).expose()))),
        withheld: false,
    }
}

fn message(value: &Value) -> Message {
    Message::scan(value.to_string().into(), Limits::new(1 << 20)).unwrap()
}

fn request(id: &Value, method: &str, params: Value) -> Message {
    let mut value = json!({ "jsonrpc": "2.0", "id": id, "method": method });
    value["params"] = params;
    message(&value)
}

fn read(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// Returns the next message, which must come soon.
async fn next(mail: &mut Mail) -> Heard {
    let heard = tokio::time::timeout(Duration::from_secs(10), mail.next()).await;
    heard.expect("nothing comes").expect("the stream is broken").expect("the stream has ended")
}

/// Returns the next message, as JSON.
async fn said(mail: &mut Mail) -> Value {
    read(&next(mail).await.body)
}

/// Returns why the next message does not come.
async fn broken(mail: &mut Mail) -> Denied {
    let heard = tokio::time::timeout(Duration::from_secs(10), mail.next()).await;
    heard.expect("nothing comes").unwrap_err()
}

/// Returns whether no message comes for a while.
async fn is_silent(mail: &mut Mail) -> bool {
    tokio::time::timeout(Duration::from_millis(300), mail.next()).await.is_err()
}

async fn becomes(what: &str, limit: Duration, is: impl Fn() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < limit, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns whether a process runs; a zombie does not.
fn runs(pid: &Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

async fn all_end(programs: &Programs, limit: Duration) {
    becomes("children are left", limit, || programs.living() == 0).await;
}
