//! Edits change what they name and nothing else.

use proptest::prelude::*;
use serde_json::Value as Tree;

use super::*;
use crate::domain::json::cursor::Cursor;
use crate::domain::json::cursor::Span;
use crate::protocol::mcp::codec::splice::Edit;
use crate::protocol::mcp::codec::splice::End;
use crate::protocol::mcp::codec::splice::SpliceError;
use crate::protocol::mcp::codec::splice::apply;
use crate::protocol::mcp::codec::splice::insert_members;
use crate::protocol::mcp::codec::splice::remove_elements;
use crate::protocol::mcp::codec::splice::sort;

const fn span(start: usize, end: usize) -> Span {
    Span { start, end }
}

#[test]
fn without_edits_it_is_the_same_body() {
    let body = Bytes::from(vec![b'x'; 9]);
    let out = apply(&body, &[]).unwrap();
    assert_eq!(out.as_ptr(), body.as_ptr());
}

#[test]
fn edits_take_their_places() {
    let body = Bytes::from_static(b"0123456789");
    let edits = [
        Edit::insert(0, "<"),
        Edit::replace(span(1, 3), "ab"),
        Edit::remove(span(3, 4)),
        Edit::insert(5, "x"),
        Edit::insert(5, "y"),
        Edit::replace(span(5, 6), ""),
        Edit::insert(10, ">"),
    ];
    assert_eq!(apply(&body, &edits).unwrap(), "<0ab4xy6789>");
}

#[test]
fn edits_that_do_not_fit_change_nothing() {
    let body = Bytes::from_static(b"0123");
    for (edits, error) in [
        (vec![Edit::remove(span(0, 2)), Edit::remove(span(1, 3))], SpliceError::Overlap { at: 1, ahead: 2 }),
        (vec![Edit::insert(3, "a"), Edit::insert(2, "b")], SpliceError::Overlap { at: 2, ahead: 3 }),
        (vec![Edit::remove(span(3, 5))], SpliceError::Outside { span: span(3, 5), length: 4 }),
        (vec![Edit::remove(span(3, 2))], SpliceError::Outside { span: span(3, 2), length: 4 }),
        (
            vec![Edit::remove(span(usize::MAX, usize::MAX))],
            SpliceError::Outside { span: span(usize::MAX, usize::MAX), length: 4 },
        ),
    ] {
        assert_eq!(apply(&body, &edits), Err(error));
    }
}

#[test]
fn members_are_put_in_at_either_end() {
    for (object, end, wanted) in [
        ("{}", End::First, r#"{"a\"":1,"b":[2]}"#),
        ("{ \n}", End::Last, "{ \n\"a\\\"\":1,\"b\":[2]}"),
        (r#"{"x":{}}"#, End::First, r#"{"a\"":1,"b":[2],"x":{}}"#),
        (r#"{"x":{} }"#, End::Last, r#"{"x":{} ,"a\"":1,"b":[2]}"#),
    ] {
        let body = format!("[{object}]");
        let members: [(&str, &[u8]); 2] = [("a\"", b"1"), ("b", b"[2]")];
        let edit = insert_members(body.as_bytes(), span(1, 1 + object.len()), end, members).unwrap();
        let out = apply(&Bytes::from(body), &[edit]).unwrap();
        assert_eq!(out, format!("[{wanted}]"));
    }
    assert_eq!(insert_members(b"{}", span(0, 2), End::Last, []), None);
}

/// Returns the spans of the elements of an array `body`.
fn elements(body: &[u8]) -> Vec<Span> {
    let mut cursor = Cursor::new(body, 9).unwrap();
    let mut spans = Vec::new();
    cursor
        .array(|cursor| {
            spans.push(cursor.value()?.0);
            Ok::<(), crate::domain::json::JsonError>(())
        })
        .unwrap();
    spans
}

proptest! {
    #[test]
    fn what_is_replaced_by_itself_does_not_change(
        body in proptest::collection::vec(any::<u8>(), 0..60),
        seams in proptest::collection::vec(any::<usize>(), 0..9),
    ) {
        let mut ends: Vec<usize> = seams.iter().map(|seam| seam % (body.len() + 1)).collect();
        ends.sort_unstable();
        let body = Bytes::from(body);
        let mut edits: Vec<_> = ends
            .chunks_exact(2)
            .map(|pair| Edit::replace(span(pair[0], pair[1]), body.slice(pair[0]..pair[1])))
            .collect();
        prop_assert_eq!(&apply(&body, &edits).unwrap(), &body);
        edits.reverse();
        sort(&mut edits);
        prop_assert_eq!(&apply(&body, &edits).unwrap(), &body);
    }

    #[test]
    fn each_choice_of_elements_leaves_an_array_of_the_others(
        keeps in proptest::collection::vec(any::<bool>(), 0..9),
        blanks in proptest::collection::vec("[ \n]{0,2}", 20),
        mark: bool,
    ) {
        let mut blanks = blanks.into_iter().cycle();
        let mut blank = || blanks.next().unwrap();
        let written: Vec<_> = (0..keeps.len()).map(|n| format!("{}{{\"n\":{n}}}{}", blank(), blank())).collect();
        let body = if keeps.is_empty() { format!("[{}]", blank()) } else { format!("[{}]", written.join(",")) };
        let spans = elements(body.as_bytes());
        let mut edits = remove_elements(&spans, |place| !keeps[place]);
        if mark {
            // Kept elements can be edited as well.
            edits.extend(spans.iter().zip(&keeps).filter(|(_, keep)| **keep).map(|(at, _)| {
                Edit::insert(at.end - 1, ",\"m\":0")
            }));
            sort(&mut edits);
        }
        let out = apply(&Bytes::from(body), &edits).unwrap();
        let tree: Tree = serde_json::from_slice(&out).unwrap();
        let left: Vec<_> = tree.as_array().unwrap().iter().map(|element| element["n"].as_u64().unwrap()).collect();
        let wanted: Vec<_> = (0_u64..).zip(&keeps).filter(|(_, keep)| **keep).map(|(n, _)| n).collect();
        prop_assert_eq!(left, wanted);
        prop_assert!(tree.as_array().unwrap().iter().all(|element| element.get("m").is_some() == mark));
    }
}
