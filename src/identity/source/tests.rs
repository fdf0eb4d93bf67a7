use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::time::advance;
use tokio::time::sleep;

use super::*;
use crate::domain::now_ms;
use crate::identity::error::TokenError;
use crate::identity::forge::*;
use crate::identity::issuers::Issuers;
use crate::identity::settings::IssuerSettings;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Lets the background task proceed while little time passes.
async fn settle() {
    sleep(Duration::from_millis(20)).await;
}

async fn started(provider: &Provider) -> Issuers {
    let issuers = provider.issuers(vec![generic()]);
    issuers.start(&Handle::current());
    settle().await;
    issuers
}

async fn reason(issuers: &Issuers, token: &str) -> Option<&'static str> {
    issuers.verify(token).await.err().map(|error| error.reason())
}

/// A valid token stays valid while the paused clock runs: the wall clock does not move.
fn token(pair: &Pair, kid: &str) -> String {
    pair.token(kid, &claims())
}

#[derive(Default)]
struct Memory {
    kept: Mutex<HashMap<String, (Vec<u8>, i64)>>,
    saves: AtomicUsize,
}

impl KeyKeeper for Memory {
    fn load(&self, issuer: &str) -> Option<(Vec<u8>, i64)> {
        self.kept.lock().unwrap().get(issuer).cloned()
    }

    fn save(&self, issuer: &str, jwks: &[u8], at_ms: i64) {
        self.saves.fetch_add(1, Ordering::SeqCst);
        self.kept.lock().unwrap().insert(issuer.to_owned(), (jwks.to_vec(), at_ms));
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_by_the_first_token_that_names_it() {
    let (old, new, provider) = (Pair::ec(), Pair::ec(), Provider::default());
    provider.issue(ISS, &[old.jwk("old")]);
    let issuers = started(&provider).await;
    assert_eq!(reason(&issuers, &token(&old, "old")).await, None);
    let generation = issuers.generation();
    provider.issue(ISS, &[old.jwk("old"), new.jwk("new")]);
    assert_eq!(reason(&issuers, &token(&new, "new")).await, None);
    assert_eq!((provider.calls("/keys"), provider.calls("configuration")), (2, 1));
    assert!(issuers.generation() > generation);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_key_ids_causes_one_fetch_in_an_interval() {
    let (pair, provider) = (Pair::ec(), Provider::default());
    provider.issue(ISS, &[pair.jwk("k")]);
    let issuers = Arc::new(started(&provider).await);
    provider.slow(Duration::from_millis(100));
    for round in 1..=3 {
        let mut flood = tokio::task::JoinSet::new();
        for number in 0..1000 {
            let (issuers, token) = (Arc::clone(&issuers), token(&pair, &format!("x{number}")));
            flood.spawn(async move { issuers.verify(&token).await.unwrap_err() });
        }
        for error in flood.join_all().await {
            assert_eq!(error, TokenError::UnknownKid);
        }
        // One after the other as well.
        for number in 0..1000 {
            let refused = reason(&issuers, &token(&pair, &format!("y{number}"))).await;
            assert_eq!(refused, Some("unknown_kid"));
        }
        assert_eq!(provider.calls("/keys"), 1 + round);
        assert!(issuers.source(ISS).unwrap().control().refused.len() <= MAX_REFUSED);
        advance(MINUTE + Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_id_is_not_asked_for_again_within_the_interval() {
    let (pair, provider) = (Pair::ec(), Provider::default());
    provider.issue(ISS, &[pair.jwk("k")]);
    let issuers = started(&provider).await;
    assert_eq!(reason(&issuers, &token(&pair, "x")).await, Some("unknown_kid"));
    assert_eq!(provider.calls("/keys"), 2);
    advance(Duration::from_secs(30)).await;
    assert_eq!(reason(&issuers, &token(&pair, "x")).await, Some("unknown_kid"));
    assert_eq!(provider.calls("/keys"), 2);
    advance(Duration::from_secs(31)).await;
    provider.issue(ISS, &[pair.jwk("k"), pair.jwk("x")]);
    assert_eq!(reason(&issuers, &token(&pair, "x")).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_id_does_not_wait_for_a_fetch_under_way() {
    let (pair, provider) = (Pair::ec(), Provider::default());
    provider.issue(ISS, &[pair.jwk("k")]);
    let issuers = Arc::new(started(&provider).await);
    for _ in 0..2 {
        assert_eq!(reason(&issuers, &token(&pair, "x")).await, Some("unknown_kid"));
        let slow = {
            provider.slow(Duration::from_secs(9));
            let issuers = Arc::clone(&issuers);
            tokio::spawn(async move { issuers.refresh(None).await })
        };
        settle().await;
        let begun = Instant::now();
        assert_eq!(reason(&issuers, &token(&pair, "x")).await, Some("unknown_kid"));
        assert_eq!(begun.elapsed().as_secs(), 0);
        assert_eq!(reason(&issuers, &token(&pair, "y")).await, Some("unknown_kid"));
        assert_eq!(begun.elapsed().as_secs(), 2);
        // Known keys are not delayed.
        assert_eq!(reason(&issuers, &token(&pair, "k")).await, None);
        assert_eq!(begun.elapsed().as_secs(), 2);
        slow.await.unwrap();
        provider.slow(Duration::ZERO);
        // The second round: it is fetched once more, and refused as before.
        advance(2 * MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_under_a_known_key_never_fetches() {
    let (pair, forged, provider) = (Pair::ec(), Pair::ec(), Provider::default());
    provider.issue(ISS, &[pair.jwk("k")]);
    let issuers = started(&provider).await;
    for _ in 0..100 {
        assert_eq!(reason(&issuers, &token(&forged, "k")).await, Some("signature"));
    }
    assert_eq!(provider.calls("/keys"), 1);
    // The issuer restarted with another key under the same id: an operator's refresh loads it.
    provider.issue(ISS, &[forged.jwk("k")]);
    let generation = issuers.generation();
    issuers.refresh(Some("idp")).await;
    assert_eq!(reason(&issuers, &token(&forged, "k")).await, None);
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, Some("signature"));
    assert!(issuers.generation() > generation);
    assert!(issuers.refresh(Some("nobody")).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_gone_twice_is_dropped_with_what_it_verified() {
    let (gone, stays, provider) = (Pair::ec(), Pair::ec(), Provider::default());
    provider.issue(ISS, &[gone.jwk("gone"), stays.jwk("stays")]);
    let issuers = started(&provider).await;
    let generation = issuers.generation();
    provider.issue(ISS, &[stays.jwk("stays")]);
    // The first fetch without it, by age.
    advance(HOUR + 7 * MINUTE).await;
    settle().await;
    assert_eq!(provider.calls("/keys"), 2);
    assert_eq!(reason(&issuers, &token(&gone, "gone")).await, None);
    assert_eq!(issuers.generation(), generation);
    // A second fetch right after proves nothing: the issuer's replicas may differ for a moment.
    assert_eq!(reason(&issuers, &token(&gone, "x")).await, Some("unknown_kid"));
    assert_eq!(provider.calls("/keys"), 3);
    assert_eq!(reason(&issuers, &token(&gone, "gone")).await, None);
    advance(HOUR + 7 * MINUTE).await;
    settle().await;
    assert_eq!(reason(&issuers, &token(&gone, "gone")).await, Some("unknown_kid"));
    assert!(issuers.generation() > generation);
    assert_eq!(reason(&issuers, &token(&stays, "stays")).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_operator_drops_a_key_at_once() {
    let (gone, stays, provider) = (Pair::ec(), Pair::ec(), Provider::default());
    provider.issue(ISS, &[gone.jwk("gone"), stays.jwk("stays")]);
    let issuers = started(&provider).await;
    provider.issue(ISS, &[stays.jwk("stays")]);
    let status = issuers.refresh(None).await;
    assert_eq!(status[0].kids, ["stays"]);
    assert_eq!(reason(&issuers, &token(&gone, "gone")).await, Some("unknown_kid"));
}

#[tokio::test(start_paused = true)]
async fn an_empty_key_set_is_a_fault_unless_an_operator_asks() {
    let (pair, provider, keeper) = (Pair::ec(), Provider::default(), Arc::new(Memory::default()));
    provider.issue(ISS, &[pair.jwk("k")]);
    let issuers = provider.issuers_with(vec![generic()], keeper.clone());
    issuers.start(&Handle::current());
    settle().await;
    provider.issue(ISS, &[]);
    advance(HOUR + 7 * MINUTE).await;
    settle().await;
    assert!(issuers.status()[0].last_error.is_some());
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, None);
    let generation = issuers.generation();
    issuers.refresh(None).await;
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, Some("issuer_unavailable"));
    assert!(issuers.generation() > generation);
    // Nor does a restart bring them back.
    let restarted = provider.issuers_with(vec![generic()], keeper);
    assert_eq!(reason(&restarted, &token(&pair, "k")).await, Some("issuer_unavailable"));
}

#[tokio::test(start_paused = true)]
async fn keys_that_became_too_old_in_sleep_are_fetched_for_the_first_token() {
    let (pair, provider) = (Pair::ec(), Provider::default());
    provider.issue(ISS, &[pair.jwk("k")]);
    let issuers = started(&provider).await;
    advance(2 * MINUTE).await;
    // The wall clock ran on while the monotonic one stood still, and with it the task's pause.
    let source = issuers.source(ISS).unwrap();
    let set = source.parse(json!({"keys": [pair.jwk("k")]}).to_string().as_bytes()).unwrap();
    let mut asleep = Snapshot::next(None, set, now_ms(), Instant::now(), false);
    asleep.fetched_ms -= 25 * 3_600_000;
    source.snapshot.store(Some(Arc::new(asleep)));
    assert!(!issuers.status()[0].available);
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, None);
    assert_eq!(provider.calls("/keys"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_listed_key_that_became_unusable_is_dropped_at_once() {
    let (pair, stays, provider) = (Pair::ec(), Pair::ec(), Provider::default());
    provider.issue(ISS, &[pair.jwk("k"), stays.jwk("stays")]);
    let issuers = started(&provider).await;
    provider.issue(ISS, &[pair.jwk("k"), Pair::ec().jwk("k"), stays.jwk("stays")]);
    advance(HOUR + 7 * MINUTE).await;
    settle().await;
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, Some("unknown_kid"));
    assert_eq!(issuers.status()[0].skipped, 1);
}

#[tokio::test(start_paused = true)]
async fn old_keys_serve_for_a_day_and_then_nobody_gets_in() {
    let (pair, provider) = (Pair::ec(), Provider::default());
    provider.issue(ISS, &[pair.jwk("k")]);
    let issuers = started(&provider).await;
    assert!(!issuers.status()[0].stale);
    provider.fail();
    for _ in 0..22 {
        advance(HOUR).await;
        settle().await;
    }
    let status = issuers.status();
    assert!(status[0].stale && status[0].available && status[0].last_error.is_some(), "{status:?}");
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, None);
    let generation = issuers.generation();
    advance(2 * HOUR + MINUTE).await;
    settle().await;
    sleep(2 * MINUTE).await;
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, Some("issuer_unavailable"));
    assert_eq!(reason(&issuers, &token(&pair, "x")).await, Some("issuer_unavailable"));
    assert!(issuers.generation() > generation, "what was verified before is still believed");
    assert!(!issuers.status()[0].available);
    provider.issue(ISS, &[pair.jwk("k")]);
    sleep(2 * MINUTE).await;
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, None);
    assert_eq!(issuers.status()[0].last_error, None);
}

#[tokio::test(start_paused = true)]
async fn before_the_first_keys_the_answer_is_unavailable_never_refused() {
    let (pair, provider) = (Pair::ec(), Provider::default());
    let issuers = provider.issuers(vec![generic()]);
    // Not started: nothing to wait for.
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, Some("issuer_unavailable"));
    provider.slow(Duration::from_secs(3));
    provider.issue(ISS, &[pair.jwk("k")]);
    issuers.start(&Handle::current());
    issuers.start(&Handle::current());
    let begun = Instant::now();
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, Some("issuer_unavailable"));
    assert_eq!(begun.elapsed().as_secs(), 2, "waiters are let go after 2 s");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, None);
    assert_eq!(provider.calls("/keys"), 1);
}

#[tokio::test(start_paused = true)]
async fn kept_keys_serve_a_restart_while_the_provider_is_down() {
    let (pair, provider, keeper) = (Pair::ec(), Provider::default(), Arc::new(Memory::default()));
    provider.issue(ISS, &[pair.jwk("k")]);
    let first = provider.issuers_with(vec![generic()], keeper.clone());
    first.start(&Handle::current());
    settle().await;
    assert_eq!(keeper.saves.load(Ordering::SeqCst), 1);
    drop(first);
    provider.fail();

    let restart = |settings: IssuerSettings| provider.issuers_with(vec![settings], keeper.clone());
    let second = restart(generic());
    second.start(&Handle::current());
    settle().await;
    assert_eq!(reason(&second, &token(&pair, "k")).await, None);
    // Keys from the old location must not be used for a new location.
    let moved = IssuerSettings { jwks_uri: Some("https://idp.example/new".to_owned()), ..generic() };
    assert_eq!(reason(&restart(moved), &token(&pair, "k")).await, Some("issuer_unavailable"));
    let set_age = |age: Duration| {
        let age = i64::try_from(age.as_millis()).unwrap();
        keeper.kept.lock().unwrap().get_mut(ISS).unwrap().1 = now_ms() - age;
    };
    set_age(23 * HOUR);
    assert_eq!(reason(&restart(generic()), &token(&pair, "k")).await, None);
    set_age(25 * HOUR);
    assert_eq!(reason(&restart(generic()), &token(&pair, "k")).await, Some("issuer_unavailable"));
    // From the future: a clock was changed.
    keeper.kept.lock().unwrap().get_mut(ISS).unwrap().1 = now_ms() + 3_600_000;
    assert_eq!(reason(&restart(generic()), &token(&pair, "k")).await, Some("issuer_unavailable"));
    keeper.kept.lock().unwrap().insert(ISS.to_owned(), (b"junk".to_vec(), now_ms()));
    assert_eq!(reason(&restart(generic()), &token(&pair, "k")).await, Some("issuer_unavailable"));
}

#[tokio::test(start_paused = true)]
async fn a_doubtful_document_changes_nothing() {
    let pair = Pair::ec();
    let discovery = "https://idp.example/.well-known/openid-configuration";
    let keys = "https://idp.example/keys";
    let table: [(&str, &str, Value); 9] = [
        ("another issuer", discovery, json!({"issuer": "https://idp.example/", "jwks_uri": keys})),
        ("no issuer", discovery, json!({"jwks_uri": keys})),
        ("no keys", discovery, json!({"issuer": ISS})),
        ("keys without TLS", discovery, json!({"issuer": ISS, "jwks_uri": "http://idp.example/keys"})),
        ("keys on this machine", discovery, json!({"issuer": ISS, "jwks_uri": "http://127.0.0.1:8440/keys"})),
        ("keys in a file", discovery, json!({"issuer": ISS, "jwks_uri": "file:///etc/keys"})),
        ("no list", keys, json!({"keys": {}})),
        ("a login page", keys, json!("<html>")),
        ("1001 keys", keys, json!({"keys": (0..1001).map(|n| pair.jwk(&n.to_string())).collect::<Vec<_>>()})),
    ];
    for (what, url, document) in table {
        let provider = Provider::default();
        provider.issue(ISS, &[pair.jwk("k")]);
        let issuers = started(&provider).await;
        assert_eq!(reason(&issuers, &token(&pair, "k")).await, None);
        provider.publish(url, &document);
        let status = issuers.refresh(None).await;
        assert!(status[0].last_error.is_some(), "{what}");
        assert_eq!(reason(&issuers, &token(&pair, "k")).await, None, "{what}");
        drop(issuers);
        // After a fresh start it grants nothing either.
        let fresh = started(&provider).await;
        assert_eq!(reason(&fresh, &token(&pair, "k")).await, Some("issuer_unavailable"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn pinned_keys_need_no_discovery() {
    let (pair, provider) = (Pair::ec(), Provider::default());
    provider.publish("https://keys.example/set", &json!({"keys": [pair.jwk("k")]}));
    let pinned = IssuerSettings { jwks_uri: Some("https://keys.example/set".to_owned()), ..generic() };
    let issuers = provider.issuers(vec![pinned]);
    issuers.start(&Handle::current());
    settle().await;
    assert_eq!(reason(&issuers, &token(&pair, "k")).await, None);
    assert_eq!((provider.calls("configuration"), provider.calls("/set")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_gateway_fetches_no_more() {
    let (pair, provider) = (Pair::ec(), Provider::default());
    provider.issue(ISS, &[pair.jwk("k")]);
    drop(started(&provider).await);
    sleep(5 * HOUR).await;
    assert_eq!(provider.calls("/keys"), 1);
}

#[test]
fn generations_of_two_lives_are_never_the_same() {
    let (first, second) = (Generation::new(), Generation::new());
    let before = [first.now(), second.now()];
    first.rise();
    second.rise();
    assert!(first.now() > before[0] && second.now() > before[1]);
    let mut all = vec![before[0], before[1], first.now(), second.now()];
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 4);
}
