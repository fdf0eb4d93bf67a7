//! The types of messages: the byte that begins each, when it may be sent, and how long it may be.

use std::fmt;

/// The most that the length of a large message may say: 1 GiB - 1, as PostgreSQL's largest allocation.
pub const LONGEST: u32 = (1 << 30) - 1;
/// The most that the length of a client's small message may say, as PostgreSQL's `PQ_SMALL_MESSAGE_LIMIT`.
pub const SMALL_FROM_CLIENT: u32 = 10_000;
/// The most that the length of a server's small message may say; libpq takes more than this for a lost
/// stream.
pub const SMALL_FROM_SERVER: u32 = 30_000;
/// The most that the length of a password or SASL message may say, as PostgreSQL's
/// `PG_MAX_AUTH_TOKEN_LENGTH`.
pub const LONGEST_PASSWORD: u32 = 65_535;

/// Whether a stream is still logging in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A client until `AuthenticationOk`, a server until its first `ReadyForQuery`.
    Login,
    /// After that.
    Session,
}

impl Stage {
    /// When that is, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Login => "while logging in",
            Self::Session => "in a session",
        }
    }
}

/// How long a message of a type may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Its length may say at most this, and it is always given whole.
    Small(u32),
    /// What a client wants done, at most [`LONGEST`]. It must be judged whole.
    Statement,
    /// What may be long on its way through, at most [`LONGEST`].
    Data,
}

impl Size {
    /// The most that the length may say.
    pub const fn most(self) -> u32 {
        match self {
            Self::Small(most) => most,
            Self::Statement | Self::Data => LONGEST,
        }
    }
}

/// The type of a message: [`FrontTag`] for what a client sends, [`BackTag`] for what a server sends.
pub trait Tag: Copy + Eq + fmt::Debug {
    /// Who sends it: `client` or `server`.
    const SENDER: &'static str;

    /// The type that begins with this byte and may be sent at this stage.
    fn of(byte: u8, stage: Stage) -> Option<Self>;

    /// The byte it begins with.
    fn byte(self) -> u8;

    /// Its name in the manual.
    fn name(self) -> &'static str;

    /// How long it may be.
    fn size(self) -> Size;
}

/// Whether a message may be sent at a stage.
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

/// One line per type: doc, name, byte, when, size.
macro_rules! tags {
    ($(#[$about:meta])* $tags:ident, $sender:literal: $($(#[$doc:meta])* $name:ident $byte:literal $when:ident $size:expr,)*) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $tags {
            $($(#[$doc])* $name,)*
        }

        impl $tags {
            /// All of them.
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
    /// What a client sends after its startup packet (PostgreSQL 18 manual, 54.7).
    FrontTag, "client":
    /// Values for a prepared statement, which make a portal.
    Bind b'B' Session Size::Statement,
    /// Forgets a prepared statement or portal.
    Close b'C' Session Size::Small(SMALL_FROM_CLIENT),
    /// A part of what is copied in.
    CopyData b'd' Session Size::Data,
    /// The end of what is copied in.
    CopyDone b'c' Session Size::Small(SMALL_FROM_CLIENT),
    /// The copy in is given up.
    CopyFail b'f' Session Size::Small(SMALL_FROM_CLIENT),
    /// Asks what a prepared statement or portal takes and gives.
    Describe b'D' Session Size::Small(SMALL_FROM_CLIENT),
    /// Runs a portal.
    Execute b'E' Session Size::Small(SMALL_FROM_CLIENT),
    /// Asks for the replies so far.
    Flush b'H' Session Size::Small(SMALL_FROM_CLIENT),
    /// Calls a function by its oid, with no SQL.
    FunctionCall b'F' Session Size::Statement,
    /// SQL of one statement to prepare.
    Parse b'P' Session Size::Statement,
    /// A password, or a step of SASL or GSSAPI.
    Password b'p' Login Size::Small(LONGEST_PASSWORD),
    /// SQL of any number of statements to run.
    Query b'Q' Session Size::Statement,
    /// Ends a series of extended messages.
    Sync b'S' Session Size::Small(SMALL_FROM_CLIENT),
    /// The client leaves.
    Terminate b'X' Session Size::Small(SMALL_FROM_CLIENT),
}

tags! {
    /// What a server sends (PostgreSQL 18 manual, 54.7). What belongs to a login is unknown in a session: a
    /// server that asks for a password there would get the client's.
    BackTag, "server":
    /// Who are you, or: you are in.
    Authentication b'R' Login Size::Small(SMALL_FROM_SERVER),
    /// What a cancel request for this session must hold.
    BackendKeyData b'K' Login Size::Small(SMALL_FROM_SERVER),
    /// Bind is done.
    BindComplete b'2' Session Size::Small(SMALL_FROM_SERVER),
    /// Close is done.
    CloseComplete b'3' Session Size::Small(SMALL_FROM_SERVER),
    /// A statement is done.
    CommandComplete b'C' Session Size::Small(SMALL_FROM_SERVER),
    /// Copying begins in both directions; replication only.
    CopyBothResponse b'W' Session Size::Small(SMALL_FROM_SERVER),
    /// A part of what is copied out.
    CopyData b'd' Session Size::Data,
    /// The end of what is copied out.
    CopyDone b'c' Session Size::Small(SMALL_FROM_SERVER),
    /// The server waits for what is copied in.
    CopyInResponse b'G' Session Size::Data,
    /// What is copied out follows.
    CopyOutResponse b'H' Session Size::Data,
    /// One row.
    DataRow b'D' Session Size::Data,
    /// The statement was empty.
    EmptyQueryResponse b'I' Session Size::Small(SMALL_FROM_SERVER),
    /// It failed.
    ErrorResponse b'E' Always Size::Data,
    /// What a function gave.
    FunctionCallResponse b'V' Session Size::Data,
    /// The newest version and the options that the server does not know.
    NegotiateProtocolVersion b'v' Login Size::Small(SMALL_FROM_SERVER),
    /// The statement gives no rows.
    NoData b'n' Session Size::Small(SMALL_FROM_SERVER),
    /// Something to know.
    NoticeResponse b'N' Always Size::Data,
    /// What another session notified.
    NotificationResponse b'A' Session Size::Data,
    /// The types of a statement's parameters.
    ParameterDescription b't' Session Size::Data,
    /// A setting and its value now.
    ParameterStatus b'S' Always Size::Small(SMALL_FROM_SERVER),
    /// Parse is done.
    ParseComplete b'1' Session Size::Small(SMALL_FROM_SERVER),
    /// Execute stopped at its limit of rows.
    PortalSuspended b's' Session Size::Small(SMALL_FROM_SERVER),
    /// The server waits for what comes next.
    ReadyForQuery b'Z' Always Size::Small(SMALL_FROM_SERVER),
    /// The columns of the rows that follow.
    RowDescription b'T' Session Size::Data,
}
