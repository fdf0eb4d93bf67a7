//! The gateway's live stream, as `session tail`, `session watch` and `approval watch` follow it.

use crate::cli::access::Access;
use crate::cli::output::Terminal;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::control::noun::event::EndReason;
use crate::control::noun::event::EventFilter;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::Topic;

/// The next item of the stream.
pub enum News {
    /// The data of a message.
    Message(String),
    /// Some messages were missed.
    Gap,
}

/// A stream of one topic, resumed when the gateway ends it because it is read too slowly.
pub struct LiveStream<'a> {
    access: &'a Access,
    filter: EventFilter,
    source: Box<dyn EventSource>,
    /// The id of the last message, after which it is resumed.
    last: Option<String>,
}

impl<'a> LiveStream<'a> {
    /// Opens the stream of the messages that `filter` selects, from now on.
    pub fn open(access: &'a Access, filter: EventFilter) -> Result<Self, Failure> {
        let source = access.wait(access.backend().events(filter, None))?;
        Ok(Self { access, filter, source, last: None })
    }

    /// Returns the next message; `None` if the stream ends without a reason. A gap is also told on the
    /// terminal.
    ///
    /// # Errors
    /// The gateway stops, or cannot be reached.
    pub fn next(&mut self, terminal: Terminal) -> Result<Option<News>, Failure> {
        loop {
            let Some(message) = self.access.block_on(self.source.next())? else { return Ok(None) };
            match message.topic {
                Topic::End if EndReason::of(&message.data) == EndReason::Slow => {
                    let last = self.last.take();
                    self.source = self.access.wait(self.access.backend().events(self.filter, last))?;
                }
                Topic::End => return Err(stopping()),
                Topic::Gap => {
                    self.last = Some(message.id);
                    terminal.say("warning: some events were missed (the stream could not be resumed)");
                    return Ok(Some(News::Gap));
                }
                topic => {
                    self.last = Some(message.id);
                    if Some(topic) == self.filter.topic {
                        return Ok(Some(News::Message(message.data)));
                    }
                }
            }
        }
    }

    /// Returns the next message, for a stream that only the gateway's end may end.
    ///
    /// # Errors
    /// The stream has ended, or the gateway cannot be reached.
    pub fn next_until_stop(&mut self, terminal: Terminal) -> Result<News, Failure> {
        self.next(terminal)?.ok_or_else(stopping)
    }
}

fn stopping() -> Failure {
    Failure::new(Exit::Unreachable, "the gateway stops")
}
