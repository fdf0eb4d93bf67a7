//! Tests of legal holds.

use super::recordings::begin;
use super::*;
use crate::control::Caller;
use crate::gateway::admin::Acting;

/// Long after every retention.
const LATER_MS: i64 = 1_795_166_043_000 + 500 * 86_400_000;

#[tokio::test]
async fn a_held_session_outlives_retention_and_who_held_it_is_told() {
    let rig = Rig::online().await;
    let journal = rig.journal.clone().unwrap();
    let (first, second) = (SessionId::new(), SessionId::new());
    for session in [first, second] {
        begin(&journal, session).await;
    }
    let owner = rig.owner();
    let bad = |answer: Result<SessionView, ApiError>| answer.unwrap_err().code;
    for reason in ["", " \n", &"x".repeat(1001)] {
        assert_eq!(bad(owner.place_legal_hold(first, reason.to_owned()).await), ErrorCode::BadRequest);
        assert_eq!(bad(owner.lift_legal_hold(first, reason.to_owned()).await), ErrorCode::BadRequest);
    }
    assert_eq!(bad(owner.place_legal_hold(SessionId::new(), "x".to_owned()).await), ErrorCode::NotFound);
    assert_eq!(bad(owner.lift_legal_hold(first, "x".to_owned()).await), ErrorCode::NotFound);

    let held = owner.place_legal_hold(first, "case 7".to_owned()).await.unwrap().hold.unwrap();
    assert_eq!((held.actor.as_str(), held.reason.as_str()), ("local:gateway", "case 7"));
    let again = owner.place_legal_hold(first, "case 8".to_owned()).await.unwrap_err();
    assert!(again.code == ErrorCode::Conflict && again.message.contains("case 7"), "{}", again.message);
    assert_eq!(owner.session(first.to_string()).await.unwrap().hold, Some(held));
    let listed = |held| {
        let filter = SessionFilter { held, limit: Some(1), ..SessionFilter::default() };
        let owner = rig.owner();
        async move {
            let found = owner.sessions(filter).await.unwrap();
            (found.items.iter().map(|view| view.id).collect::<Vec<_>>(), found.more)
        }
    };
    assert_eq!(listed(Some(true)).await, (vec![first], false));
    assert_eq!(listed(Some(false)).await, (vec![second], false));
    assert_eq!(listed(None).await, (vec![second], true));

    journal.close();
    let settings = rig.admin.config.load().recording.clone();
    // What a gateway does at its start.
    let journal = Journal::open(&rig.data, settings).unwrap();
    journal
        .place_legal_holds(rig.store.read(View::legal_holds).await.unwrap().iter().map(|hold| hold.session));
    let removal = journal.next_removal(LATER_MS).unwrap();
    assert_eq!(journal.prune(LATER_MS, removal).await.unwrap().recordings, 1);
    let proved = owner.verify_session(first).await.unwrap();
    assert_eq!((proved.intact, proved.pruned_ms), (true, None));
    journal.close();

    let released = owner.lift_legal_hold(first, "over".to_owned()).await.unwrap();
    assert_eq!(released.hold, None);
    let of_first = |action| entry("local:gateway", action, &first.to_string());
    assert_eq!(rig.audit().await, [of_first("session.hold"), of_first("session.release")]);
    assert_eq!(rig.store.read(View::verify_audit).await.unwrap().broken, None);
}

/// Returns a manager who is signed in as this principal.
fn manager(rig: &Rig, holder: &str) -> Acting {
    let caller = Verified::clone(&rig.told.holder("cli human etl ops").unwrap());
    let principal = Principal { id: holder.into(), ..Principal::clone(&caller.principal) };
    let config = rig.admin.config.load();
    let roles = &config.admin.remote.as_ref().unwrap().roles;
    let caller = Caller::signed_in(Arc::new(principal), roles).unwrap();
    Acting { admin: Arc::clone(&rig.admin), caller, seat: None }
}

#[tokio::test]
async fn nobody_takes_note_of_the_loss_of_a_session_of_their_own() {
    let rig = Rig::online().await;
    let (session, older) = (SessionId::new(), SessionId::new());
    let journal = rig.journal.clone().unwrap();
    for session in [session, older] {
        begin(&journal, session).await;
    }
    let (own, other) = (manager(&rig, "entra/etl"), manager(&rig, "entra/ada"));
    other.place_hold(session, "case 7".to_owned()).await.unwrap();
    // As they were noted before the session's owner was.
    rig.store
        .change(move |change| {
            change.place_legal_hold(older, "", "case 7", "entra/ada")?;
            let detail = serde_json::json!({ "reason": "case 7" });
            change.append_audit("entra/ada", "session.hold", &older.to_string(), &detail)
        })
        .await
        .unwrap();
    journal.close();
    let events = rusqlite::Connection::open(rig.data.join("events.db")).unwrap();
    events
        .execute_batch("UPDATE session SET principal = 'entra/other', pruned_ms = 9e15; DELETE FROM block")
        .unwrap();
    for _ in 0..2 {
        let error = own.acknowledge_hold(session, "nothing to see".to_owned()).await.unwrap_err();
        assert_eq!((error.code, error.exit_code), (ErrorCode::Forbidden, 9), "{}", error.message);
        // With its row, and without.
        events.execute_batch("DELETE FROM session").unwrap();
    }
    other.acknowledge_hold(session, "INC-12".to_owned()).await.unwrap();
    let error = own.acknowledge_hold(older, "nothing to see".to_owned()).await.unwrap_err();
    assert!(error.code == ErrorCode::Forbidden && error.message.contains("not known"), "{}", error.message);
    rig.owner().acknowledge_legal_hold(older, "INC-12".to_owned()).await.unwrap();
}

#[tokio::test]
async fn nobody_releases_a_session_of_their_own_that_somebody_else_holds() {
    let rig = Rig::online().await;
    let session = SessionId::new();
    // It belongs to entra/etl.
    begin(rig.journal.as_ref().unwrap(), session).await;
    let (own, other) = (manager(&rig, "entra/etl"), manager(&rig, "entra/ada"));
    own.place_hold(session, "mine".to_owned()).await.unwrap();
    assert_eq!(rig.journal.as_ref().unwrap().legal_holds(), 1);
    own.lift_hold(session, "mine too".to_owned()).await.unwrap();
    other.place_hold(session, "case 7".to_owned()).await.unwrap();
    let error = own.lift_hold(session, "nothing to see".to_owned()).await.unwrap_err();
    assert_eq!((error.code, error.exit_code), (ErrorCode::Forbidden, 9), "{}", error.message);
    assert!(rig.journal.as_ref().unwrap().is_under_legal_hold(session));
    let store = rusqlite::Connection::open(rig.data.join("hoopctl.db")).unwrap();
    store.execute_batch("UPDATE hold SET actor = 'entra/etl'").unwrap();
    let error = own.acknowledge_hold(session, "nothing to see".to_owned()).await.unwrap_err();
    assert_eq!((error.code, error.exit_code), (ErrorCode::Forbidden, 9), "{}", error.message);
    assert_eq!(
        rig.audit().await.last().unwrap(),
        &entry("entra/etl", "session.acknowledge.refused", &session.to_string())
    );
    store.execute_batch("UPDATE hold SET actor = 'entra/ada'").unwrap();
    own.lift_hold(session, "nothing to see".to_owned()).await.unwrap_err();
    assert_eq!(
        rig.audit().await.last().unwrap(),
        &entry("entra/etl", "session.release.refused", &session.to_string())
    );
    rig.owner().lift_legal_hold(session, "over".to_owned()).await.unwrap();
}

#[tokio::test]
async fn the_recorder_knows_at_once_what_is_held_and_nothing_that_is_not() {
    let rig = Rig::online().await;
    let journal = rig.journal.clone().unwrap();
    let (session, missing) = (SessionId::new(), SessionId::new());
    begin(&journal, session).await;
    let owner = rig.owner();
    owner.place_legal_hold(session, "case 7".to_owned()).await.unwrap();
    assert!(journal.is_under_legal_hold(session));
    owner.place_legal_hold(missing, "case 7".to_owned()).await.unwrap_err();
    assert!(!journal.is_under_legal_hold(missing));
    owner.lift_legal_hold(session, "over".to_owned()).await.unwrap();
    assert!(!journal.is_under_legal_hold(session));
}
