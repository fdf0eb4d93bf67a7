//! An open stream of events, which is reopened with the newest token when its own expires.

use std::time::Duration;
use std::time::Instant;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::control::client::Allowance;
use crate::control::client::Client;
use crate::control::client::Draft;
use crate::control::client::Driver;
use crate::control::client::TIMEOUT;
use crate::control::client::Way;
use crate::control::error::ApiError;
use crate::control::error::ClientError;
use crate::control::error::ErrorCode;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::LiveEvent;
use crate::control::noun::event::NextEvent;
use crate::control::noun::event::Topic;
use crate::control::sse;

/// Timeout of a silent stream: several heartbeats.
const SILENCE: Duration = Duration::from_secs(30);
/// A stream that ends this soon for lack of a valid token is not reopened at once, since its token was new.
pub(super) const STANDS: Duration = Duration::from_secs(1);

/// An open stream of events.
pub(super) struct Stream {
    client: Client,
    /// How it was opened; `after` is the last received message.
    draft: Draft,
    exchange: Exchange,
    opened: Instant,
    /// Its token has expired, so it must be reopened.
    over: bool,
}

struct Exchange {
    body: Incoming,
    driver: Driver,
    reader: sse::Reader,
}

impl Stream {
    pub(super) async fn open(client: Client, draft: Draft) -> Result<Self, ApiError> {
        let exchange = Exchange::open(&client, &draft).await?;
        Ok(Self { client, draft, exchange, opened: Instant::now(), over: false })
    }

    async fn message(&mut self) -> Result<Option<LiveEvent>, ApiError> {
        loop {
            if self.over {
                self.exchange = Exchange::open(&self.client, &self.draft).await?;
                self.opened = Instant::now();
                self.over = false;
            }
            let Some(event) = self.exchange.message().await? else { return Ok(None) };
            if !event.id.is_empty() {
                self.draft.after = Some(event.id.clone());
            }
            let Way::Network(network) = &self.client.way else { return Ok(Some(event)) };
            if event.topic != Topic::End || !event.data.contains("unauthenticated") {
                return Ok(Some(event));
            }
            if self.opened.elapsed() < STANDS {
                let words = "the gateway takes the token no more";
                return Err(ApiError::new(ErrorCode::Unauthenticated, words).hint(network.bearer.advice()));
            }
            self.over = true;
        }
    }
}

impl EventSource for Stream {
    fn next(&mut self) -> NextEvent<'_> {
        Box::pin(self.message())
    }
}

impl Exchange {
    async fn open(client: &Client, draft: &Draft) -> Result<Self, ApiError> {
        let mut time = Allowance::new(TIMEOUT);
        let (response, driver) = client.ask(draft, &mut time).await?;
        if response.status().is_success() {
            return Ok(Self { body: response.into_body(), driver, reader: sse::Reader::default() });
        }
        Err(client.refused(draft, &time, (response, driver)).await)
    }

    async fn message(&mut self) -> Result<Option<LiveEvent>, ApiError> {
        loop {
            if let Some(event) = self.reader.take() {
                return Ok(Some(event));
            }
            let frame = tokio::select! {
                frame = self.body.frame() => frame,
                never = &mut self.driver => match never {},
                () = tokio::time::sleep(SILENCE) => {
                    return Err(ClientError::Slow { seconds: SILENCE.as_secs() }.into());
                }
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|source| ClientError::Broken { doing: "following events", source })?;
            if let Some(data) = frame.data_ref() {
                self.reader
                    .push(data)
                    .map_err(|error| ApiError::new(ErrorCode::TooLarge, error.to_string()))?;
            }
        }
    }
}
