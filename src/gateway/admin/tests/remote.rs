//! Tests of callers over the network.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use super::approvals::ask;
use super::approvals::yes;
use super::*;
use crate::approval::ApproverRoster as _;
use crate::control::Service as _;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::entity::EntityKind;
use crate::gateway::admin::approvers;
use crate::gateway::admin::streams;

const FROM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

async fn admit(rig: &Rig, token: &str) -> Result<Arc<dyn Backend>, ApiError> {
    rig.admin.admit(token, FROM).await
}

#[tokio::test]
async fn a_token_of_another_app_of_no_role_or_of_none_is_turned_away() {
    let rig = Rig::online().await;
    for (token, wanted) in [
        ("", ErrorCode::Unauthenticated),
        // Whatever groups its holder has: the person gave it to another app.
        ("agent-host human ada ops dba", ErrorCode::Forbidden),
        ("cli human ada", ErrorCode::Forbidden),
        ("cli human ada etl", ErrorCode::Forbidden),
        ("ci app robot dba", ErrorCode::Forbidden),
    ] {
        let error = admit(&rig, token).await.err().unwrap();
        assert_eq!(error.code, wanted, "{token}: {}", error.message);
        assert!(error.hint.is_some());
    }
    rig.told.shut_out.lock().unwrap().push("idp/ada".to_owned());
    assert_eq!(admit(&rig, "cli human ada ops").await.err().unwrap().code, ErrorCode::Forbidden);
}

#[tokio::test]
async fn each_role_gives_what_it_says() {
    let rig = Rig::online().await;
    for (token, manages, decides) in [
        ("cli human ada ops", true, false),
        ("cli human ada dba", false, true),
        ("cli human ada audit", false, false),
        ("ci app robot ops dba", true, false),
    ] {
        let backend = admit(&rig, token).await.unwrap();
        let you = backend.status().await.unwrap().you.unwrap();
        assert_eq!((you.manages, you.decides), (manages, decides), "{token}");
        backend.sessions(SessionFilter::default()).await.unwrap();
        assert_eq!(backend.apply(shop()).await.is_ok(), manages, "{token}");
        if manages {
            backend.apply(remove(EntityKind::Connection, "shop")).await.unwrap();
        }
    }
    let actors: Vec<String> = rig.audit().await.into_iter().map(|(actor, ..)| actor).collect();
    assert!(actors.contains(&"idp/ada".to_owned()) && actors.contains(&"idp/robot".to_owned()), "{actors:?}");
}

#[tokio::test]
async fn no_operator_over_the_network_reaches_into_the_machine() {
    let rig = Rig::online().await;
    let remote = admit(&rig, "cli human ada ops").await.unwrap();
    for toml in [
        "upstream = \"mcp+stdio:sh -c id\"",
        "upstream = \"http://127.0.0.1:9\"\ninject = \"bearer:exec:cat /etc/shadow\"",
        "upstream = \"http://127.0.0.1:9\"\ninject = \"bearer:file:/etc/shadow\"",
        "upstream = \"http://127.0.0.1:9\"\ninject = \"bearer:env:AWS_SECRET\"",
        "upstream = \"https://127.0.0.1:9\"\nca_file = \"/etc/shadow\"",
    ] {
        let text = format!("name = \"x\"\n{toml}\n");
        let new = || put(EntityKind::Connection, "x", &text, PutMode::Create);
        let error = remote.apply(new()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Forbidden, "{toml}: {}", error.message);
        assert!(remote.apply(Apply { dry_run: true, ..new() }).await.is_err(), "{toml}");
        // The text itself is valid: it is accepted on the machine.
        rig.owner().apply(new()).await.unwrap();
        // Nor is it accepted as a change of an existing connection.
        let other = text.replace(":9", ":10").replace("-c id", "-c ls");
        if other != text {
            let edit = put(EntityKind::Connection, "x", &other, PutMode::Replace);
            assert_eq!(remote.apply(edit).await.unwrap_err().code, ErrorCode::Forbidden, "{toml}");
        }
        remote.apply(remove(EntityKind::Connection, "x")).await.unwrap();
    }
    let store = "name = \"x\"\nupstream = \"http://127.0.0.1:9\"\ninject = \"bearer:store:K\"\n";
    remote.apply(put(EntityKind::Connection, "x", store, PutMode::Create)).await.unwrap();
    assert!(rig.audit().await.contains(&entry("idp/ada", "connection.put.refused", "x")));
}

#[tokio::test]
async fn an_approval_over_the_network_counts_while_its_approver_may_decide() {
    let rig = Rig::online().await;
    let from = ["dba".to_owned()];
    let approvers = &rig.approvers;
    let held = rig.approvals.ask(ask("idp/etl", "a", GrantScope::Once)).await.unwrap();
    let own = rig.approvals.ask(ask("idp/ada", "b", GrantScope::Once)).await.unwrap();
    assert!(!approvers.may_decide("idp/ada", &from), "nothing is known of her yet");

    // An approver of another group, and one who asked herself.
    let other = admit(&rig, "cli human bob on-call").await.unwrap();
    assert_eq!(other.decide_approval(held.id(), yes("x")).await.unwrap_err().code, ErrorCode::Forbidden);
    let ada = admit(&rig, "cli human ada dba @100").await.unwrap();
    assert_eq!(ada.decide_approval(own.id(), yes("x")).await.unwrap_err().code, ErrorCode::Forbidden);
    let approved = ada.decide_approval(held.id(), yes("x")).await.unwrap();
    assert_eq!((approved.state, approved.decisions[0].by.as_str()), (ApprovalState::Approved, "idp/ada"));
    assert!(approvers.may_decide("idp/ada", &from) && !approvers.may_decide("idp/bob", &from));
    let suspended = async || {
        let found = rig.owner().grants(GrantFilter::default()).await.unwrap().items;
        found.into_iter().map(|grant| grant.suspended).collect::<Vec<_>>()
    };
    assert_eq!(suspended().await, [false]);

    // Her next token no longer has the group, and her last one belongs to another app.
    admit(&rig, "cli human ada audit on-call @110").await.unwrap();
    assert!(!approvers.may_decide("idp/ada", &from));
    assert_eq!(suspended().await, [true]);
    assert!(admit(&rig, "agent-host human ada dba @120").await.is_err());
    assert!(!approvers.may_decide("idp/ada", &from));
    // Nor if she has lost the deciding role, or every role, or as a program.
    for (at, lost) in [(200, "cli human ada audit"), (300, "cli human ada"), (400, "cli app ada ops dba")] {
        admit(&rig, &format!("cli human ada dba @{at}")).await.unwrap();
        assert!(approvers.may_decide("idp/ada", &from));
        drop(admit(&rig, &format!("{lost} @{}", at + 10)).await);
        assert!(!approvers.may_decide("idp/ada", &from), "{lost}");
    }
    // Nor does a similar name on this machine.
    assert!(!approvers.may_decide("local:idp/ada", &from));
}

#[tokio::test]
async fn an_older_token_gives_no_role_back_that_a_newer_one_has_not_any_more() {
    let from = ["dba".to_owned()];
    // Whether the gateway has seen her role before, or was restarted since.
    for before in [Some("cli human ada dba @100"), None] {
        let rig = Rig::online().await;
        if let Some(token) = before {
            admit(&rig, token).await.unwrap();
            assert!(rig.approvers.may_decide("idp/ada", &from));
        }
        // With no role left, or another one.
        for newer in ["cli human ada @200", "cli human ada audit @201"] {
            drop(admit(&rig, newer).await);
            // The older token is accepted until it expires, but her earlier approvals do not count again by
            // it.
            for older in ["cli human ada dba @100", "cli human ada dba"] {
                admit(&rig, older).await.unwrap();
                assert!(!rig.approvers.may_decide("idp/ada", &from), "{before:?} {newer} {older}");
            }
        }
        // The issuer's current statement counts, also if it gives the role again.
        let later = crate::domain::now_ms() / 1000 + 5;
        admit(&rig, &format!("cli human ada dba @{later}")).await.unwrap();
        assert!(rig.approvers.may_decide("idp/ada", &from));
    }
}

#[tokio::test]
async fn where_it_is_not_known_which_token_is_newer_the_role_is_gone() {
    let from = ["dba".to_owned()];
    for (first, other, why) in [
        ("dba @100", "", "an issuer need not say when it gave a token out"),
        ("dba @100", "audit", "with another role"),
        ("", "dba", "neither says it"),
        ("dba", "", "neither, the other way"),
        ("", "dba @100", "what does not say it may have come a moment ago"),
        ("dba @100", "@100", "two of one second"),
        ("@100", "dba @100", "two of one second, the older one last"),
        // The clock of the machine that issued the first one is ahead.
        ("dba @160", "@130", "two clocks"),
    ] {
        let rig = Rig::online().await;
        for groups in [first, other] {
            drop(admit(&rig, format!("cli human ada {groups}").trim_end()).await);
        }
        assert!(!rig.approvers.may_decide("idp/ada", &from), "{why}");
        // Neither of the two gives it back, nor one without a time.
        for groups in [first, other, "dba"] {
            drop(admit(&rig, format!("cli human ada {groups}").trim_end()).await);
            assert!(!rig.approvers.may_decide("idp/ada", &from), "{why}: {groups}");
        }
        // A token that was certainly issued later does.
        let later = crate::domain::now_ms() / 1000 + 5;
        admit(&rig, &format!("cli human ada dba @{later}")).await.unwrap();
        assert!(rig.approvers.may_decide("idp/ada", &from), "{why}");
    }
    // A token without a time confirms the missing role as well.
    let rig = Rig::online().await;
    for token in ["cli human ada @100", "cli human ada", "cli human ada dba @300"] {
        drop(admit(&rig, token).await);
        assert!(!rig.approvers.may_decide("idp/ada", &from), "{token}");
    }
    // One of two groups is lost, and the other stays; repeating a token changes nothing.
    let rig = Rig::online().await;
    for token in
        ["cli human ada dba on-call @160", "cli human ada on-call @130", "cli human ada on-call @130"]
    {
        admit(&rig, token).await.unwrap();
    }
    let may = |group: &str| rig.approvers.may_decide("idp/ada", &[group.to_owned()]);
    assert!(may("on-call") && !may("dba"));
}

#[tokio::test]
async fn who_came_by_an_entry_that_changed_decides_again_with_the_next_token() {
    let rig = Rig::online().await;
    let saw = |token: &str| rig.approvers.saw(&rig.told.holder(token).unwrap().principal);
    let may = |id: &str| rig.approvers.may_decide(id, &["dba".to_owned()]);
    saw("cli human ada dba @100");
    saw("cli human bob dba @100");
    rig.approvers.forget_unless(|person| &*person.id == "idp/bob");
    assert!(!may("idp/ada") && may("idp/bob"));
    saw("cli human ada dba @200");
    assert!(may("idp/ada"));
}

#[tokio::test]
async fn so_many_people_are_kept_in_mind_and_those_who_decide_for_longest() {
    let rig = Rig::online().await;
    let from = ["dba".to_owned()];
    let saw = |token: &str| rig.approvers.saw(&rig.told.holder(token).unwrap().principal);
    let may = |id: &str| rig.approvers.may_decide(id, &from);
    saw("cli human ada dba @100");
    saw("cli human bob dba @100");
    saw("cli human bob @200");
    saw("cli human eve @200");
    for number in 3..approvers::MOST {
        saw(&format!("cli human n{number} audit @200"));
    }
    // Bob is seen again; so Eve is the first to be forgotten of those who decide nothing, then others.
    saw("cli human bob @200");
    for number in 0..50 {
        saw(&format!("cli human m{number} audit @200"));
    }
    assert!(may("idp/ada"), "she was away for longer, and decides");
    saw("cli human bob dba @100");
    assert!(!may("idp/bob"), "what took the role away is kept in mind");
    saw("cli human eve dba @100");
    assert!(may("idp/eve"), "nothing is known of her any more");
    // If all may decide, the one not seen for longest is forgotten.
    let rig = Rig::online().await;
    let saw = |token: &str| rig.approvers.saw(&rig.told.holder(token).unwrap().principal);
    let may = |id: &str| rig.approvers.may_decide(id, &from);
    for number in 0..approvers::MOST {
        saw(&format!("cli human d{number} dba @200"));
    }
    assert!(may("idp/d0"));
    saw("cli human late dba @200");
    assert!(!may("idp/d0") && may("idp/d1") && may("idp/late"));
}

#[tokio::test]
async fn a_grant_of_several_counts_after_a_restart_for_those_who_are_back_with_their_role() {
    let rig = Rig::online().await;
    let (ada, bob) = (
        admit(&rig, "cli human ada dba @100").await.unwrap(),
        admit(&rig, "cli human bob dba @100").await.unwrap(),
    );
    let window = GrantScope::Window(std::time::Duration::from_hours(1));
    let mut both = ask("idp/etl", "a", window);
    both.spec.min = 2;
    let held = rig.approvals.ask(both.clone()).await.unwrap();
    ada.decide_approval(held.id(), yes("x")).await.unwrap();
    bob.decide_approval(held.id(), yes("x")).await.unwrap();
    let wanted = crate::approval::Wanted {
        principal: "idp/etl",
        connection: &both.connection,
        rule: &both.rule,
        terms: &both.terms,
        spec: &both.spec,
        session: both.session,
    };
    assert!(rig.approvals.standing_grant(&wanted).is_some());

    // Another process takes over the store. It knows no roles.
    let approvers = CurrentApprovers::new(Arc::clone(&rig.admin.config));
    let approvals = Approvals::new(rig.store.clone(), Arc::<CurrentApprovers>::clone(&approvers));
    approvals.recover().await.unwrap();
    let stands = || approvals.standing_grant(&wanted).is_some();
    let saw = |token: &str| approvers.saw(&rig.told.holder(token).unwrap().principal);
    assert!(!stands());
    saw("cli human ada dba @200");
    assert!(!stands(), "one of two is back");
    // The other one has lost the role meanwhile, and shows an older token as well.
    saw("cli human bob audit @200");
    saw("cli human bob dba @100");
    assert!(!stands());
    saw("cli human bob dba @300");
    assert!(stands());
}

#[tokio::test]
async fn one_caller_has_so_many_streams_of_events_and_others_have_theirs() {
    let rig = Rig::online().await;
    let ada = admit(&rig, "cli human ada ops").await.unwrap();
    let mut open = Vec::new();
    for _ in 0..streams::MOST_OF_ONE {
        open.push(ada.events(EventFilter::default(), None).await.unwrap());
    }
    // Whichever of her tokens it is.
    let again = admit(&rig, "cli human ada ops audit").await.unwrap();
    let refused = again.events(EventFilter::default(), None).await.err().unwrap();
    assert_eq!((refused.code, refused.code.status().as_u16()), (ErrorCode::TooMany, 429));
    assert!(refused.message.contains("idp/ada has 32 streams"), "{}", refused.message);
    // Others, and the machine's own user, are not affected; and a stream that ends frees its slot.
    let bob = admit(&rig, "cli human bob audit").await.unwrap();
    let _bobs = bob.events(EventFilter::default(), None).await.unwrap();
    for _ in 0..=streams::MOST_OF_ONE {
        rig.owner().events(EventFilter::default(), None).await.unwrap();
    }
    drop(open.pop());
    open.push(again.events(EventFilter::default(), None).await.unwrap());
    assert!(ada.events(EventFilter::default(), None).await.is_err());
}

#[tokio::test]
async fn a_stream_ends_when_a_lock_names_its_caller() {
    let rig = Rig::online().await;
    let ada = admit(&rig, "cli human ada audit").await.unwrap();
    let mut events = ada.events(EventFilter::default(), None).await.unwrap();
    let mut owners = rig.owner().events(EventFilter::default(), None).await.unwrap();
    rig.admin.announce_change(8);
    assert_eq!(events.next().await.unwrap().unwrap().topic, Topic::Change);
    rig.told.shut_out.lock().unwrap().push("idp/ada".to_owned());
    // The event is for others only, and none is needed for the stream to end.
    rig.admin.announce_change(9);
    let told = events.next().await.unwrap_err();
    assert!(matches!(told.code, ErrorCode::Unauthenticated | ErrorCode::Forbidden), "{told:?}");
    for _ in 0..2 {
        assert_eq!(owners.next().await.unwrap().unwrap().topic, Topic::Change);
    }
    let mut quiet =
        admit(&rig, "cli human bob audit").await.unwrap().events(EventFilter::default(), None).await.unwrap();
    rig.told.shut_out.lock().unwrap().push("idp/bob".to_owned());
    let ended = tokio::time::timeout(std::time::Duration::from_secs(5), quiet.next()).await.unwrap();
    assert_eq!(ended.unwrap_err().code, ErrorCode::Forbidden);
}

#[tokio::test]
async fn strangers_are_told_where_people_sign_in() {
    let rig = Rig::online().await;
    let told = rig.admin.sign_in("https://gw.example:8441");
    assert_eq!(told.resource, "https://gw.example:8441");
    assert_eq!(
        (told.authorization_servers, told.scopes_supported),
        (vec!["https://idp.example".to_owned()], vec!["use".to_owned()])
    );
    let client = told.hoopctl_login.unwrap();
    assert_eq!(
        (client.client_id.as_str(), client.scopes),
        ("cli", vec!["openid".to_owned(), "use".to_owned()])
    );
}
