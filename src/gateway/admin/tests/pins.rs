//! Tests of pins: who may accept them, and that exactly the reviewed version is accepted.

use super::*;
use crate::domain::pin::PinFlag;
use crate::domain::pin::PinKind;
use crate::domain::pin::PinState;
use crate::domain::pin::PinVersion;

fn version(digest: &str, flags: Vec<PinFlag>) -> PinVersion {
    PinVersion { digest: digest.to_owned(), members: Vec::new(), flags }
}

async fn fill(rig: &Rig) {
    let pin = |name: &str, current: Option<&str>, flags| Pin {
        connection: "crm".parse().unwrap(),
        kind: PinKind::Tool,
        name: name.to_owned(),
        accepted: version("one", flags),
        accepted_ms: 1,
        accepted_by: None,
        fresh: false,
        current: current.map(|digest| version(digest, Vec::new())),
        changed_ms: None,
    };
    let flag = PinFlag { member: "title".to_owned(), hidden: true, detail: String::new() };
    let pins = [pin("a", None, vec![]), pin("b", None, vec![flag]), pin("c", Some("two"), vec![])];
    rig.store.change(move |change| change.save_pins(&pins)).await.unwrap();
}

fn accept(name: &str, digest: &str) -> AcceptPins {
    let pin = PinRef { kind: PinKind::Tool, name: name.to_owned(), digest: digest.to_owned() };
    AcceptPins { pins: vec![pin] }
}

#[tokio::test]
async fn what_needs_a_look_comes_first_and_is_accepted_as_it_was_seen() {
    for rig in [Rig::offline(), Rig::online().await] {
        let owner = rig.owner();
        assert!(owner.pins("crm".to_owned(), PinFilter::default()).await.unwrap().items.is_empty());
        assert_eq!(
            owner.pins("none".to_owned(), PinFilter::default()).await.unwrap_err().code,
            ErrorCode::NotFound
        );
        fill(&rig).await;
        let states = |pins: List<PinView>| -> Vec<(String, PinState)> {
            pins.items.into_iter().map(|pin| (pin.name, pin.state)).collect()
        };
        let listed = states(owner.pins("crm".to_owned(), PinFilter::default()).await.unwrap());
        let expected = [("c", PinState::Changed), ("b", PinState::Flagged), ("a", PinState::Pinned)]
            .map(|(n, s)| (n.to_owned(), s));
        assert_eq!(listed, expected);

        for (name, digest, code) in [
            ("c", "one", ErrorCode::Conflict),
            ("c", "three", ErrorCode::Conflict),
            ("d", "one", ErrorCode::NotFound),
        ] {
            let error = owner.accept_pins("crm".to_owned(), accept(name, digest)).await.unwrap_err();
            assert_eq!(error.code, code, "{name} {digest}");
        }
        let none = owner.accept_pins("crm".to_owned(), AcceptPins { pins: Vec::new() }).await;
        assert_eq!(none.unwrap_err().code, ErrorCode::BadRequest);
        // Somebody who may only look.
        let error = rig.user("bob").accept_pins("crm".to_owned(), accept("c", "two")).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Forbidden);
        assert!(rig.told.pins.lock().unwrap().is_empty());

        let accepted = owner.accept_pins("crm".to_owned(), accept("c", "two")).await.unwrap();
        assert_eq!(states(accepted), [("c".to_owned(), PinState::Pinned)]);
        let told: Vec<String> =
            rig.told.pins.lock().unwrap().iter().map(|pin| pin.accepted.digest.clone()).collect();
        assert_eq!(told, if rig.journal.is_some() { vec!["two".to_owned()] } else { vec![] });
        let audit = rig.audit().await;
        assert_eq!(
            audit,
            [entry("local:bob", "pin.accept.refused", "crm"), entry("local:gateway", "pin.accept", "crm"),]
        );
    }
}

#[tokio::test]
async fn pins_are_found_by_name_and_forgotten_where_they_are_kept_and_where_they_are_used() {
    for rig in [Rig::offline(), Rig::online().await] {
        let owner = rig.owner();
        fill(&rig).await;
        let named = async |name: &str| -> Vec<String> {
            let filter = PinFilter { name: Some(name.to_owned()) };
            let found = owner.pins("crm".to_owned(), filter).await.unwrap();
            found.items.into_iter().map(|pin| pin.name).collect()
        };
        assert_eq!((named("b").await, named("tool:b").await), (vec!["b".to_owned()], vec!["b".to_owned()]));
        assert!(named("prompt:b").await.is_empty() && named("d").await.is_empty());
        if rig.journal.is_some() {
            assert_eq!(*rig.told.flushed.lock().unwrap(), 4, "what was just listed is there to be looked at");
        }

        let forget =
            |name: &str| ForgetPins { pins: vec![PinName { kind: PinKind::Tool, name: name.to_owned() }] };
        owner.accept_pins("crm".to_owned(), accept("b", "one")).await.unwrap();
        let error = rig.user("bob").forget_pins("crm".to_owned(), forget("b")).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Forbidden);
        let error = owner.forget_pins("crm".to_owned(), forget("d")).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound);
        assert_eq!(named("b").await, ["b"]);
        owner.forget_pins("crm".to_owned(), forget("b")).await.unwrap();
        assert!(named("b").await.is_empty());
        assert!(rig.told.pins.lock().unwrap().is_empty());
        assert!(rig.audit().await.contains(&entry("local:gateway", "pin.forget", "crm")));
    }
}

#[tokio::test]
async fn a_list_holds_as_much_text_as_an_answer_can_and_says_that_there_is_more() {
    let rig = Rig::offline();
    let member = crate::domain::PinMember {
        name: "description".to_owned(),
        digest: String::new(),
        text: "x".repeat(1 << 20),
        cut: false,
    };
    let pin = |number: usize| Pin {
        connection: "crm".parse().unwrap(),
        kind: PinKind::Tool,
        name: format!("t{number:02}"),
        accepted: PinVersion { members: vec![member.clone()], ..version("one", Vec::new()) },
        accepted_ms: 1,
        accepted_by: None,
        fresh: true,
        current: None,
        changed_ms: None,
    };
    let pins: Vec<Pin> = (0..12).map(pin).collect();
    rig.store.change(move |change| change.save_pins(&pins)).await.unwrap();
    let found = rig.owner().pins("crm".to_owned(), PinFilter::default()).await.unwrap();
    assert_eq!((found.items.len(), found.more), (8, true));
    assert_eq!(found.items[0].members[0].text.len(), 1 << 20, "whole");
}
