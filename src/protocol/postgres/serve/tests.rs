//! Deadlines, on a clock that the tests turn.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::pipeline::tests::gate;
use crate::pipeline::tests::nobody;
use crate::pipeline::tests::snapshot;
use crate::protocol::postgres::judge::cache::Limits;
use crate::protocol::postgres::wire::opening::Version;
use crate::protocol::postgres::wire::opening::write_startup;
use crate::transport::strangers::Bounds;

/// Serves one stream whose client sends `words` and nothing more. Returns after how many seconds it ended;
/// before that the client is told `reply` (its first letter), if anything.
async fn lasts(service: &Rc<PostgresService>, words: &[u8], reply: Option<u8>) -> u64 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    client.write_all(words).await.unwrap();
    let (_stop, draining) = watch::channel(false);
    let begin = Instant::now();
    let serving = Rc::clone(service).serve(stream, peer, draining);
    tokio::time::timeout(Duration::from_mins(10), serving).await.expect("it has no end");
    let lasted = begin.elapsed().as_secs();
    let mut said = Vec::new();
    client.read_to_end(&mut said).await.unwrap();
    assert_eq!(said.first().copied(), reply);
    lasted
}

fn service(open: usize) -> (Rc<PostgresService>, tempfile::TempDir) {
    let (gate, folder) = gate(snapshot(nobody(), Vec::new(), &[], "nobody"));
    let judge = Arc::new(Judge::start(1, Limits::default()).unwrap());
    let strangers = Strangers::new(Bounds { open, failed: 5 });
    let (cancels, targets) = (Cancels::default(), Targets::default());
    (Rc::new(PostgresService::new(gate, judge, cancels, targets, strangers, Arc::default())), folder)
}

fn startup() -> BytesMut {
    let mut out = BytesMut::new();
    write_startup(&mut out, Version::V3_0, [("user", "kim"), ("database", "db")]).unwrap();
    out
}

#[tokio::test(start_paused = true)]
async fn a_login_that_does_not_come_on_is_over_after_a_minute() {
    let (service, _folder) = service(10);
    assert_eq!(lasts(&service, b"", None).await, 60, "nothing is said");
    assert_eq!(lasts(&service, &startup()[..6], None).await, 60, "half a packet");
    assert_eq!(lasts(&service, &startup(), Some(b'R')).await, 60, "the token does not come");
}

#[tokio::test(start_paused = true)]
async fn one_that_gets_no_further_is_only_told_so() {
    let (service, _folder) = service(1);
    // The first client of the address is still there.
    let (first, second) = tokio::join!(lasts(&service, b"", None), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        lasts(&service, &startup()[..6], None).await
    });
    assert_eq!((first, second), (60, 5));
}
