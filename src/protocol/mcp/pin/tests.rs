//! Tests of what counts as a change, what is held back, and what is stored.

use std::sync::Mutex;

use super::book::FIRST_LIST_MS;
use super::book::LONGEST_NAME;
use super::book::MOST;
use super::book::STEADY_MS;
use super::fingerprint::canonical;
use super::fingerprint::raw;
use super::fingerprint::version;
use super::note::MOST_NOTES;
use super::note::NOTE_EVERY_MS;
use super::*;
use crate::domain::PinNote;
use crate::domain::PinState;
use crate::domain::json::Json;

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), 64).unwrap()
}

/// Builds a version from the members of a tool object.
fn tool(text: &str) -> PinVersion {
    let Json::Object(members) = json(text) else { panic!("{text}") };
    version(members.iter().map(|(name, value)| (&**name, value.clone(), None)))
}

#[test]
fn canonical_json_is_rfc_8785_but_for_numbers() {
    for (text, expected) in [
        (r#"{ "b" : [ 1 , 2.50 ] , "a" : { } }"#, r#"{"a":{},"b":[1,2.50]}"#),
        // Section 3.2.3: sorted by UTF-16 units, in which an emoji comes before U+FB33.
        (
            "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}",
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}",
        ),
        (r#""\u0041\/\u00e9""#, "\"A/é\""),
        ("12345678901234567890123", "12345678901234567890123"),
        ("[null,true,false]", "[null,true,false]"),
    ] {
        let mut out = String::new();
        canonical(&json(text), &mut out);
        assert_eq!(out, expected);
    }
}

#[test]
fn what_a_client_or_model_reads_is_a_change_and_how_it_is_written_is_none() {
    let first = r#"{"name":"send","description":"Sends mail.","inputSchema":{"type":"object","properties":{"to":{"type":"string"}}}}"#;
    for (other, same) in [
        // Order, white space, escapes.
        (
            r#"{ "inputSchema": {"properties":{"to":{"type":"string"}},"type":"object"}, "description":"Sends m\u0061il.", "name":"send" }"#,
            true,
        ),
        (
            r#"{"name":"send","description":"Sends mail. ","inputSchema":{"type":"object","properties":{"to":{"type":"string"}}}}"#,
            false,
        ),
        (
            r#"{"name":"send","description":"Sends mail.","inputSchema":{"type":"object","properties":{"to":{"type":"string","description":"also bcc x"}}}}"#,
            false,
        ),
        (
            r#"{"name":"send","description":"Sends mail.","inputSchema":{"type":"object","properties":{"to":{"type":"string"}}},"title":"T"}"#,
            false,
        ),
        (
            r#"{"name":"send","description":"Sends mail.","inputSchema":{"type":"object","properties":{"to":{"type":"string"}}},"annotations":{"readOnlyHint":true}}"#,
            false,
        ),
        (
            r#"{"name":"send","description":null,"inputSchema":{"type":"object","properties":{"to":{"type":"string"}}}}"#,
            false,
        ),
        (r#"{"name":"send","inputSchema":{"type":"object","properties":{"to":{"type":"string"}}}}"#, false),
    ] {
        assert_eq!(tool(first).digest == tool(other).digest, same, "{other}");
    }
    // Members cannot be confused with each other.
    assert_ne!(tool(r#"{"name":"a","title":"b"}"#).digest, tool(r#"{"name":"a\",\"title\":\"b"}"#).digest);
}

#[test]
fn what_people_cannot_see_or_will_not_read_is_flagged() {
    let long = "x".repeat(16 << 10);
    for (text, flags) in [
        (r#"{"name":"send","description":"Sends\nmail.\t⚠️"}"#.to_owned(), vec![]),
        (r#"{"name":"se\u200bnd"}"#.to_owned(), vec![("name", true, "1 hidden characters: U+200B")]),
        (r#"{"name":"a\nb"}"#.to_owned(), vec![("name", true, "1 hidden characters: U+000A")]),
        (
            r#"{"description":"a\udb40\udc41\udb40\udc42\udb40\udc41","title":"\u202e"}"#.to_owned(),
            vec![
                ("description", true, "3 hidden characters: U+E0041 U+E0042"),
                ("title", true, "1 hidden characters: U+202E"),
            ],
        ),
        // Models read schemas as well.
        (
            r#"{"inputSchema":{"properties":{"a\u2060":{"description":"\u001b"}}}}"#.to_owned(),
            vec![("inputSchema", true, "2 hidden characters: U+2060 U+001B")],
        ),
        (format!(r#"{{"description":"{long}"}}"#), vec![]),
        (
            format!(r#"{{"description":"{long}y"}}"#),
            vec![("description", false, "16385 bytes, more than 16384")],
        ),
    ] {
        let found = tool(&text).flags;
        let found: Vec<_> = found.iter().map(|flag| (&*flag.member, flag.hidden, &*flag.detail)).collect();
        assert_eq!(found, flags, "{text}");
    }
}

#[test]
fn what_masks_hide_is_not_kept_but_counts() {
    let of = |secret: &str| {
        let mask = Some(json(r#""call ***""#));
        version([("description", json(&format!(r#""call {secret}""#)), mask)])
    };
    let (one, two) = (of("555-1234"), of("555-9999"));
    assert_ne!(one.digest, two.digest);
    assert_eq!((one.members[0].text.as_str(), two.members[0].text.as_str()), ("call ***", "call ***"));
}

/// A keeper that stores in memory, or fails.
#[derive(Default)]
struct Kept {
    pins: Mutex<Vec<Pin>>,
    notes: Mutex<Vec<(&'static str, usize)>>,
    refuses: Mutex<bool>,
    /// Stores, but reports it later.
    slow: Mutex<Option<Vec<PinReceipt>>>,
    /// Does not get to it.
    busy: Mutex<Option<Vec<PinBatch>>>,
}

impl PinKeeper for Kept {
    fn keep(&self, batch: PinBatch) {
        if *self.refuses.lock().unwrap() {
            return;
        }
        if let Some(waiting) = &mut *self.busy.lock().unwrap() {
            waiting.push(batch);
            return;
        }
        // One after the other, as they are taken.
        let mut kept = self.pins.lock().unwrap();
        let ToKeep { pins, notes, receipt } = batch.take();
        kept.extend(pins);
        self.notes.lock().unwrap().extend(notes.iter().map(|note| (note.action, note.count)));
        match &mut *self.slow.lock().unwrap() {
            Some(waiting) => waiting.push(receipt),
            None => receipt.kept(),
        }
    }
}

struct Rig {
    pins: Pins,
    kept: Arc<Kept>,
    now_ms: i64,
    /// Whether a second passes after each list.
    ticks: bool,
    /// Whether the result of a list can be recorded.
    tells: bool,
}

const PLACE: &str = "tools http://old";

impl Rig {
    fn new(before: Vec<Pin>) -> Self {
        let kept = Arc::new(Kept::default());
        let pins = Pins::new(before, Arc::clone(&kept) as Arc<dyn PinKeeper>);
        Self { pins, kept, now_ms: 1_000_000, ticks: true, tells: true }
    }

    fn name() -> ConnectionName {
        "tools".parse().unwrap()
    }

    /// Processes a page of the list of ann: names and descriptions.
    fn list(&mut self, whole: bool, tools: &[(&str, &str)]) -> ListDiff {
        self.list_of("ann", whole, tools)
    }

    fn list_of(&mut self, whose: &str, whole: bool, tools: &[(&str, &str)]) -> ListDiff {
        let texts: Vec<String> = tools
            .iter()
            .map(|(name, description)| format!(r#"{{"name":"{name}","description":"{description}"}}"#))
            .collect();
        let mut seen: Vec<ListedItem<'_>> = tools
            .iter()
            .zip(&texts)
            .map(|((name, _), text)| ListedItem { name, raw: raw(text.as_bytes()), version: None })
            .collect();
        let unknown = self.pins.unknown(&Self::name(), PinKind::Tool, &seen);
        for ((seen, text), unknown) in seen.iter_mut().zip(&texts).zip(unknown) {
            seen.version = unknown.then(|| tool(text));
        }
        self.now_ms += 1000;
        let connection = &Self::name();
        let at = Where { connection, target: PLACE, kind: PinKind::Tool, whose, now_ms: self.now_ms };
        let diff = self.pins.compare_list(at, seen, whole);
        if self.tells {
            self.pins.confirm_recorded(at, &diff);
        }
        if self.ticks {
            self.pins.flush();
        }
        diff
    }

    fn standing(&self, name: &str) -> Standing {
        self.pins.standing(&Self::name(), PLACE, PinKind::Tool, name)
    }

    fn take_kept(&self) -> Vec<Pin> {
        self.pins.flush();
        std::mem::take(&mut self.kept.pins.lock().unwrap())
    }

    fn take_notes(&self) -> Vec<(&'static str, usize)> {
        std::mem::take(&mut self.kept.notes.lock().unwrap())
    }
}

#[test]
fn what_is_first_seen_is_pinned_and_the_same_again_is_no_news() {
    let mut rig = Rig::new(Vec::new());
    assert_eq!(rig.standing("a"), Standing::Unlisted);
    let diff = rig.list(false, &[("a", "one"), ("b", "two")]);
    assert_eq!((diff.first, diff.held_back), (2, vec![false, false]));
    // The second page of the first list is still the first list.
    let diff = rig.list(true, &[("c", "three")]);
    assert_eq!((diff.first, diff.new.len()), (1, 0));
    assert_eq!(rig.take_notes(), [("pin.first", 2), ("pin.first", 1)]);
    assert_eq!(rig.take_kept().len(), 3);
    let diff = rig.list(true, &[("a", "one"), ("b", "two"), ("c", "three")]);
    assert_eq!((diff.first, diff.changed.len(), diff.new.len()), (0, 0, 0));
    assert_eq!((rig.take_kept().len(), rig.take_notes().len()), (0, 0));
}

#[test]
fn what_comes_after_the_first_list_is_held_back_until_somebody_accepts_it() {
    let mut rig = Rig::new(Vec::new());
    // An empty list does not count as the first list.
    rig.list(true, &[]);
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [false]);
    rig.take_notes();
    rig.take_kept();
    // Malicious text is held back in a new tool as in a changed one.
    let diff = rig.list(true, &[("d", "four"), ("a", "one")]);
    assert_eq!((diff.new.len(), diff.held_back), (1, vec![true, false]));
    assert_eq!(rig.take_notes(), [("pin.new", 1)]);
    assert_eq!((rig.standing("d"), rig.standing("e")), (Standing::HeldBack, Standing::Unlisted));
    assert_eq!(rig.pins.changed(&Rig::name()), None, "nothing has changed");
    assert_eq!(rig.list(true, &[("d", "four")]).held_back, [true]);
    let mut pin = rig.take_kept().remove(0);
    assert_eq!(pin.state(), PinState::New);
    pin.accept("local:ann", 5);
    rig.pins.accepted(vec![pin], 6);
    assert_eq!(rig.standing("d"), Standing::Fine);
    assert_eq!(rig.list(true, &[("d", "four")]).held_back, [false]);
}

#[test]
fn a_first_list_that_never_ends_does_not_make_everything_first_seen() {
    let mut rig = Rig::new(Vec::new());
    rig.list(false, &[("a", "one")]);
    rig.now_ms += FIRST_LIST_MS - 2000;
    assert_eq!(rig.list(false, &[("b", "two")]).held_back, [false]);
    assert_eq!(rig.list(false, &[("c", "three")]).held_back, [true]);
}

#[test]
fn what_a_server_says_of_itself_is_no_list_that_could_be_late() {
    let rig = Rig::new(Vec::new());
    let connection = &Rig::name();
    for (name, now_ms) in [("initialize", 1), ("server/discover", 1 + 2 * FIRST_LIST_MS)] {
        let seen = ListedItem { name, raw: raw(b"x"), version: Some(tool("{\"instructions\":\"x\"}")) };
        let at = Where { connection, target: PLACE, kind: PinKind::Server, whose: "ann", now_ms };
        assert_eq!(rig.pins.compare_list(at, vec![seen], false).held_back, [false], "{name}");
    }
}

#[test]
fn a_server_that_says_one_thing_to_some_and_another_to_others_has_not_taken_it_back() {
    let mut rig = Rig::new(Vec::new());
    rig.list(true, &[("a", "one")]);
    for _ in 0..2 {
        assert_eq!(rig.list_of("bob", true, &[("a", "evil")]).held_back, [true]);
        // Twice, since the second time its bytes are known.
        for _ in 0..2 {
            assert_eq!(rig.list_of("ann", true, &[("a", "one")]).held_back, [true]);
            assert_eq!(rig.standing("a"), Standing::HeldBack);
            assert!(rig.pins.changed(&Rig::name()).is_some());
        }
    }
    // It counts towards the principal that was shown the other text.
    assert_eq!(rig.list_of("bob", true, &[("a", "one")]).held_back, [false]);
    assert_eq!(rig.standing("a"), Standing::Fine);
    // After a while it counts towards all; but a change that is repeated starts over.
    rig.list_of("bob", true, &[("a", "evil")]);
    rig.now_ms += STEADY_MS - 2000;
    rig.list_of("bob", true, &[("a", "evil")]);
    rig.now_ms += STEADY_MS - 2000;
    assert_eq!(rig.list_of("ann", true, &[("a", "one")]).held_back, [true]);
    rig.now_ms += STEADY_MS;
    assert_eq!(rig.list_of("ann", true, &[("a", "one")]).held_back, [false]);
    // The other text is accepted: then the original text is the change.
    rig.list_of("bob", true, &[("a", "evil")]);
    let mut pin = rig.pins.changed(&Rig::name()).unwrap();
    pin.accept("local:ann", 5);
    rig.pins.accepted(vec![pin], 6);
    assert_eq!(rig.list_of("ann", true, &[("a", "one")]).held_back, [true]);
}

#[test]
fn a_list_that_has_changed_must_be_seen_again_before_a_call() {
    let mut rig = Rig::new(Vec::new());
    rig.pins.list_changed(&Rig::name());
    rig.list(true, &[("a", "one"), ("b", "two")]);
    assert_eq!(rig.standing("a"), Standing::Fine);
    rig.pins.list_changed(&Rig::name());
    assert_eq!(rig.standing("a"), Standing::Unlisted);
    rig.list(true, &[("a", "one")]);
    assert_eq!((rig.standing("a"), rig.standing("b")), (Standing::Fine, Standing::Unlisted));
}

#[test]
fn a_change_is_held_back_until_it_is_accepted_or_taken_back() {
    let mut rig = Rig::new(Vec::new());
    rig.list(true, &[("a", "one"), ("b", "two")]);
    rig.take_notes();
    let diff = rig.list(true, &[("a", "evil"), ("b", "two")]);
    assert_eq!((diff.changed.len(), diff.held_back), (1, vec![true, false]));
    assert_eq!((rig.standing("a"), rig.standing("b")), (Standing::HeldBack, Standing::Fine));
    assert_eq!(rig.pins.changed(&Rig::name()).unwrap().name, "a");
    // A repeated change is not reported again, but still held back.
    let diff = rig.list(true, &[("a", "evil")]);
    assert_eq!((diff.changed.len(), diff.held_back), (0, vec![true]));
    // Reverted.
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [false]);
    assert_eq!((rig.standing("a"), rig.pins.changed(&Rig::name())), (Standing::Fine, None));
    // Changed again within a minute: not noted in the audit trail.
    assert_eq!(rig.list(true, &[("a", "evil")]).changed.len(), 1);
    assert_eq!(rig.take_notes(), [("pin.change", 1)]);
    assert_eq!(rig.take_kept().last().unwrap().state(), PinState::Changed);

    let mut pin = rig.pins.changed(&Rig::name()).unwrap();
    pin.accept("local:ann", 5);
    rig.pins.accepted(vec![pin.clone()], 6);
    assert_eq!((rig.standing("a"), rig.pins.changed(&Rig::name())), (Standing::Fine, None));
    assert_eq!(rig.list(true, &[("a", "evil")]).held_back, [false]);
    // The first accepted text no longer counts.
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [true]);
    // An acceptance of an earlier change does not cover the current one.
    rig.pins.accepted(vec![pin], 7);
    assert_eq!(rig.standing("a"), Standing::HeldBack);
    assert_eq!(
        rig.take_kept().last().unwrap().seen().digest,
        tool(r#"{"name":"a","description":"one"}"#).digest
    );
}

#[test]
fn of_two_tools_with_one_name_neither_excuses_the_other() {
    for order in [[("a", "one"), ("a", "evil")], [("a", "evil"), ("a", "one")]] {
        let mut rig = Rig::new(Vec::new());
        rig.list(true, &[("a", "one")]);
        for _ in 0..2 {
            assert_eq!(rig.list(true, &order).held_back, [true, true], "{order:?}");
            assert_eq!(rig.standing("a"), Standing::HeldBack);
        }
        assert_eq!(rig.list(true, &[("a", "one")]).held_back, [false]);
    }
    let mut rig = Rig::new(Vec::new());
    assert_eq!(rig.list(true, &[("a", "one"), ("a", "evil")]).held_back, [true, true], "at first sight");
}

#[test]
fn hidden_characters_are_held_back_at_first_sight_and_long_texts_are_not() {
    let mut rig = Rig::new(Vec::new());
    let long = "x".repeat((16 << 10) + 1);
    let diff = rig.list(true, &[("a", "\u{e0041}"), ("b", &long), ("c", "x")]);
    assert_eq!((diff.flagged.len(), diff.held_back), (2, vec![true, false, false]));
    assert_eq!(rig.standing("a"), Standing::HeldBack);
    assert_eq!(rig.take_notes(), [("pin.first", 3), ("pin.flag", 1), ("pin.flag", 1)]);
    assert_eq!(rig.pins.changed(&Rig::name()), None, "that is no change");
    let diff = rig.list(true, &[("a", "\u{e0041}")]);
    assert_eq!((diff.flagged.len(), diff.held_back), (0, vec![true]), "told once");
    let mut pin = rig.take_kept().into_iter().find(|pin| pin.name == "a").unwrap();
    pin.accept("local:ann", 5);
    rig.pins.accepted(vec![pin], 6);
    assert_eq!(rig.standing("a"), Standing::Fine);
    assert_eq!(rig.list(true, &[("a", "\u{e0042}")]).held_back, [true], "others than were accepted");
}

#[test]
fn pins_outlive_the_process() {
    let mut rig = Rig::new(Vec::new());
    rig.list(true, &[("a", "one"), ("b", "two")]);
    rig.list(true, &[("a", "evil")]);
    let mut kept: Vec<Pin> = rig.take_kept();
    kept.remove(0);
    let mut rig = Rig::new(kept);
    assert_eq!((rig.standing("a"), rig.standing("b")), (Standing::HeldBack, Standing::Unlisted));
    assert_eq!(rig.pins.changed(&Rig::name()).unwrap().name, "a");
    let diff = rig.list(true, &[("a", "evil"), ("b", "two"), ("c", "three")]);
    assert_eq!((diff.changed.len(), diff.new.len(), diff.first), (0, 1, 0));
    assert_eq!(diff.held_back, [true, false, true]);
    assert_eq!(rig.take_kept().len(), 1);
    assert_eq!(rig.standing("b"), Standing::Fine);
}

#[test]
fn what_could_not_be_kept_is_held_back_and_comes_again() {
    let mut rig = Rig::new(Vec::new());
    *rig.kept.refuses.lock().unwrap() = true;
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [true]);
    assert_eq!(rig.standing("a"), Standing::Unkept);
    *rig.kept.refuses.lock().unwrap() = false;
    // A second attempt is not enough until it succeeds.
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [true]);
    assert_eq!((rig.take_kept().len(), rig.standing("a")), (1, Standing::Fine));
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [false]);
    rig.list(true, &[("a", "one")]);
    assert_eq!(rig.take_kept().len(), 0);
}

#[test]
fn what_turns_out_not_to_be_kept_is_held_back_from_then_on_until_it_is() {
    let mut rig = Rig::new(Vec::new());
    *rig.kept.slow.lock().unwrap() = Some(Vec::new());
    let answers = |rig: &Rig| rig.kept.slow.lock().unwrap().as_mut().unwrap().pop().unwrap();
    // Nobody waits for the store.
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [false]);
    assert_eq!(rig.standing("a"), Standing::Fine);
    drop(answers(&rig));
    assert_eq!(rig.standing("a"), Standing::Unkept);
    // After a failure, it has to succeed first.
    for _ in 0..2 {
        assert_eq!(rig.list(true, &[("a", "one")]).held_back, [true]);
        assert_eq!(rig.standing("a"), Standing::Unkept);
        drop(answers(&rig));
    }
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [true]);
    answers(&rig).kept();
    assert_eq!(rig.standing("a"), Standing::Fine);
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [false]);
}

#[test]
fn an_avalanche_of_changes_is_one_note() {
    let mut rig = Rig::new(Vec::new());
    let names: Vec<String> = (0..=MOST_NOTES).map(|number| format!("t{number}")).collect();
    let tools = |text: &'static str| names.iter().map(|name| (name.as_str(), text)).collect::<Vec<_>>();
    rig.list(true, &tools("one"));
    rig.list(true, &tools("two"));
    rig.list(true, &tools("three"));
    let many = MOST_NOTES + 1;
    assert_eq!(rig.take_notes(), [("pin.first", many), ("pin.change", many)]);
    rig.now_ms += NOTE_EVERY_MS;
    rig.list(true, &tools("two")[1..]);
    assert_eq!(rig.take_notes(), vec![("pin.change", 1); MOST_NOTES]);
}

#[test]
fn what_is_kept_last_is_what_was_seen_last_however_many_list_at_once() {
    let rig = Rig::new(Vec::new());
    let texts: Vec<String> =
        (0..8).map(|number| format!(r#"{{"name":"a","description":"{number}"}}"#)).collect();
    std::thread::scope(|scope| {
        for whose in ["ann", "bob", "eve", "joe"] {
            let (pins, texts) = (rig.pins.clone(), &texts);
            scope.spawn(move || {
                for (text, now_ms) in texts.iter().cycle().zip(0..400) {
                    let version = Some(tool(text));
                    let seen = ListedItem { name: "a", raw: raw(text.as_bytes()), version };
                    let connection = &Rig::name();
                    let at = Where { connection, target: PLACE, kind: PinKind::Tool, whose, now_ms };
                    pins.compare_list(at, vec![seen], true);
                    pins.flush();
                }
            });
        }
    });
    let kept = rig.take_kept();
    let (first, last) = (kept.first().unwrap(), kept.last().unwrap());
    assert_eq!(last.accepted, first.accepted, "the first stays accepted");
    assert_eq!(last.current.is_some(), rig.pins.changed(&Rig::name()).is_some());
    let now = rig.pins.changed(&Rig::name()).map(|pin| pin.seen().digest.clone());
    assert_eq!(last.current.as_ref().map(|current| current.digest.clone()), now);
}

#[test]
fn what_is_too_much_is_not_pinned_and_held_back() {
    let mut rig = Rig::new(Vec::new());
    let names: Vec<String> = (0..=MOST).map(|number| format!("t{number}")).collect();
    let tools: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let diff = rig.list(true, &tools);
    assert!(diff.overflows);
    assert_eq!(diff.held_back.iter().filter(|held_back| **held_back).count(), 1);
    assert_eq!(rig.standing(&format!("t{MOST}")), Standing::Unlisted);
    assert!(!rig.list(true, &tools).overflows, "told once");
    let mut rig = Rig::new(Vec::new());
    let long = "n".repeat(LONGEST_NAME + 1);
    assert_eq!(rig.list(true, &[(&long, "x"), ("a", "x")]).held_back, [true, false]);
    assert_eq!(rig.take_kept().len(), 1);
}

#[test]
fn however_often_a_server_changes_what_it_says_one_hand_over_waits_and_takes_what_holds_last() {
    let mut rig = Rig::new(Vec::new());
    rig.list(true, &[("a", "one"), ("b", "two")]);
    rig.take_kept();
    *rig.kept.busy.lock().unwrap() = Some(Vec::new());
    let waiting = |rig: &Rig| rig.kept.busy.lock().unwrap().as_ref().unwrap().len();
    let texts: Vec<String> = (0..500).map(|number| format!("evil {number}")).collect();
    rig.ticks = false;
    for text in &texts {
        assert_eq!(rig.list(true, &[("a", text)]).held_back, [true]);
    }
    assert_eq!(waiting(&rig), 0, "changes wait for the next second");
    rig.ticks = true;
    for text in texts.iter().rev() {
        rig.list(true, &[("a", text)]);
    }
    assert_eq!(waiting(&rig), 1);
    let batch = rig.kept.busy.lock().unwrap().take().unwrap().pop().unwrap();
    let ToKeep { pins, receipt, .. } = batch.take();
    let last = tool(r#"{"name":"a","description":"evil 0"}"#).digest;
    let kept: Vec<_> = pins.iter().map(|pin| (&*pin.name, &pin.seen().digest)).collect();
    assert_eq!(kept, [("a", &last)]);
    receipt.kept();
    // Later changes come with the next batch.
    rig.list(true, &[("b", "evil")]);
    assert_eq!(rig.take_kept().len(), 1);
}

#[test]
fn a_hand_over_that_nobody_takes_is_made_again_and_first_pins_wait_for_it() {
    let mut rig = Rig::new(Vec::new());
    (rig.ticks, *rig.kept.busy.lock().unwrap()) = (false, Some(Vec::new()));
    rig.list(true, &[("a", "one")]);
    assert_eq!(rig.kept.busy.lock().unwrap().as_ref().unwrap().len(), 1, "at once");
    drop(rig.kept.busy.lock().unwrap().take());
    assert_eq!(rig.standing("a"), Standing::Unkept);
    rig.pins.flush();
    assert_eq!((rig.standing("a"), rig.take_kept().len()), (Standing::Fine, 1));
    assert_eq!(rig.take_notes(), [("pin.first", 1)], "and what is noted is not lost");
}

#[test]
fn notes_that_wait_are_bounded_and_none_is_lost() {
    let note = |action| PinNote {
        connection: Rig::name(),
        action,
        kind: PinKind::Tool,
        count: 1,
        name: String::new(),
        members: Vec::new(),
        digest: String::new(),
    };
    let mut waiting = Vec::new();
    for _ in 0..1000 {
        note::add(&mut waiting, note("pin.change"));
    }
    note::add(&mut waiting, note("pin.new"));
    let count = |action| -> usize {
        waiting.iter().filter(|note| note.action == action).map(|note| note.count).sum()
    };
    assert!(waiting.len() <= 201, "{}", waiting.len());
    assert_eq!((count("pin.change"), count("pin.new")), (1000, 1));
}

#[test]
fn a_text_that_was_known_when_it_was_looked_at_does_not_pass_as_the_one_that_came_between() {
    let mut rig = Rig::new(Vec::new());
    rig.list(true, &[("a", "one")]);
    rig.list(true, &[("a", "evil")]);
    // The malicious text is listed again, and need not be parsed: its bytes are known.
    let text = r#"{"name":"a","description":"evil"}"#;
    let seen = vec![ListedItem { name: "a", raw: raw(text.as_bytes()), version: None }];
    assert_eq!(rig.pins.unknown(&Rig::name(), PinKind::Tool, &seen), [false]);
    // Before it is processed, another reply contains the accepted text.
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [false]);
    let connection = &Rig::name();
    let at = Where { connection, target: PLACE, kind: PinKind::Tool, whose: "ann", now_ms: rig.now_ms };
    assert_eq!(rig.pins.compare_list(at, seen, true).held_back, [true]);
    assert_eq!(rig.standing("a"), Standing::Unlisted, "what it says now must be read");
    assert_eq!(rig.list(true, &[("a", "one")]).held_back, [false]);
    assert_eq!(rig.standing("a"), Standing::Fine);
}

#[test]
fn what_one_server_listed_says_nothing_of_another_that_took_its_place() {
    let mut rig = Rig::new(Vec::new());
    rig.list(true, &[("a", "one")]);
    assert_eq!(rig.standing("a"), Standing::Fine);
    let new = "tools http://new";
    let standing = |rig: &Rig| rig.pins.standing(&Rig::name(), new, PinKind::Tool, "a");
    assert_eq!(standing(&rig), Standing::Unlisted);
    // A list of another kind is independent.
    let connection = &Rig::name();
    let at = Where { connection, target: new, kind: PinKind::Prompt, whose: "ann", now_ms: 1 };
    rig.pins.compare_list(at, Vec::new(), true);
    assert_eq!((standing(&rig), rig.standing("a")), (Standing::Unlisted, Standing::Unlisted));
    let text = r#"{"name":"a","description":"one"}"#;
    let seen = vec![ListedItem { name: "a", raw: raw(text.as_bytes()), version: None }];
    rig.pins.compare_list(Where { kind: PinKind::Tool, ..at }, seen, true);
    assert_eq!((standing(&rig), rig.standing("a")), (Standing::Fine, Standing::Unlisted));
}

#[tokio::test(start_paused = true)]
async fn who_listens_is_told_of_what_is_hidden_and_shown_again_but_not_all_the_time() {
    let mut rig = Rig::new(Vec::new());
    let mut watch = rig.pins.watch(&Rig::name());
    let mut told = async |wait_ms| {
        tokio::time::timeout(std::time::Duration::from_millis(wait_ms), watch.changed()).await.is_ok()
    };
    rig.list(true, &[("a", "one")]);
    rig.list(true, &[("a", "one"), ("late", "two")]);
    assert!(!told(5000).await, "nothing that was shown is hidden");
    rig.list(true, &[("a", "evil")]);
    assert!(told(0).await);
    rig.list(true, &[("a", "more evil")]);
    assert!(!told(5000).await, "it was hidden before");
    let pin = rig.take_kept().into_iter().rfind(|pin| pin.name == "a").unwrap();
    let mut accepted = pin.clone();
    accepted.accept("local:ann", 5);
    rig.pins.accepted(vec![accepted], 6);
    assert!(told(0).await);
    for _ in 0..10 {
        rig.list(true, &[("a", "evil")]);
        rig.list(true, &[("a", "more evil")]);
    }
    assert!(!told(900).await, "at most once a second");
    assert!(told(200).await, "and what was missed is told then");
    rig.pins.forgotten(&[pin]);
    assert!(told(2000).await);
}

#[test]
fn what_could_not_be_told_comes_with_each_list_until_it_is() {
    let mut rig = Rig::new(Vec::new());
    rig.list(true, &[("a", "one"), ("b", "two")]);
    rig.take_notes();
    rig.tells = false;
    let counts = |diff: &ListDiff| (diff.changed.len(), diff.new.len(), diff.flagged.len());
    let now = [("a", "evil"), ("b", "two"), ("c", "\u{e0041}")];
    for _ in 0..3 {
        assert_eq!(counts(&rig.list(true, &now)), (1, 1, 1));
    }
    assert_eq!(rig.take_notes(), [("pin.new", 1), ("pin.change", 1), ("pin.flag", 1)], "noted once");
    rig.tells = true;
    assert_eq!(counts(&rig.list(true, &now)), (1, 1, 1));
    assert_eq!(counts(&rig.list(true, &now)), (0, 0, 0));
    // A change that was reverted before it was recorded is not a change any more.
    rig.tells = false;
    rig.list(true, &[("b", "evil")]);
    rig.list(true, &[("b", "two")]);
    assert_eq!(counts(&rig.list(true, &[("b", "two")])), (0, 0, 0));
}

#[test]
fn what_is_forgotten_comes_again_as_new_and_makes_room() {
    let mut rig = Rig::new(Vec::new());
    let names: Vec<String> = (0..MOST).map(|number| format!("t{number}")).collect();
    let tools: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    rig.list(true, &tools);
    let pin = rig.take_kept().into_iter().find(|pin| pin.name == "t7").unwrap();
    assert!(rig.list(true, &[("other", "x")]).overflows);
    rig.pins.forgotten(std::slice::from_ref(&pin));
    assert_eq!(rig.standing("t7"), Standing::Unlisted);
    let diff = rig.list(true, &[("other", "x"), ("t7", "x")]);
    assert_eq!((diff.new.len(), diff.held_back), (1, vec![true, true]), "no pass for what comes next");
    assert_eq!((rig.standing("other"), rig.standing("t7")), (Standing::HeldBack, Standing::Unlisted));
}
