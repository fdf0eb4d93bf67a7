//! Tests of the gateway's own endpoints, and of who may see them.

use std::rc::Rc;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::*;
use crate::pipeline::tests;
use crate::transport::strangers::Bounds;
use crate::transport::strangers::Strangers;

struct Ready;

impl Probe for Ready {
    fn not_ready(&self) -> Option<String> {
        None
    }

    fn metrics(&self) -> String {
        "hoopctl_up 1\n".to_owned()
    }
}

/// Returns the answer to a client at `source`.
async fn answer(service: &Rc<WebService>, source: &str, path: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _own) = listener.accept().await.unwrap();
    let peer = SocketAddr::new(source.parse().unwrap(), 40_000);
    let (_draining, drains) = watch::channel(false);
    let stranger = Strangers::new(Bounds { open: 1, failed: 1 }).enter(peer.ip()).unwrap();
    tokio::task::spawn_local(Rc::clone(service).serve(Stream::Plain(stream), peer, stranger, drains));
    let request = format!("GET {path} HTTP/1.1\r\nhost: gw\r\nconnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    client.read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test]
async fn the_metrics_are_for_this_machine_alone() {
    let (gate, _dir) = tests::gate(tests::snapshot(tests::nobody(), Vec::new(), &[], "dba"));
    let limits = HeadLimits { head: 64 << 10, fields: 100, target: 16 << 10 };
    let service = Rc::new(WebService::new(gate, limits, Arc::new(Ready), Vec::new(), false));
    LocalSet::new()
        .run_until(async {
            for source in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
                let reply = answer(&service, source, "/metrics").await;
                assert!(
                    reply.starts_with("HTTP/1.1 200") && reply.contains("hoopctl_up 1"),
                    "{source}: {reply}"
                );
            }
            for source in ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.7"] {
                let reply = answer(&service, source, "/metrics").await;
                assert!(
                    reply.starts_with("HTTP/1.1 404") && !reply.contains("hoopctl_up"),
                    "{source}: {reply}"
                );
                let health = answer(&service, source, "/healthz").await;
                assert!(health.starts_with("HTTP/1.1 200"), "{source}: {health}");
            }
        })
        .await;
}
