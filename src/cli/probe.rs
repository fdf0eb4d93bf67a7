//! Looking at a server from this machine: does it answer, does TLS hold, what time does it think it is.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::net::ToSocketAddrs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::transport::tls;

/// What to look at.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Host name or address, without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Certificate authorities in place of the platform's.
    pub ca_file: Option<&'a Path>,
    /// How long each step may take.
    pub timeout: Duration,
}

/// A stream to a server, encrypted or not.
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

/// The most that is read of a reply's head, in bytes.
const HEAD_MAX: usize = 32 << 10;

impl Target<'_> {
    /// Opens a stream as the gateway would: name, TCP, TLS.
    ///
    /// # Errors
    /// Which step failed, in words.
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
        let mut session =
            rustls::ClientConnection::new(Arc::clone(&config), name).map_err(|error| error.to_string())?;
        while session.is_handshaking() {
            session.complete_io(&mut tcp).map_err(|error| format!("TLS does not hold: {error}"))?;
        }
        Ok(Stream::Tls(Box::new(rustls::StreamOwned::new(session, tcp))))
    }

    /// The time that the server sends with its replies (RFC 9110, 6.6.1), in milliseconds since 1970; `None`: it sends
    /// none.
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

/// The `Date` of a reply's head.
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
        Target { host: "127.0.0.1", port, tls: false, ca_file: None, timeout: Duration::from_secs(5) }
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
}
