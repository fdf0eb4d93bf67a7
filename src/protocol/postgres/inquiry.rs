//! A session of the gateway's own at the target, which asks the catalog what names and columns stand for. It
//! only reads, and sends only questions from this code, or made from the catalog's own content. A client's
//! SQL is sent for one purpose only: an `EXPLAIN` of a statement that is held for approval, which does not
//! run it (`session/preview.rs`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use crate::domain::Secret;
use crate::pipeline::snapshot::Governed;
use crate::protocol::postgres::upstream;
use crate::protocol::postgres::upstream::Unreachable;
use crate::protocol::postgres::upstream::Wish;
use crate::protocol::postgres::wire::back::BackMessage;
use crate::protocol::postgres::wire::error::WireError;
use crate::protocol::postgres::wire::error::WriteError;
use crate::protocol::postgres::wire::frame::Limits;
use crate::protocol::postgres::wire::frame::Part;
use crate::protocol::postgres::wire::frame::Scanner;
use crate::protocol::postgres::wire::frame::body;
use crate::protocol::postgres::wire::front;
use crate::protocol::postgres::wire::front::Named;
use crate::protocol::postgres::wire::sqlstate::SqlState;
use crate::protocol::postgres::wire::tag::BackTag;
use crate::transport::stream::Stream;

/// The time that one question may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The settings of the session: it only reads, waits for no lock for long, and looks names up in
/// `pg_catalog`.
const SETTINGS: [(&str, &str); 6] = [
    ("application_name", "hoopctl"),
    ("client_encoding", "UTF8"),
    ("default_transaction_read_only", "on"),
    ("lock_timeout", "2s"),
    ("search_path", "pg_catalog"),
    ("statement_timeout", "15s"),
];
/// The most memory that the rows of one result may take, in bytes.
const MOST: usize = 256 << 20;

/// The rows of a result, as text.
pub type Rows = Vec<Vec<Option<String>>>;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum InquiryError {
    /// There is no session at the target.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The stream broke.
    #[error("the stream to the target broke")]
    Broken(#[source] io::Error),
    /// The target sent something that is not a valid message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The question cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The target refused the question.
    #[error("the target refused a question about its catalogue (SQLSTATE {0})")]
    Refused(String),
    /// The result is too long to be kept.
    #[error("the target's catalogue is longer than {} MiB", MOST >> 20)]
    TooLong,
    /// The result did not come in time.
    #[error("the target did not answer a question about its catalogue within {PATIENCE:?}")]
    TimedOut,
}

/// The session.
pub struct Inquiry {
    /// The process id at the target, as told at the login.
    process: Option<u32>,
    stream: Stream,
    input: BytesMut,
    scanner: Scanner<BackTag>,
}

impl Inquiry {
    /// Logs in with the connection's own credential.
    ///
    /// # Errors
    /// The same as [`upstream::log_in`].
    pub async fn open(
        governed: &Governed,
        password: Option<&Arc<Secret>>,
        database: &str,
    ) -> Result<Self, InquiryError> {
        Self::open_with(governed, password, database, &SETTINGS).await
    }

    /// Does the same with these settings in place of [the usual ones](SETTINGS).
    ///
    /// # Errors
    /// The same as [`upstream::log_in`].
    pub async fn open_with(
        governed: &Governed,
        password: Option<&Arc<Secret>>,
        database: &str,
        settings: &[(&str, &str)],
    ) -> Result<Self, InquiryError> {
        let wish = Wish { governed, password, database, settings };
        let (stream, ready, input) = upstream::log_in(wish).await?;
        let process = ready.cancel.map(|key| key.process);
        let mut scanner = Scanner::new(Limits { whole: 16 << 20, ..Limits::default() });
        scanner.session_begins();
        Ok(Self { process, stream, input, scanner })
    }

    /// Returns whether the process id comes from the target itself. A pooler in between gives out ids of its
    /// own, which mean another session's process at the target, or none.
    ///
    /// # Errors
    /// The same as [`Inquiry::ask`].
    pub async fn is_direct(&mut self) -> Result<bool, InquiryError> {
        let rows = self.ask("SELECT pg_catalog.pg_backend_pid()").await?;
        let own = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        Ok(own.and_then(|own| own.parse::<u32>().ok()).is_some_and(|own| Some(own) == self.process))
    }

    /// Asks one question, and returns the rows of its result.
    ///
    /// # Errors
    /// The stream broke, the target refused the question, or it took too long. After any error but a refusal
    /// the session is useless.
    pub async fn ask(&mut self, question: &str) -> Result<Rows, InquiryError> {
        let mut out = BytesMut::new();
        front::write_query(&mut out, question.as_bytes())?;
        let mut rows = Rows::new();
        let mut size = 0_usize;
        self.exchange(&out, |message| {
            if let BackMessage::DataRow(values) = message {
                let row: Vec<Option<String>> = values
                    .each()
                    .map(|value| value.map(|value| String::from_utf8_lossy(value).into_owned()))
                    .collect();
                let length: usize = row.iter().flatten().map(String::len).sum();
                // A row takes memory even if its values are empty.
                let cells = row.len().saturating_add(1).saturating_mul(size_of::<Option<String>>());
                size = size.saturating_add(length).saturating_add(cells);
                if size > MOST {
                    return Err(InquiryError::TooLong);
                }
                rows.push(row);
            }
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// Returns the origin of each column of a query: a table's oid and a column's number, both 0 for an
    /// expression. The query is not run. `None` if it returns no rows.
    ///
    /// # Errors
    /// The same as [`Inquiry::ask`].
    pub async fn origins(&mut self, query: &str) -> Result<Option<Vec<(u32, i16)>>, InquiryError> {
        let mut out = BytesMut::new();
        front::write_parse(&mut out, b"", query.as_bytes(), &[])?;
        front::write_describe(&mut out, Named::Statement(b""))?;
        front::write_sync(&mut out);
        let mut origins = None;
        self.exchange(&out, |message| {
            if let BackMessage::RowDescription(columns) = message {
                origins = Some(columns.columns().map(|column| (column.table, column.attribute)).collect());
            }
            Ok(())
        })
        .await?;
        Ok(origins)
    }

    async fn exchange(
        &mut self,
        out: &[u8],
        take: impl FnMut(&BackMessage<'_>) -> Result<(), InquiryError>,
    ) -> Result<(), InquiryError> {
        tokio::time::timeout(PATIENCE, self.speak(out, take))
            .await
            .map_err(|_elapsed| InquiryError::TimedOut)?
    }

    async fn speak(
        &mut self,
        out: &[u8],
        mut take: impl FnMut(&BackMessage<'_>) -> Result<(), InquiryError>,
    ) -> Result<(), InquiryError> {
        self.stream.write_all(out).await.map_err(InquiryError::Broken)?;
        self.stream.flush().await.map_err(InquiryError::Broken)?;
        let mut refused = None;
        loop {
            let Some(part) = self.scanner.take(&mut self.input)? else {
                self.input.reserve(16 << 10);
                if self.stream.read_buf(&mut self.input).await.map_err(InquiryError::Broken)? == 0 {
                    return Err(InquiryError::Broken(io::ErrorKind::UnexpectedEof.into()));
                }
                continue;
            };
            let Part::Frame(tag, frame) = part else { return Err(InquiryError::TooLong) };
            match BackMessage::read(tag, body(&frame))? {
                BackMessage::ReadyForQuery(_) => break,
                // The message may speak of the target, so only the code is used.
                BackMessage::ErrorResponse(report) => {
                    let code = report.code().as_ref().map_or_else(|| "?????".to_owned(), SqlState::to_string);
                    refused.get_or_insert(code);
                }
                message => take(&message)?,
            }
        }
        refused.map_or(Ok(()), |code| Err(InquiryError::Refused(code)))
    }
}
