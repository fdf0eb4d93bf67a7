//! The sequence of a login, from the startup packet to the first `ReadyForQuery` (manual, "Start-up").

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::domain::Secret;
use crate::domain::connection::Weaker;
use crate::protocol::postgres::login::EndPoint;
use crate::protocol::postgres::login::LoginError;
use crate::protocol::postgres::login::Proof;
use crate::protocol::postgres::login::Ready;
use crate::protocol::postgres::login::Version;
use crate::protocol::postgres::login::body::Body;
use crate::protocol::postgres::login::body::answer;
use crate::protocol::postgres::login::error;
use crate::protocol::postgres::login::password;
use crate::protocol::postgres::login::ready;
use crate::protocol::postgres::login::ready::Greeting;
use crate::protocol::postgres::login::scram;
use crate::protocol::postgres::login::scram::Binding;
use crate::protocol::postgres::login::scram::Expected;
use crate::protocol::postgres::login::scram::Opening;

/// The most messages of a whole login. PostgreSQL sends some 20.
pub const MAX_MESSAGES: usize = 256;
/// The most bytes of all bodies of a login. PostgreSQL sends some 500.
pub const MAX_BYTES: usize = 256 << 10;

/// The codes of authentication messages (manual, "Message Formats", Authentication…).
mod ask {
    pub(super) const OK: u32 = 0;
    pub(super) const KERBEROS_V5: u32 = 2;
    pub(super) const CLEARTEXT_PASSWORD: u32 = 3;
    pub(super) const MD5_PASSWORD: u32 = 5;
    pub(super) const SCM_CREDENTIAL: u32 = 6;
    pub(super) const GSS: u32 = 7;
    pub(super) const GSS_CONTINUE: u32 = 8;
    pub(super) const SSPI: u32 = 9;
    pub(super) const SASL: u32 = 10;
    pub(super) const SASL_CONTINUE: u32 = 11;
    pub(super) const SASL_FINAL: u32 = 12;
}

/// Returns the longest body of a message of this type in a login, in bytes; `None` for a type that may not
/// come in one. The bounds of authentication messages and errors are those of libpq. Ask before reading a
/// body.
pub const fn max_body(kind: u8) -> Option<usize> {
    match kind {
        b'R' | b'v' => Some(2000),
        b'E' | b'N' => Some(30_000),
        // The process id, and the key.
        b'K' => Some(4_usize.saturating_add(ready::MAX_KEY)),
        b'S' => Some(16 << 10),
        b'Z' => Some(1),
        _ => None,
    }
}

/// The gateway's credential. `Debug` does not show it.
pub struct Credential {
    /// The user in the startup packet.
    pub user: String,
    /// What authenticates the user.
    pub means: Means,
}

/// What authenticates the user.
pub enum Means {
    /// Nothing but the TLS client certificate.
    Certificate {
        /// Whether the target has asked for the certificate and seen it. If it has not, its acceptance proves
        /// nothing.
        shown: bool,
    },
    /// A password, as bytes.
    Password(Arc<Secret>),
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Means(..)")
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// The channel of the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// A stream without TLS.
    Plain,
    /// TLS with a verified certificate, and the hash to bind to; `None` if [`EndPoint::of`] found none.
    Tls(Option<EndPoint>),
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Send this whole message, and read on. It may contain the password.
    Send(Secret),
    /// Read on.
    Wait,
    /// The login has succeeded, and the session is ready.
    Done(Ready),
}

/// One login. It begins when the startup packet has been sent, and takes each message of the server until it
/// succeeds or fails; then it is over.
pub struct Login {
    credential: Credential,
    channel: Channel,
    weaker: Weaker,
    version: Version,
    state: State,
    messages: usize,
    bytes: usize,
    notices: usize,
}

/// The state of a login, with the data that only this state has.
enum State {
    /// The startup packet was sent.
    Started {
        /// Whether the server has negotiated the version.
        negotiated: bool,
    },
    /// The client's first SCRAM message was sent.
    Opened(Opening),
    /// The client's last SCRAM message was sent: the server has to prove itself.
    Answered(Expected, Proof),
    /// Everything that this method can prove is proved: only `AuthenticationOk` may follow.
    Proved(Proof),
    /// `AuthenticationOk` came.
    Greeted(Greeting),
    /// It has succeeded or failed.
    Over,
}

/// The state after a message, and what to do next.
type Next = (State, Step);

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

impl Login {
    /// Creates a login whose startup packet asked for `version`, without protocol options (`_pq_.…`).
    pub fn new(credential: Credential, channel: Channel, weaker: Weaker, version: Version) -> Self {
        let state = State::Started { negotiated: false };
        Self { credential, channel, weaker, version, state, messages: 0, bytes: 0, notices: 0 }
    }

    /// Takes the next message of the server: its type, and its body without type and length. The last SCRAM
    /// message costs up to [`MAX_ITERATIONS`](scram::MAX_ITERATIONS) rounds of hashing, some 100 ms of the
    /// calling thread; usually 4096, some 4 ms.
    ///
    /// # Errors
    /// The message is malformed, not due, or lacks the required proof; the server refuses the login; or the
    /// login has ended.
    pub fn next(&mut self, kind: u8, body: &[u8]) -> Result<Step, LoginError> {
        // Whatever goes wrong below, the login is over.
        let state = mem::replace(&mut self.state, State::Over);
        if matches!(state, State::Over) {
            return Err(LoginError::Over);
        }
        self.count(kind, body)?;
        let (state, step) = self.take(kind, state, body)?;
        self.state = state;
        Ok(step)
    }

    /// Returns the state that a message leads to.
    fn take(&mut self, kind: u8, state: State, body: &[u8]) -> Result<Next, LoginError> {
        match (kind, state) {
            (b'E', _) => Err(error::refused(body)),
            (b'N', state) => {
                self.notices = self.notices.saturating_add(1);
                Ok((state, Step::Wait))
            }
            (b'R', state) => self.authenticate(state, body),
            (b'v', State::Started { negotiated: false }) => self.negotiate(body),
            (b'S', State::Greeted(mut greeting)) => {
                greeting.parameter(body)?;
                Ok((State::Greeted(greeting), Step::Wait))
            }
            (b'K', State::Greeted(mut greeting)) => {
                greeting.key(body, self.version)?;
                Ok((State::Greeted(greeting), Step::Wait))
            }
            (b'Z', State::Greeted(greeting)) => {
                let ready = greeting.ready(body, self.version, self.notices)?;
                Ok((State::Over, Step::Done(ready)))
            }
            _ => Err(LoginError::Order { kind }),
        }
    }

    /// Checks each message against the bounds.
    fn count(&mut self, kind: u8, body: &[u8]) -> Result<(), LoginError> {
        let most = max_body(kind).ok_or(LoginError::Order { kind })?;
        if body.len() > most {
            return Err(LoginError::TooLong { kind });
        }
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(body.len());
        if self.messages > MAX_MESSAGES || self.bytes > MAX_BYTES { Err(LoginError::TooMuch) } else { Ok(()) }
    }

    /// Takes a `NegotiateProtocolVersion`: the newest version that the server speaks, and the options that it
    /// does not know. No option was sent, so it can only lower the version.
    fn negotiate(&mut self, body: &[u8]) -> Result<Next, LoginError> {
        let mut body = Body(body);
        let (Some(newest), Some(unknown)) = (body.int32(), body.int32()) else {
            return Err(LoginError::Malformed { kind: b'v' });
        };
        match Version::read(newest) {
            Some(newest) if newest < self.version && unknown == 0 && body.end().is_some() => {
                self.version = newest;
                Ok((State::Started { negotiated: true }, Step::Wait))
            }
            _ => Err(LoginError::Version),
        }
    }

    /// Takes a message of type `R`.
    fn authenticate(&self, state: State, body: &[u8]) -> Result<Next, LoginError> {
        let malformed = LoginError::Malformed { kind: b'R' };
        let mut body = Body(body);
        let asked = body.int32().ok_or(malformed)?;
        match (asked, state) {
            (ask::OK, State::Proved(proof)) => {
                body.end().ok_or(malformed)?;
                Ok((State::Greeted(Greeting::new(proof)), Step::Wait))
            }
            (ask::OK, State::Started { .. })
                if matches!(self.credential.means, Means::Certificate { shown: true }) =>
            {
                body.end().ok_or(malformed)?;
                Ok((State::Greeted(Greeting::new(Proof::Certificate)), Step::Wait))
            }
            (ask::OK, State::Started { .. }) if self.weaker.accept_trust => {
                body.end().ok_or(malformed)?;
                Ok((State::Greeted(Greeting::new(Proof::Trust)), Step::Wait))
            }
            (ask::OK, State::Started { .. }) => Err(not_accepted("no proof at all", "accept_trust")),
            (ask::CLEARTEXT_PASSWORD | ask::MD5_PASSWORD | ask::SASL, State::Started { .. })
                if matches!(self.credential.means, Means::Certificate { .. }) =>
            {
                Err(LoginError::NoPassword)
            }
            (ask::OK, State::Opened(_) | State::Answered(..)) => Err(LoginError::Unproved),
            (ask::CLEARTEXT_PASSWORD, State::Started { .. }) => self.send_cleartext(body),
            (ask::MD5_PASSWORD, State::Started { .. }) => self.send_md5(body),
            (ask::SASL, State::Started { .. }) => self.open_scram(body),
            (ask::SASL_CONTINUE, State::Opened(opening)) => self.answer_scram(opening, body.0),
            (ask::SASL_FINAL, State::Answered(expected, proof)) => {
                expected.check(body.0)?;
                Ok((State::Proved(proof), Step::Wait))
            }
            (ask::SASL_CONTINUE | ask::SASL_FINAL, _) => Err(LoginError::Order { kind: b'R' }),
            (asked, State::Started { .. }) => {
                Err(foreign(asked).map_or(malformed, |asked| LoginError::Unsupported { asked }))
            }
            _ => Err(LoginError::Order { kind: b'R' }),
        }
    }

    fn password(&self) -> Result<&Secret, LoginError> {
        match &self.credential.means {
            Means::Password(password) => Ok(password),
            Means::Certificate { .. } => Err(LoginError::NoPassword),
        }
    }

    fn send_cleartext(&self, body: Body<'_>) -> Result<Next, LoginError> {
        if !self.weaker.accept_cleartext {
            return Err(not_accepted("the password in clear", "accept_cleartext"));
        }
        if self.channel == Channel::Plain {
            return Err(LoginError::ClearWithoutTls);
        }
        body.end().ok_or(LoginError::Malformed { kind: b'R' })?;
        let password = without_zero(self.password()?.expose())?;
        let step = send(&[password, b"\0"])?;
        Ok((State::Proved(Proof::Cleartext), step))
    }

    fn send_md5(&self, body: Body<'_>) -> Result<Next, LoginError> {
        if !self.weaker.accept_md5 {
            return Err(not_accepted("an answer by MD5", "accept_md5"));
        }
        let salt = body.0.try_into().map_err(|_length| LoginError::Malformed { kind: b'R' })?;
        let answer = password::md5(self.credential.user.as_bytes(), self.password()?.expose(), salt);
        Ok((State::Proved(Proof::Md5), send(&[answer.as_bytes(), b"\0"])?))
    }

    /// Takes an `AuthenticationSASL`: the names of the mechanisms, up to an empty one. The one with channel
    /// binding is chosen wherever possible.
    fn open_scram(&self, mut body: Body<'_>) -> Result<Next, LoginError> {
        let (mut plain, mut plus) = (false, false);
        loop {
            match body.string().ok_or(LoginError::Malformed { kind: b'R' })? {
                b"" => break,
                scram::SCRAM => plain = true,
                scram::SCRAM_PLUS => plus = true,
                _ => {}
            }
        }
        body.end().ok_or(LoginError::Malformed { kind: b'R' })?;
        let (mechanism, binding) = match (&self.channel, plus, plain) {
            (Channel::Plain, true, _) => return Err(LoginError::PlusWithoutTls),
            (Channel::Tls(Some(end_point)), true, _) => {
                (scram::SCRAM_PLUS, Binding::EndPoint(end_point.clone()))
            }
            (Channel::Tls(Some(_)), false, true) => (scram::SCRAM, Binding::NotOffered),
            (Channel::Plain, false, true) | (Channel::Tls(None), _, true) => {
                (scram::SCRAM, Binding::Impossible)
            }
            (Channel::Tls(None), true, false) => return Err(LoginError::BindingImpossible),
            (_, false, false) => return Err(LoginError::NoMechanism),
        };
        let opening = Opening::new(binding);
        let message = opening.message();
        let length = i32::try_from(message.len()).map_err(|_length| LoginError::CredentialUnusable)?;
        let step = send(&[mechanism, b"\0", &length.to_be_bytes(), message.as_bytes()])?;
        Ok((State::Opened(opening), step))
    }

    fn answer_scram(&self, opening: Opening, server_first: &[u8]) -> Result<Next, LoginError> {
        let bound = opening.is_bound();
        let password = password::prepared(self.password()?.expose());
        let answer = opening.answer(server_first, &password)?;
        let proof = Proof::Scram { bound, iterations: answer.iterations };
        Ok((State::Answered(answer.expected, proof), send(&[answer.message.as_bytes()])?))
    }
}

/// Returns the step that sends a message of these parts.
fn send(parts: &[&[u8]]) -> Result<Step, LoginError> {
    answer(parts).map(Step::Send).ok_or(LoginError::CredentialUnusable)
}

/// Checks that a text, which is sent with a terminating zero, contains none.
fn without_zero(text: &[u8]) -> Result<&[u8], LoginError> {
    if text.contains(&0) { Err(LoginError::CredentialUnusable) } else { Ok(text) }
}

fn not_accepted(asked: &'static str, setting: &'static str) -> LoginError {
    LoginError::NotAccepted { asked, setting }
}

/// Returns the words for a login method that is not supported; `None` if the manual has none with this code.
fn foreign(asked: u32) -> Option<&'static str> {
    match asked {
        ask::KERBEROS_V5 => Some("Kerberos"),
        ask::SCM_CREDENTIAL => Some("a credential of the operating system"),
        ask::GSS | ask::GSS_CONTINUE => Some("GSSAPI"),
        ask::SSPI => Some("SSPI"),
        _ => None,
    }
}
