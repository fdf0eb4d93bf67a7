//! The page in its main states, and that text written by an agent never leaves its place.

use std::path::Path;

use proptest::prelude::*;

use crate::control::noun::gateway::CallerReport;
use crate::control::page::view::View;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalDecision;
use crate::domain::approval::ApprovalSpec;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::command::Class;
use crate::domain::principal::Kind;

const NOW_MS: i64 = 1_795_000_000_000;

fn approval() -> Approval {
    Approval {
        id: "apr_01jx0000000000000000000000".parse().unwrap(),
        state: ApprovalState::Pending,
        principal: "idp/etl".to_owned(),
        label: "etl-agent".to_owned(),
        kind: Kind::App,
        groups: vec!["etl".to_owned(), "batch".to_owned()],
        source: "10.2.0.14".to_owned(),
        connection: "appdb".parse().unwrap(),
        session: "ses_01jx0000000000000000000001".parse().unwrap(),
        request: "req_01jx0000000000000000000002".parse().unwrap(),
        rule: "writes-need-approval".to_owned(),
        spec: ApprovalSpec {
            from: vec!["dba".to_owned()],
            min: 1,
            timeout_s: 600,
            reason: false,
            grant: GrantScope::Once,
        },
        digest: "9c".repeat(32),
        class: Class::Write,
        summary: "UPDATE customers".to_owned(),
        detail: "UPDATE customers\n\tSET tier = 'gold'\n WHERE id IN (7, 9, 12);\n".to_owned(),
        truncated: false,
        reason: "backfill tier after INC-4411".to_owned(),
        revision: 41,
        created_ms: NOW_MS - 30_000,
        expires_ms: NOW_MS + 250_000,
        decisions: Vec::new(),
        grant: None,
    }
}

fn you() -> CallerReport {
    CallerReport {
        principal: "idp/kate".to_owned(),
        groups: vec!["dba".to_owned()],
        manages: false,
        decides: true,
    }
}

fn shown(approval: &Approval, you: &CallerReport) -> String {
    View { approval, you, form_key: "K", now_ms: NOW_MS }.page()
}

/// Set `UPDATE_GOLDEN=1` to rewrite the pages, and review the difference.
#[test]
fn the_main_states_look_as_they_should() {
    let said = ApprovalDecision {
        by: "idp/ben".to_owned(),
        approve: true,
        reason: "INC-4411".to_owned(),
        at_ms: NOW_MS - 5_000,
    };
    let two = ApprovalSpec {
        min: 2,
        reason: true,
        grant: GrantScope::Window(std::time::Duration::from_mins(15)),
        ..approval().spec
    };
    let hostile = "</li></ol><form action=\"https://evil.example\"><button>Approve</button></form>\n\
                   \"><script>alert(1)</script>\n\
                   It was approved \u{202e}reversed\u{202c} zero\u{200b}width\r\n\
                   \u{1b}[2J\u{0} &lt;b&gt; a\u{301}\u{301}";
    let mut wrong = Vec::new();
    for (name, approval, you) in [
        ("waits", approval(), you()),
        ("high", Approval { class: Class::Ddl, ..approval() }, you()),
        ("two", Approval { spec: two, decisions: vec![said.clone()], ..approval() }, you()),
        ("truncated", Approval { truncated: true, ..approval() }, you()),
        ("own", approval(), CallerReport { principal: "idp/etl".to_owned(), ..you() }),
        ("viewer", approval(), CallerReport { decides: false, groups: vec![], ..you() }),
        ("expired", Approval { expires_ms: NOW_MS, ..approval() }, you()),
        ("used", Approval { state: ApprovalState::Used, decisions: vec![said], ..approval() }, you()),
        (
            "hostile",
            Approval {
                label: "Kate</dd><dt>Class and risk</dt><dd>read, risk low".to_owned(),
                reason: "ok\nClass and risk: read\u{2066}".to_owned(),
                detail: hostile.to_owned(),
                ..approval()
            },
            you(),
        ),
    ] {
        let page = shown(&approval, &you);
        // The style sheet is the same everywhere; another test compares its hash with the header.
        let (head, rest) = page.split_once("<style>").unwrap();
        let page = format!("{head}<style>{}", &rest[rest.find("</style>").unwrap()..]);
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/page/{name}.html"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
            std::fs::write(&golden, &page).unwrap();
        }
        let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
        if page != wanted {
            wrong.push(format!("{name}\n--- wanted\n{wanted}--- got\n{page}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn tags(page: &str) -> usize {
    page.matches('<').count()
}

proptest! {
    /// Whatever the texts are, the page has the same elements as with other texts of as many rows.
    #[test]
    fn no_text_leaves_its_element(detail in any::<String>(), label in any::<String>(), reason in any::<String>(), rule in any::<String>()) {
        let page = |detail: &str, label: &str, reason: &str, rule: &str| {
            let approval = Approval {
                detail: detail.to_owned(), label: label.to_owned(), reason: reason.to_owned(),
                rule: rule.to_owned(), ..approval()
            };
            shown(&approval, &you())
        };
        let hostile = page(&detail, &label, &reason, &rule);
        let rows: String = detail.chars().filter(|c| *c == '\n').collect();
        let plain = page(&rows, "x", if reason.is_empty() { "" } else { "x" }, "x");
        prop_assert_eq!(tags(&hostile), tags(&plain));
        prop_assert_eq!(hostile.matches('>').count(), plain.matches('>').count());
        prop_assert_eq!(hostile.matches('"').count(), plain.matches('"').count());
    }
}

#[test]
fn the_forms_stand_below_all_that_others_wrote() {
    let texts = Approval {
        label: "@@".to_owned(),
        reason: "@@".to_owned(),
        detail: "@@\n".repeat(1000) + "@@",
        ..approval()
    };
    let page = shown(&texts, &you());
    assert!(page.rfind("@@").unwrap() < page.find("name=\"decision\"").unwrap());
    assert_eq!(page.matches("<li>").count(), 1001);
}
