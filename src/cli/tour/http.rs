//! The tour of an HTTP API.

use crate::cli::tour::Step;
use crate::cli::tour::Tour;

/// Returns the steps.
pub(super) fn steps(tour: &Tour) -> Vec<Step> {
    let bearer = r#"-H "Authorization: Bearer $T""#;
    let bad = |fault| {
        let token = format!("$(hoopctl token mint --as agent-7 --group support {fault})");
        format!(r#"curl -s -H "Authorization: Bearer {token}" $CRM/customers/7"#)
    };
    vec![
        ("0  the way to the demo, and a token of an app in the group support", tour.setup()),
        ("1  a read: personal data is masked", vec![format!("curl -s {bearer} $CRM/customers/7")]),
        (
            "2  a delete: blocked, and why",
            vec![
                format!("curl -s -X DELETE {bearer} $CRM/customers/7"),
                "hoopctl policy explain --as agent-7 --group support --connection crm DELETE /customers/7"
                    .to_owned(),
            ],
        ),
        (
            "3  a change: held until you approve exactly this one",
            vec![
                format!(
                    r#"curl -s -X PATCH {bearer} -H "Content-Type: application/json" -d '{{"tier":"gold"}}' $CRM/customers/7 &"#
                ),
                "hoopctl approval list --wait 10s".to_owned(),
                "hoopctl approval approve last -r INC-4411; wait".to_owned(),
            ],
        ),
        (
            "4  what happened: at its own pace (q leaves), and proof that the recording is as it was written",
            vec!["hoopctl replay last --idle-limit 1s".to_owned(), "hoopctl session verify last".to_owned()],
        ),
        (
            "5  tokens that are refused: expired, and meant for somebody else",
            vec![bad("--expired"), bad("--wrong-audience")],
        ),
        (
            "6  a lock: cuts a live stream at once",
            vec![
                format!("curl -sN {bearer} $CRM/events &"),
                "sleep 2; hoopctl lock add principal:dev/agent-7 -r 'trying it' --for 5s; wait".to_owned(),
            ],
        ),
    ]
}
