//! The types of messages: the byte that begins each, when it may be sent, and how long it may be.

use std::fmt;

/// The greatest length of a large message: 1 GiB - 1, like PostgreSQL's largest allocation.
pub const LONGEST: u32 = (1 << 30) - 1;
/// The greatest length of a client's small message, like PostgreSQL's `PQ_SMALL_MESSAGE_LIMIT`.
pub const SMALL_FROM_CLIENT: u32 = 10_000;
/// The greatest length of a server's small message; libpq takes a longer one for a broken stream.
pub const SMALL_FROM_SERVER: u32 = 30_000;
/// The greatest length of a password or SASL message, like PostgreSQL's `PG_MAX_AUTH_TOKEN_LENGTH`.
pub const LONGEST_PASSWORD: u32 = 65_535;

/// The stage of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The login: for a client until `AuthenticationOk`, for a server until its first `ReadyForQuery`.
    Login,
    /// The session after that.
    Session,
}

impl Stage {
    /// Returns the stage in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Login => "while logging in",
            Self::Session => "in a session",
        }
    }
}

/// The size class of a message type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The length is at most this, and the message is always given whole.
    Small(u32),
    /// Something that a client wants done, at most [`LONGEST`]. It must be judged as a whole.
    Statement,
    /// Something that may pass in pieces, at most [`LONGEST`].
    Data,
}

impl Size {
    /// Returns the greatest length.
    pub const fn most(self) -> u32 {
        match self {
            Self::Small(most) => most,
            Self::Statement | Self::Data => LONGEST,
        }
    }
}

/// The type of a message: [`FrontTag`] for a client's messages, [`BackTag`] for a server's.
pub trait Tag: Copy + Eq + fmt::Debug {
    /// The sender: `client` or `server`.
    const SENDER: &'static str;

    /// Returns the type that begins with this byte, if it may be sent at this stage.
    fn of(byte: u8, stage: Stage) -> Option<Self>;

    /// Returns the byte that begins it.
    fn byte(self) -> u8;

    /// Returns its name in the manual.
    fn name(self) -> &'static str;

    /// Returns its size class.
    fn size(self) -> Size;
}

/// The stages at which a message may be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Login,
    Session,
    Always,
}

impl When {
    fn covers(self, stage: Stage) -> bool {
        match self {
            Self::Always => true,
            Self::Login => stage == Stage::Login,
            Self::Session => stage == Stage::Session,
        }
    }
}

/// One line for each type: doc, name, byte, stage, size.
macro_rules! tags {
    ($(#[$about:meta])* $tags:ident, $sender:literal: $($(#[$doc:meta])* $name:ident $byte:literal $when:ident $size:expr,)*) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $tags {
            $($(#[$doc])* $name,)*
        }

        impl $tags {
            /// All types.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }

        impl Tag for $tags {
            const SENDER: &'static str = $sender;

            fn of(byte: u8, stage: Stage) -> Option<Self> {
                let (tag, when) = match byte {
                    $($byte => (Self::$name, When::$when),)*
                    _ => return None,
                };
                when.covers(stage).then_some(tag)
            }

            fn byte(self) -> u8 {
                match self {
                    $(Self::$name => $byte,)*
                }
            }

            fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            fn size(self) -> Size {
                match self {
                    $(Self::$name => $size,)*
                }
            }
        }
    };
}

tags! {
    /// The types of a client's messages after its startup packet (PostgreSQL 18 manual, 54.7).
    FrontTag, "client":
    /// The parameter values for a prepared statement, which create a portal.
    Bind b'B' Session Size::Statement,
    /// Closes a prepared statement or portal.
    Close b'C' Session Size::Small(SMALL_FROM_CLIENT),
    /// A part of data that is copied in.
    CopyData b'd' Session Size::Data,
    /// The end of data that is copied in.
    CopyDone b'c' Session Size::Small(SMALL_FROM_CLIENT),
    /// The client aborts a copy in.
    CopyFail b'f' Session Size::Small(SMALL_FROM_CLIENT),
    /// Asks for the description of a prepared statement or portal.
    Describe b'D' Session Size::Small(SMALL_FROM_CLIENT),
    /// Runs a portal.
    Execute b'E' Session Size::Small(SMALL_FROM_CLIENT),
    /// Asks for the replies so far.
    Flush b'H' Session Size::Small(SMALL_FROM_CLIENT),
    /// Calls a function by its oid, without SQL.
    FunctionCall b'F' Session Size::Statement,
    /// SQL with one statement, to be prepared.
    Parse b'P' Session Size::Statement,
    /// A password, or a step of SASL or GSSAPI.
    Password b'p' Login Size::Small(LONGEST_PASSWORD),
    /// SQL with any number of statements, to be run.
    Query b'Q' Session Size::Statement,
    /// Ends a series of extended query messages.
    Sync b'S' Session Size::Small(SMALL_FROM_CLIENT),
    /// Ends the session.
    Terminate b'X' Session Size::Small(SMALL_FROM_CLIENT),
}

tags! {
    /// The types of a server's messages (PostgreSQL 18 manual, 54.7). Those of a login are unknown in a
    /// session: a server that asked for a password there would get the client's.
    BackTag, "server":
    /// A step of the login.
    Authentication b'R' Login Size::Small(SMALL_FROM_SERVER),
    /// The key for cancel requests.
    BackendKeyData b'K' Login Size::Small(SMALL_FROM_SERVER),
    /// The reply to a `Bind`.
    BindComplete b'2' Session Size::Small(SMALL_FROM_SERVER),
    /// The reply to a `Close`.
    CloseComplete b'3' Session Size::Small(SMALL_FROM_SERVER),
    /// A statement completed.
    CommandComplete b'C' Session Size::Small(SMALL_FROM_SERVER),
    /// A copy in both directions begins; replication only.
    CopyBothResponse b'W' Session Size::Small(SMALL_FROM_SERVER),
    /// A part of data that is copied out.
    CopyData b'd' Session Size::Data,
    /// The end of data that is copied out.
    CopyDone b'c' Session Size::Small(SMALL_FROM_SERVER),
    /// The server waits for data to copy in.
    CopyInResponse b'G' Session Size::Data,
    /// Data that is copied out follows.
    CopyOutResponse b'H' Session Size::Data,
    /// One row.
    DataRow b'D' Session Size::Data,
    /// The query string was empty.
    EmptyQueryResponse b'I' Session Size::Small(SMALL_FROM_SERVER),
    /// An error.
    ErrorResponse b'E' Always Size::Data,
    /// The result of a function call.
    FunctionCallResponse b'V' Session Size::Data,
    /// The newest version, and the options that the server does not know.
    NegotiateProtocolVersion b'v' Login Size::Small(SMALL_FROM_SERVER),
    /// The statement returns no rows.
    NoData b'n' Session Size::Small(SMALL_FROM_SERVER),
    /// A notice.
    NoticeResponse b'N' Always Size::Data,
    /// A notification of another session.
    NotificationResponse b'A' Session Size::Data,
    /// The types of a prepared statement's parameters.
    ParameterDescription b't' Session Size::Data,
    /// A setting and its current value.
    ParameterStatus b'S' Always Size::Small(SMALL_FROM_SERVER),
    /// The reply to a `Parse`.
    ParseComplete b'1' Session Size::Small(SMALL_FROM_SERVER),
    /// The reply to an `Execute` that reached its row limit.
    PortalSuspended b's' Session Size::Small(SMALL_FROM_SERVER),
    /// The server is ready for the next query cycle.
    ReadyForQuery b'Z' Always Size::Small(SMALL_FROM_SERVER),
    /// The columns of the rows that follow.
    RowDescription b'T' Session Size::Data,
}
