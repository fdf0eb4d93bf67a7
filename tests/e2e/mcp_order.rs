//! The same call is the same in whatever order its arguments are written: models write them in any.

use serde_json::Value;

use crate::mcp_guards::Attack;
use crate::mcp_guards::polite;
use crate::support::mcp::answer;

fn pay(attack: &Attack, arguments: &str) -> Value {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pay","arguments":{arguments}}}}}"#
    );
    answer(&attack.send("POST", &[], Some(&body)))
}

#[test]
fn a_call_that_comes_again_in_another_order_joins_its_approval_and_what_was_read_is_sent() {
    let attack = Attack::new("limits = { approval_wait = \"1s\" }", polite);
    let decision = |told: &Value| told["result"]["_meta"]["dev.hoopctl/decision"].clone();
    let first = decision(&pay(&attack, r#"{"to":{"name":"Ada","iban":"X"},"amount":1.10}"#));
    assert_eq!(first["code"], "approval_pending", "{first}");
    let again = decision(&pay(&attack, r#"{"amount":1.10,"to":{"iban":"X","name":"Ada"}}"#));
    assert_eq!(again["approval_id"], first["approval_id"]);
    for other in [
        r#"{"amount":1.1,"to":{"iban":"X","name":"Ada"}}"#,
        r#"{"amount":1.10,"to":{"iban":"Ada","name":"X"}}"#,
    ] {
        let other = decision(&pay(&attack, other));
        assert_ne!(other["approval_id"], first["approval_id"], "another call");
    }
    let id = first["approval_id"].as_str().unwrap();
    let shown = attack.world.cli(&["approval", "show", id]).1;
    let places = ["\"amount\": 1.10", "\"iban\": \"X\"", "\"name\": \"Ada\"", "\"name\": \"pay\""]
        .map(|text| shown.find(text).unwrap_or_else(|| panic!("no {text} in {shown}")));
    assert!(places.is_sorted(), "{shown}");
    assert_eq!(attack.world.cli(&["approval", "approve", id]).0, 0);
    let done = pay(&attack, r#"{"to":{"iban":"X","name":"Ada"},"amount":1.10}"#);
    assert_eq!(done["result"]["content"][0]["text"], "done", "{done}");
    let arrived = attack.arrived("tools/call");
    let [(_, body)] = &arrived[..] else { panic!("{arrived:?}") };
    assert!(
        body.contains(r#"{"amount":1.10,"to":{"iban":"X","name":"Ada"}}"#),
        "what people read is sent: {body}"
    );
}
