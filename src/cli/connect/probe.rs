//! Probes a server from this machine: whether it answers, whether TLS works, and its clock.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use crate::domain::connection::Connection;
use crate::domain::connection::Protocol;
use crate::domain::connection::mcp::Program;
use crate::protocol::postgres::wire::opening::write_ssl_request;
use crate::transport::tls;

/// The server to probe.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Host name or address, without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The protocol of the server.
    pub protocol: Protocol,
    /// Whether it uses TLS.
    pub tls: bool,
    /// Certificate authorities, instead of the platform's.
    pub ca_file: Option<&'a Path>,
    /// Timeout of each step.
    pub timeout: Duration,
}

/// A stream to a server, encrypted or not.
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

/// Maximum length of a response head in bytes.
const HEAD_MAX: usize = 32 << 10;

/// Finds a program that the gateway would start: by its path, or in the `PATH` of this process.
///
/// # Errors
/// It does not exist, or is not executable.
pub fn find(program: &Program) -> Result<PathBuf, String> {
    find_named(&program.name)
}

/// Finds a program like [`find`], by name.
///
/// # Errors
/// As [`find`].
pub fn find_named(name: &str) -> Result<PathBuf, String> {
    let can_run = |path: &Path| {
        let found = std::fs::metadata(path);
        found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let name = Path::new(name);
    if name.is_absolute() {
        return if can_run(name) {
            Ok(name.to_owned())
        } else {
            Err("no program that can be run is there".to_owned())
        };
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut paths = std::env::split_paths(&folders).map(|folder| folder.join(name));
    paths.find(|path| can_run(path)).ok_or_else(|| "PATH finds no such program".to_owned())
}

impl<'a> Target<'a> {
    /// Returns the target of a connection that has an address; each step is limited by `timeout`.
    pub fn of(connection: &'a Connection, timeout: Duration) -> Self {
        let upstream = &connection.upstream;
        Self {
            host: &upstream.host,
            port: upstream.port,
            protocol: upstream.protocol,
            tls: upstream.tls,
            ca_file: connection.ca_file.as_deref(),
            timeout,
        }
    }
}

impl Target<'_> {
    /// Opens a stream as the gateway would: DNS, TCP, TLS. Does not log in.
    ///
    /// # Errors
    /// Which step failed, as text.
    pub fn reach(&self) -> Result<Stream, String> {
        match self.protocol {
            Protocol::Http | Protocol::Mcp => self.open(&[b"h2", b"http/1.1"]),
            Protocol::Postgres => self.open(&[b"postgresql"]),
        }
    }

    /// Opens a stream, offering these protocols in the TLS handshake (ALPN).
    ///
    /// # Errors
    /// Which step failed, as text.
    pub fn open(&self, alpn: &[&[u8]]) -> Result<Stream, String> {
        let addresses: Vec<_> = (self.host, self.port)
            .to_socket_addrs()
            .map_err(|error| format!("its address is not to be found: {error}"))?
            .collect();
        let mut refused = "it has no address".to_owned();
        let connect = |address| TcpStream::connect_timeout(address, self.timeout);
        let tcp = addresses
            .iter()
            .find_map(|address| connect(address).map_err(|error| refused = error.to_string()).ok());
        let tcp = tcp.ok_or(refused)?;
        let timeout = Some(self.timeout);
        tcp.set_read_timeout(timeout)
            .and_then(|()| tcp.set_write_timeout(timeout))
            .map_err(|error| error.to_string())?;
        if !self.tls {
            return Ok(Stream::Plain(tcp));
        }
        let config = tls::client_config(self.ca_file, alpn).map_err(|error| error.to_string())?;
        let name = rustls::pki_types::ServerName::try_from(self.host.to_owned())
            .map_err(|error| error.to_string())?;
        let mut tcp = tcp;
        if self.protocol == Protocol::Postgres {
            ask_for_tls(&mut tcp)?;
        }
        let mut session =
            rustls::ClientConnection::new(Arc::clone(&config), name).map_err(|error| error.to_string())?;
        while session.is_handshaking() {
            session.complete_io(&mut tcp).map_err(|error| format!("TLS does not hold: {error}"))?;
        }
        Ok(Stream::Tls(Box::new(rustls::StreamOwned::new(session, tcp))))
    }

    /// Returns the server's time according to its responses (RFC 9110, 6.6.1), in milliseconds since 1970;
    /// `None` if it sends none.
    ///
    /// # Errors
    /// It does not answer.
    pub fn date(&self, path: &str) -> Result<Option<i64>, String> {
        let mut stream = self.open(&[b"http/1.1"])?;
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_owned() };
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\n\r\n", self.port);
        stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
        let mut head = Vec::new();
        let mut part = [0; 2048];
        while head.len() < HEAD_MAX && !head.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(length) => head.extend_from_slice(part.get(..length).unwrap_or_default()),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(date_of(&String::from_utf8_lossy(&head)))
    }
}

/// Asks a PostgreSQL server to begin TLS. It answers with one byte, and no plaintext may follow: it would be
/// taken for a part of the handshake, which then fails.
fn ask_for_tls(tcp: &mut TcpStream) -> Result<(), String> {
    let (mut request, mut answer) = (BytesMut::new(), [0]);
    write_ssl_request(&mut request);
    tcp.write_all(&request)
        .and_then(|()| tcp.read_exact(&mut answer))
        .map_err(|error| format!("it does not say whether it speaks TLS: {error}"))?;
    match answer {
        [b'S'] => Ok(()),
        [b'N'] => Err("it does not speak TLS: switch it on there, or write ?sslmode=disable".to_owned()),
        [b'E'] => Err("it refuses to speak with this machine".to_owned()),
        _ => Err("it does not speak PostgreSQL".to_owned()),
    }
}

/// Parses the `Date` of a response head.
fn date_of(head: &str) -> Option<i64> {
    let value = head
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("date"))?
        .1;
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
    Some(time.as_millisecond())
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn target(port: u16) -> Target<'static> {
        Target {
            host: "127.0.0.1",
            port,
            protocol: Protocol::Http,
            tls: false,
            ca_file: None,
            timeout: Duration::from_secs(5),
        }
    }

    #[test]
    fn the_time_of_a_server_is_read_from_its_head_only() {
        assert_eq!(
            date_of("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"),
            Some(784_111_777_000)
        );
        assert_eq!(date_of("HTTP/1.1 200 OK\r\nX: y\r\n\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), None);
        assert_eq!(date_of("HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n"), None);
    }

    #[test]
    fn a_port_without_a_listener_is_an_error_and_one_with_is_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(target(port).open(&[]).is_ok());
        drop(listener);
        assert!(target(port).open(&[]).is_err());
    }

    #[test]
    fn a_server_without_tls_does_not_pass_for_one_with() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        });
        assert!(Target { tls: true, ..target(port) }.open(&[]).is_err());
    }

    /// Returns the client's result if a PostgreSQL server gives this answer to a request for TLS.
    fn answered(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 8];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(answer).unwrap();
            let mut more = Vec::new();
            // The client closes once it has read enough.
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            stream.read_to_end(&mut more).ok();
            (asked, more)
        });
        let target = Target { protocol: Protocol::Postgres, tls: true, ..target(port) };
        let error = target.reach().err().unwrap();
        let (asked, more) = server.join().unwrap();
        assert_eq!(asked, [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
        // No handshake is sent to a server that did not agree.
        assert_eq!(more.is_empty(), !answer.starts_with(b"S"), "{answer:?}");
        error
    }

    #[test]
    fn a_database_is_asked_for_tls_and_only_a_whole_handshake_is_an_answer() {
        for (answer, error) in [
            (&b"N"[..], "it does not speak TLS"),
            (b"E", "it refuses"),
            (b"HTTP/1.1 400 Bad Request", "it does not speak PostgreSQL"),
            (b"", "it does not say"),
            (b"S", "TLS does not hold"),
            // Bytes injected before the handshake are not taken for the server's.
            (b"SR\0\0\0\x08\0\0\0\0", "TLS does not hold"),
        ] {
            let found = answered(answer);
            assert!(found.starts_with(error), "{answer:?}: {found}");
        }
    }
}
