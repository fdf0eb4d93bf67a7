//! Errors, notices, notifications and settings.

use std::sync::Arc;

use super::*;
use crate::domain::connection::Notifications;
use crate::domain::{Entity, MaskOp};
use crate::mask::Plan;
use crate::protocol::postgres::rows::{WITHHELD, clear_notification, clear_report, clear_status};
use crate::protocol::postgres::wire::back::{BackMessage, Notification, ParameterStatus};
use crate::protocol::postgres::wire::tag::BackTag;

fn rules() -> Arc<Plan> {
    plan(&[(&["ssn"], &[Entity::UsSsn, Entity::EmailAddress], MaskOp::Redact)])
}

/// Returns the exposure of a text that changes rows with masked values and runs no unknown code.
fn changes() -> Exposure {
    let masked = crate::protocol::postgres::catalog::tests::masked();
    let relation = crate::domain::sql::Relation {
        object: crate::domain::sql::Object { schema: None, name: "customers".into() },
        access: crate::domain::sql::Access::Write,
        only: false,
    };
    let effects = crate::domain::sql::Effects { relations: [relation].into(), ..Default::default() };
    Exposure::of(Some(&effects), &masked, false, false)
}

/// Returns the fields of an error, as `letter:text`, once it is masked; `None` if it stays as it is.
fn cleared(fields: &[&str], plan: &Plan, exposure: Exposure) -> Option<Vec<String>> {
    cleared_with(fields, plan, exposure, false)
}

/// Returns the same where policies may depend on columns.
fn cleared_with(fields: &[&str], plan: &Plan, exposure: Exposure, columns: bool) -> Option<Vec<String>> {
    let mut body: Vec<u8> = fields.iter().flat_map(|field| [field.as_bytes(), b"\0"].concat()).collect();
    body.push(0);
    let BackMessage::ErrorResponse(report) = BackMessage::read(BackTag::ErrorResponse, &body).unwrap() else {
        panic!("an error")
    };
    let frame = clear_report(BackTag::ErrorResponse, &report, plan, exposure, columns, &mut Notes::new())?;
    assert_eq!(u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize, frame.len() - 1);
    let body = frame::body(&frame);
    let BackMessage::ErrorResponse(report) = BackMessage::read(BackTag::ErrorResponse, body).unwrap() else {
        panic!("an error")
    };
    let shown = |(field, text): (crate::protocol::postgres::wire::back::Field, &[u8])| {
        format!("{}{}", char::from(field.0), String::from_utf8_lossy(text))
    };
    Some(report.fields().map(shown).collect())
}

const FAILED: [&str; 17] = [
    "SERROR",
    "VERROR",
    "C23505",
    "Mfailed: 219-09-9999",
    "DKey (ssn)=(219-09-9999) already exists.",
    "Htry",
    "P7",
    "p8",
    "qselect '219-09-9999'",
    "Wfunction f(219-09-9999)",
    "spublic",
    "tcustomers",
    "cssn",
    "ncustomers_ssn_key",
    "Fnbtinsert.c",
    "L664",
    "R_bt_check_unique",
];

#[test]
fn a_report_that_may_quote_masked_values_keeps_its_kind_and_its_names() {
    let plan = rules();
    let names = ["SERROR", "VERROR", "C23505"];
    let withheld = format!("M{WITHHELD}");
    let mut wanted: Vec<&str> = names.to_vec();
    wanted.extend([withheld.as_str(), "P7", "spublic", "tcustomers", "cssn", "ncustomers_ssn_key"]);
    assert!(changes().reports() && !changes().code());
    assert_eq!(cleared(&FAILED, &plan, changes()).unwrap(), wanted);
    // A user's code can write anything into the names, too.
    let wanted = [names[0], names[1], names[2], withheld.as_str(), "P7"];
    assert_eq!(cleared(&FAILED, &plan, Exposure::ALL).unwrap(), wanted);
    // Unknown fields.
    assert_eq!(cleared(&["SERROR", "Z219-09-9999"], &plan, changes()).unwrap(), ["SERROR"]);
}

/// Fixed words, and what the server says of a text that it does not understand, hold no value of a row.
#[test]
fn a_message_that_can_hold_no_value_is_told() {
    let plan = rules();
    let failed = "current transaction is aborted, commands ignored until end of transaction block";
    for (fields, told) in [
        (&["C25P02", failed][..], true),
        (&["C40P01", "deadlock detected"], true),
        (&["C57014", "canceling statement due to statement timeout"], true),
        (&["C42P01", "relation \"nosuch\" does not exist", "P15"], true),
        (&["C42703", "column \"nme\" does not exist", "P8"], true),
        // What is run, not read, has no place in the text; what a function runs has a context.
        (&["C42P01", "relation \"078-05-1001\" does not exist"], false),
        (&["C42P01", "relation \"078-05-1001\" does not exist", "P1", "WSQL statement"], false),
        (&["C42P01", "relation \"078-05-1001\" does not exist", "P1", "qSELECT"], false),
        (&["C42P01", "relation \"078-05-1001\" does not exist", "P1", "p3"], false),
        (&["C22P02", "invalid input syntax for type integer: \"078-05-1001\"", "P8"], false),
        (&["C40P01", "deadlock detected 078-05-1001"], false),
        (&["CP0001", "078-05-1001"], false),
    ] {
        let [code, message, rest @ ..] = fields else { panic!("{fields:?}") };
        let message = format!("M{message}");
        let mut all = vec!["SERROR", *code, &message, "DKey (ssn)=(078-05-1001)"];
        all.extend(rest);
        let out = cleared(&all, &plan, changes()).unwrap();
        assert_eq!(out.contains(&message), told, "{fields:?} {out:?}");
        assert!(out.iter().all(|field| !field.starts_with('D') && !field.starts_with('W')), "{out:?}");
        let code = cleared(&all, &plan, Exposure::ALL).unwrap();
        assert_eq!(code.contains(&message), told && !fields[0].starts_with("C42"), "{fields:?} {code:?}");
    }
}

#[test]
fn other_reports_are_searched() {
    let plan = rules();
    let fields = cleared(&FAILED, &plan, Exposure::NOTHING).unwrap();
    assert_eq!(fields.len(), FAILED.len());
    assert!(fields.iter().all(|field| !field.contains("219-09-9999")), "{fields:?}");
    assert_eq!(fields[3], "Mfailed: [REDACTED]");
    assert_eq!(fields[14..], FAILED[14..]);
    let harmless = ["SERROR", "VERROR", "C42P01", "Mrelation \"x\" does not exist", "P15"];
    assert_eq!(cleared(&harmless, &plan, Exposure::NOTHING), None);
    let name = cleared(&["SERROR", "Mno", "calice@example.com"], &plan, Exposure::NOTHING).unwrap();
    assert_eq!(name, ["SERROR", "Mno", "c[REDACTED]"]);
    assert_eq!(cleared(&FAILED, &super::plan(&[]), Exposure::ALL), None, "nothing is masked");
}

#[test]
fn the_detail_of_a_row_goes_where_policies_go_by_columns() {
    let state = |state: &str, plan: &Plan| {
        let fields = ["SERROR", state, "Mno", "DFailing row contains (1, x)."];
        cleared_with(&fields, plan, Exposure::NOTHING, true)
    };
    for (code, gone) in
        [("C23502", true), ("C23505", true), ("C44000", true), ("Cx", true), ("C42703", false)]
    {
        let wanted = gone.then(|| vec!["SERROR".to_owned(), code.to_owned(), "Mno".to_owned()]);
        assert_eq!(state(code, &plan(&[])), wanted, "{code}");
        assert_eq!(state(code, &rules()), wanted, "{code}");
    }
}

#[test]
fn the_payload_of_a_notification_is_redacted_where_masks_have_fields() {
    let notification = Notification { process: 7, channel: b"news", payload: b"anything" };
    let cleared = |notification: &Notification<'_>, plan: &Plan, payloads| {
        let mut notes = Notes::new();
        let frame = clear_notification(notification, plan, payloads, &mut notes)?;
        assert_eq!(notes.total(), 1);
        match BackMessage::read(BackTag::NotificationResponse, frame::body(&frame)) {
            Ok(BackMessage::NotificationResponse(told)) => Some(told.payload.to_vec()),
            other => panic!("{other:?}"),
        }
    };
    let (redact, pass) = (Notifications::Redact, Notifications::Pass);
    assert_eq!(cleared(&notification, &rules(), redact), Some(b"[REDACTED]".to_vec()));
    assert_eq!(cleared(&notification, &rules(), pass), None);
    assert_eq!(cleared(&Notification { payload: b"", ..notification }, &rules(), redact), None);
    let shapes = plan(&[(&[], &[Entity::UsSsn], MaskOp::Redact)]);
    assert_eq!(cleared(&notification, &shapes, redact), None);
}

#[test]
fn notifications_are_searched() {
    let plan = rules();
    let pass = Notifications::Pass;
    let mut notes = Notes::new();
    let notification = Notification { process: -7, channel: b"news", payload: b"it is 219-09-9999" };
    let frame = clear_notification(&notification, &plan, pass, &mut notes).unwrap();
    let wanted = Notification { payload: b"it is [REDACTED]", ..notification };
    assert_eq!(
        BackMessage::read(BackTag::NotificationResponse, frame::body(&frame)),
        Ok(BackMessage::NotificationResponse(wanted))
    );
    assert_eq!((frame[0], notes.total()), (b'A', 1));
    let harmless = Notification { payload: b"hello", ..notification };
    assert!(clear_notification(&harmless, &plan, pass, &mut notes).is_none());
}

#[test]
fn settings_are_searched_and_free_ones_withheld() {
    let plan = rules();
    for (name, value, exposure, wanted) in [
        ("application_name", "psql", Exposure::NOTHING, None),
        ("application_name", "219-09-9999", Exposure::NOTHING, Some("[REDACTED]")),
        ("application_name", "anything", Exposure::ALL, Some("[REDACTED]")),
        ("client_encoding", "UTF8", Exposure::ALL, None),
        ("server_version", "15.20 (Debian 15.20-0+deb12u1)", Exposure::NOTHING, None),
    ] {
        let status = ParameterStatus { name: name.as_bytes(), value: value.as_bytes() };
        let frame = clear_status(&status, &plan, exposure, &mut Notes::new());
        let wanted = wanted.map(|wanted| ParameterStatus { name: name.as_bytes(), value: wanted.as_bytes() });
        let found = frame.as_ref().map(|frame| ParameterStatus::read(frame::body(frame)).unwrap());
        assert_eq!(found, wanted, "{name} {value}");
    }
}
