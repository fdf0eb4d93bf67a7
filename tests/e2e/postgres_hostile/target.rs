//! A target that lies: it lets everybody in, knows one table, and answers each query with whatever bytes the test has for it.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

/// What a masked column would give.
pub const VALUE: &str = "078-05-1120";
/// The table `customers (id int, ssn text)`.
const TABLE: u32 = 16_400;
const INT: u32 = 23;
const TEXT: u32 = 25;
const CANCEL: u32 = 80_877_102;

/// Answers a query: writes what it likes to the stream; an error ends the connection.
pub type Play = dyn Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// The server.
pub struct FakeTarget {
    pub port: u16,
    /// What it was sent: the types of messages, and `!` for a cancel request.
    heard: Arc<Mutex<String>>,
}

impl FakeTarget {
    /// Listens until the test is over.
    pub fn start(play: Box<Play>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard: Arc<Mutex<String>> = Arc::default();
        let (play, note): (Arc<Play>, _) = (play.into(), Arc::clone(&heard));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (play, note) = (Arc::clone(&play), Arc::clone(&note));
                thread::spawn(move || serve(stream, &play, &note));
            }
        });
        Self { port, heard }
    }

    /// What clients' sessions have sent, since this was last asked.
    pub fn heard(&self) -> String {
        std::mem::take(&mut *self.heard.lock().unwrap())
    }

    /// A connection to it, with more lines.
    pub fn connection(&self, name: &str, more: &str) -> String {
        format!(
            "[[connection]]\nname = \"{name}\"\nupstream = \"postgres://127.0.0.1:{}/postgres?sslmode=disable\"\n\
             inject = \"password:gateway:env:DB_PASSWORD\"\n{more}\n",
            self.port
        )
    }
}

fn serve(mut stream: TcpStream, play: &Arc<Play>, heard: &Mutex<String>) -> Option<()> {
    let startup = packet(&mut stream)?;
    if startup.starts_with(&CANCEL.to_be_bytes()) {
        heard.lock().unwrap().push('!');
        return None;
    }
    let own = startup.windows(8).any(|word| word == b"\0hoopctl");
    if startup.windows(8).any(|word| word == b"\0forgets") {
        // A pool that leaves out what its sessions should begin with.
        stream.write_all(&message(b'R', &[0; 4])).ok()?;
        stream.write_all(&message(b'S', b"default_transaction_read_only\0off\0")).ok()?;
        stream.write_all(login().get(9..)?).ok()?;
    } else {
        stream.write_all(&login()).ok()?;
    }
    let mut series = String::new();
    loop {
        let mut tag = [0];
        stream.read_exact(&mut tag).ok()?;
        let body = packet(&mut stream)?;
        let text = |from: usize| {
            let rest = body.get(from..).unwrap_or_default();
            String::from_utf8_lossy(rest.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
        };
        if own {
            stream.write_all(&catalogue(&text(0))).ok()?;
            continue;
        }
        heard.lock().unwrap().push(char::from(tag[0]));
        let asked = match tag[0] {
            b'Q' => text(0),
            // Of the unnamed statement; its series is answered as a whole.
            b'P' => {
                series = text(1);
                continue;
            }
            b'S' => std::mem::take(&mut series),
            b'X' => "terminate".to_owned(),
            _ => continue,
        };
        play(&asked, &mut stream).ok()?;
    }
}

/// The body of what begins with a length.
fn packet(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut body = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap().checked_sub(4)?];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

/// In without a password.
fn login() -> Vec<u8> {
    let status = |name: &str, value: &str| message(b'S', format!("{name}\0{value}\0").as_bytes());
    [
        message(b'R', &[0; 4]),
        status("client_encoding", "UTF8"),
        status("standard_conforming_strings", "on"),
        message(b'K', &[0, 0, 0, 7, 1, 2, 3, 4]),
        ready(),
    ]
    .concat()
}

/// What the gateway's own session learns: there is one table.
fn catalogue(question: &str) -> Vec<u8> {
    let table = TABLE.to_string();
    let column = |number: &str, name: &str| {
        let cells = [&table, "public", "customers", "r", number, name].map(|cell| Some(cell.as_bytes()));
        row(&[&cells[..], &[None, Some(b"f")]].concat())
    };
    let rows = if question.contains("c.relkind IN") && !question.contains("pg_inherits") {
        [description(&[("x", 0, 0, TEXT); 8]), column("1", "id"), column("2", "ssn")].concat()
    } else {
        Vec::new()
    };
    [rows, complete("SELECT"), ready()].concat()
}

/// A message of this type.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    raw(tag, i32::try_from(body.len() + 4).unwrap(), body)
}

/// The same, with any length.
pub fn raw(tag: u8, length: i32, body: &[u8]) -> Vec<u8> {
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

pub fn row(cells: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = u16::try_from(cells.len()).unwrap().to_be_bytes().to_vec();
    for cell in cells {
        match cell {
            None => body.extend_from_slice(&(-1_i32).to_be_bytes()),
            Some(cell) => {
                body.extend_from_slice(&i32::try_from(cell.len()).unwrap().to_be_bytes());
                body.extend_from_slice(cell);
            }
        }
    }
    message(b'D', &body)
}

/// A row of texts.
pub fn texts(cells: &[&str]) -> Vec<u8> {
    let cells: Vec<Option<&[u8]>> = cells.iter().map(|cell| Some(cell.as_bytes())).collect();
    row(&cells)
}

/// Columns: name, table, number in it, type.
pub fn description(columns: &[(&str, u32, i16, u32)]) -> Vec<u8> {
    let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for (name, table, number, data_type) in columns {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(&table.to_be_bytes());
        body.extend_from_slice(&number.to_be_bytes());
        body.extend_from_slice(&data_type.to_be_bytes());
        body.extend_from_slice(&(-1_i16).to_be_bytes());
        body.extend_from_slice(&(-1_i32).to_be_bytes());
        body.extend_from_slice(&0_i16.to_be_bytes());
    }
    message(b'T', &body)
}

/// `id`, which is not masked.
pub fn id() -> Vec<u8> {
    description(&[("id", TABLE, 1, INT)])
}

/// `id, ssn`.
pub fn both() -> Vec<u8> {
    description(&[("id", TABLE, 1, INT), ("ssn", TABLE, 2, TEXT)])
}

pub fn complete(tag: &str) -> Vec<u8> {
    message(b'C', format!("{tag}\0").as_bytes())
}

pub fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// An error or notice with these fields.
pub fn report(tag: u8, severity: &str, code: &str, words: &str) -> Vec<u8> {
    message(tag, format!("S{severity}\0V{severity}\0C{code}\0M{words}\0\0").as_bytes())
}
