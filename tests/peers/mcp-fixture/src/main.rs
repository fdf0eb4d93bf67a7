//! An MCP server for the tests: what the official conformance suite asks of a server, in both eras, and what a gateway's
//! tests ask besides. `mcp-fixture [--port N] [--json] [--page N]` serves Streamable HTTP on 127.0.0.1 and prints its address;
//! `mcp-fixture --stdio [--page N]` serves the same on its standard streams. With `MCP_FIXTURE_TOKEN` set, HTTP wants that
//! token as bearer.

#![expect(deprecated, reason = "clients of the older revisions still log, sample and subscribe")]

mod calls;
mod jobs;
mod lists;
mod rounds;
mod server;
mod streams;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use rmcp::ServiceExt;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use tokio::net::TcpListener;

use crate::server::{Fixture, Shared};
use crate::streams::Streams;

/// How the server was started.
struct Options {
    /// Port on 127.0.0.1; 0, the default, takes a free one.
    port: u16,
    /// Standard streams in place of HTTP.
    stdio: bool,
    /// Answers of one message as JSON, where they would be streams of one event.
    json: bool,
    /// Entries of one page of a list; everything on one page without it.
    page: Option<usize>,
}

fn options() -> Result<Options, String> {
    let mut options = Options { port: 0, stdio: false, json: false, page: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            words.next().and_then(|text| text.parse().ok()).ok_or(format!("{word} wants a number after it"))
        };
        match word.as_str() {
            "--port" => options.port = number()?,
            "--page" => options.page = Some(usize::from(number()?).max(1)),
            "--json" => options.json = true,
            "--stdio" => options.stdio = true,
            _ => {
                return Err(format!(
                    "{word:?} is no option; there are --port N, --page N, --json and --stdio"
                ));
            }
        }
    }
    Ok(options)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let streams = Arc::new(Streams::default());
    let shared = Arc::new(Shared::new(options.page, options.stdio, streams.clone())?);
    if options.stdio {
        Fixture::new(shared).serve(rmcp::transport::stdio()).await?.waiting().await?;
        // The thread that reads the standard input cannot be stopped.
        std::process::exit(0);
    }
    serve(&options, shared, streams).await
}

async fn serve(options: &Options, shared: Arc<Shared>, streams: Arc<Streams>) -> Result<(), Box<dyn Error>> {
    let config = StreamableHttpServerConfig::default()
        .with_sse_retry(Some(Duration::from_millis(500)))
        .with_json_response(options.json)
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"]);
    let service = StreamableHttpService::new(move || Ok(Fixture::new(shared.clone())), streams, config);
    let token = std::env::var("MCP_FIXTURE_TOKEN").ok();
    let app = axum::Router::new().fallback(move |request: Request| {
        let (service, token) = (service.clone(), token.clone());
        async move {
            if request.uri().path() != "/mcp" {
                return StatusCode::NOT_FOUND.into_response();
            }
            if token.is_some_and(|token| !has_token(&request, &token)) {
                return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
            }
            let (head, body) = service.handle(request).await.into_parts();
            Response::from_parts(head, Body::new(body))
        }
    });
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    // Without it each event of a stream waits 40 ms for the acknowledgement of the one before.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            eprintln!("mcp-fixture: TCP_NODELAY cannot be set: {error}");
        }
    });
    axum::serve(listener, app).await?;
    Ok(())
}

fn has_token(request: &Request, token: &str) -> bool {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    shown.and_then(|value| value.strip_prefix("Bearer ")) == Some(token)
}
