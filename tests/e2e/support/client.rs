//! An HTTP/1.1 client that sends exactly the given bytes, one by one if need be.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// A connection to a gateway.
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body ended properly.
    pub whole: bool,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// Returns the stable code of a refusal.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code in {}", self.text())).to_owned()
    }
}

impl Client {
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Connects from another address of this machine.
    pub fn connect_from(source: std::net::Ipv4Addr, port: u16) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&std::net::SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    pub fn set_patience(&self, patience: Duration) {
        self.stream.get_ref().set_read_timeout(Some(patience)).unwrap();
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes. Returns whether it worked: the peer may have closed already.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.get_mut().write_all(bytes.as_ref()).is_ok()
    }

    /// Reads one line without its end; `None` at the end of the stream.
    pub fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()),
        }
    }

    /// Reads the head of a response.
    pub fn head(&mut self) -> Reply {
        self.try_head().expect("the gateway closed the stream without a response")
    }

    pub fn try_head(&mut self) -> Option<Reply> {
        let first = self.line()?;
        let status = first.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if status == 100 {
            return self.try_head();
        }
        Some(Reply { status, headers, body: Vec::new(), whole: true })
    }

    /// Reads one whole response.
    pub fn reply(&mut self) -> Reply {
        let mut reply = self.head();
        self.read_body(&mut reply);
        reply
    }

    pub fn try_reply(&mut self) -> Option<Reply> {
        let mut reply = self.try_head()?;
        self.read_body(&mut reply);
        Some(reply)
    }

    /// Reads the body announced by a head.
    pub fn read_body(&mut self, reply: &mut Reply) {
        if matches!(reply.status, 204 | 304) {
            return;
        }
        if reply.header("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk() {
                if chunk.is_empty() {
                    return;
                }
                reply.body.extend(chunk);
            }
            reply.whole = false;
        } else if let Some(length) = reply.header("content-length") {
            let length: usize = length.parse().unwrap();
            let read = self.stream.by_ref().take(length as u64).read_to_end(&mut reply.body);
            reply.whole = read.is_ok() && reply.body.len() == length;
        } else {
            reply.whole = self.stream.read_to_end(&mut reply.body).is_ok();
        }
    }

    /// Reads one chunk; empty at the proper end, `None` at an improper one.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = usize::from_str_radix(&self.line()?, 16).ok()?;
        let mut chunk = vec![0; size];
        self.stream.read_exact(&mut chunk).ok()?;
        if size == 0 {
            while !self.line()?.is_empty() {}
            return Some(Vec::new());
        }
        self.line()?;
        Some(chunk)
    }

    /// Fills a buffer from the stream.
    pub fn exact(&mut self, into: &mut [u8]) {
        self.stream.read_exact(into).unwrap();
    }

    pub fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).ok()?;
        Some(byte[0])
    }

    /// Returns whether the peer has closed the connection.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.stream.read(&mut byte), Ok(0) | Err(_))
    }
}

/// Formats a request. A `body` gets a Content-Length header.
#[expect(clippy::format_push_string, reason = "a test reads better so")]
pub fn request(
    method: &str,
    path: &str,
    token: Option<&str>,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: gateway\r\n");
    if let Some(token) = token {
        text += &format!("Authorization: Bearer {token}\r\n");
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text.push_str("\r\n");
    text.push_str(body.unwrap_or_default());
    text
}
