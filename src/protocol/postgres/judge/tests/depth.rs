//! Deep and long texts: they are answered, and the process survives.

use super::*;

/// Texts of different sizes, and whether they must be understood.
#[test]
fn deep_and_long_texts_get_an_answer() {
    let many = |text: &str, times: usize| text.repeat(times);
    let wrapped = |open: &str, inner: &str, close: &str, times: usize| {
        format!("SELECT {}{inner}{}", many(open, times), many(close, times))
    };
    for (what, sql, must_read) in [
        ("1000 parentheses", wrapped("(", "1", ")", 1000), true),
        ("50000 parentheses", wrapped("(", "1", ")", 50_000), false),
        ("20 kB of NOT", format!("SELECT {}true", many("NOT ", 5_000)), false),
        ("4000 NOT", format!("SELECT {}true", many("NOT ", 4_000)), true),
        ("50000 +1", format!("SELECT 1{}", many("+1", 50_000)), false),
        ("4000 +1", format!("SELECT 1{}", many("+1", 4_000)), true),
        ("4000 ||", format!("SELECT a{} FROM t", many("||a", 4_000)), true),
        ("49000 AND", format!("SELECT true{}", many(" AND true", 49_000)), true),
        ("400 sub-selects", wrapped("(SELECT ", "1", ")", 400), true),
        ("20000 sub-selects", wrapped("(SELECT ", "1", ")", 20_000), false),
        ("1000 calls", wrapped("lower(", "'a'", ")", 1000), true),
        ("20000 calls", wrapped("lower(", "'a'", ")", 20_000), false),
        ("20000 CASE", wrapped("CASE WHEN ", "true", " THEN 1 END", 20_000), false),
        ("20000 ARRAY", wrapped("ARRAY[", "1", "]", 20_000), false),
        ("1000 JOIN", format!("SELECT 1 FROM t{}", many(" JOIN t USING (a)", 1000)), true),
        ("3000 UNION", format!("SELECT 1{}", many(" UNION SELECT 1", 3_000)), true),
        ("50000 UNION", format!("SELECT 1{}", many(" UNION SELECT 1", 50_000)), false),
        ("20000 casts", format!("SELECT 1{}", many("::int", 20_000)), false),
        ("20000 indexes", format!("SELECT a{} FROM t", many("[1]", 20_000)), true),
        ("33000 statements", many("SELECT 1;", 33_000), true),
        ("1 MiB of short words", format!("SELECT a{}", many(",a", 500_000)), false),
        ("1 MiB of spaces", many(" ", 1024 * 1024), true),
        ("1 MiB of one literal", format!("SELECT '{}'", many("a", 1024 * 1024 - 9)), true),
        (
            "300 nested WITH",
            {
                let inner = many("WITH a AS (", 300);
                format!("{inner}SELECT 1{}", many(") SELECT 1 FROM a", 300))
            },
            true,
        ),
    ] {
        let judgement = judge(&sql);
        let expected =
            if must_read { judgement.class() == Class::Read } else { judgement.class() != Class::Write };
        assert!(
            expected,
            "{what}: {:?}",
            judgement.effects().map_or_else(|| format!("{judgement:?}"), |_| String::new())
        );
        assert!(!matches!(*judgement, Judgement::Unread(Unread::Failed)), "{what}: the parser failed");
    }
}

#[test]
fn deep_texts_hide_nothing() {
    for sql in [
        format!("SELECT {}purge(){}", "(".repeat(1000), ")".repeat(1000)),
        format!("SELECT {}purge()", "NOT ".repeat(4_000)),
        format!("SELECT purge(){}", "+1".repeat(4_000)),
        format!("SELECT purge(){}", " UNION SELECT 1".repeat(3_000)),
        format!("SELECT {}purge(){}", "(SELECT ".repeat(400), ")".repeat(400)),
    ] {
        assert_eq!(judge(&sql).class(), Class::Unknown);
        let effects = effects(&sql);
        assert_eq!(effects.reasons.len(), 1, "{:?}", effects.reasons);
    }
}

#[test]
fn too_many_names_are_unknown_and_quick() {
    let names: Vec<String> = (0..20_000).map(|number| format!("a{number} AS (SELECT 1 FROM a1)")).collect();
    let sql = format!("WITH {} SELECT 1", names.join(", "));
    assert_eq!(judge(&sql).class(), Class::Unknown);
}

#[test]
fn columns_of_one_alias_of_many_tables_are_bounded() {
    let list =
        |times: usize, one: &dyn Fn(usize) -> String| (0..times).map(one).collect::<Vec<_>>().join(", ");
    let text = |columns: usize, tables: usize| {
        let (columns, tables) = (list(columns, &|n| format!("a.c{n}")), list(tables, &|n| format!("t{n} a")));
        format!("SELECT {columns} FROM {tables}")
    };
    assert_eq!(judge(&text(300, 300)).effects().unwrap().columns.len(), 90_000);
    for sql in [
        text(2500, 2500),
        format!(
            "DELETE FROM x USING {} WHERE {}",
            list(1000, &|n| format!("t{n} a")),
            list(1000, &|n| format!("a.c{n}")).replace(',', " AND")
        ),
        format!("SELECT {} FROM {}", list(10_000, &|n| format!("c{n}")), list(10_000, &|n| format!("t{n}"))),
    ] {
        let began = std::time::Instant::now();
        assert_eq!(*judge(&sql), Judgement::Unread(Unread::TooLarge));
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    }
    // Many columns of few tables, and few of many, are usual.
    for sql in [text(5000, 3), text(3, 5000), format!("SELECT {} FROM t", list(20_000, &|n| format!("c{n}")))]
    {
        assert_eq!(judge(&sql).class(), Class::Read);
    }
}

#[test]
fn what_is_too_long_or_no_text_is_unknown() {
    let long = format!("SELECT 1{}", " ".repeat(1024 * 1024 - 7));
    assert_eq!(long.len(), 1024 * 1024 + 1);
    assert_eq!(*judge(&long), Judgement::Unread(Unread::TooLong));
    assert_eq!(*judge("SELECT 1\0; DELETE FROM t"), Judgement::Unread(Unread::Nul));
    assert_eq!(judge("").class(), Class::Read);
    assert_eq!(effects(" -- nothing\n ; ").statements, 0);
}

/// The deepest texts that the parser takes need the most stack.
#[test]
fn the_edge_of_what_the_parser_takes_is_carried() {
    for (what, open, inner, close) in [
        ("parentheses", "(", "1", ")"),
        ("NOT", "NOT ", "true", ""),
        ("minus", "- ", "a", ""),
        ("+1", "", "1", "+1"),
        ("casts", "", "1", "::int"),
        ("calls", "lower(", "'a'", ")"),
        ("CASE", "CASE WHEN ", "true", " THEN 1 END"),
        ("ARRAY", "ARRAY[", "1", "]"),
        ("ROW", "ROW(", "1", ")"),
        ("sub-selects", "(SELECT ", "1", ")"),
        ("FROM", "* FROM (SELECT ", "1", ") a"),
        ("EXISTS", "EXISTS (SELECT ", "1", ")"),
        ("UNION", "", "1", " UNION SELECT 1"),
        ("WITH", "(WITH a AS (SELECT ", "1", ") SELECT 1 FROM a)"),
        ("JSON", "JSON_ARRAY(", "1", ")"),
    ] {
        let class = |times: usize| {
            judge(&format!("SELECT {}{inner}{}", open.repeat(times), close.repeat(times))).class()
        };
        let (mut taken, mut refused) = (1, 12_000);
        while refused - taken > 1 {
            let middle = usize::midpoint(taken, refused);
            if class(middle) == Class::Read { taken = middle } else { refused = middle }
        }
        assert!(taken >= 200, "{what}: {taken}");
    }
}

#[test]
fn short_texts_of_any_depth_fit_on_the_stack_of_a_worker() {
    let thread = std::thread::Builder::new().stack_size(super::super::STACK_FOR_BRIEF);
    let worker = thread.spawn(|| {
        super::super::this_thread_is_deep();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let judge = Judge::start(1, Limits::default()).unwrap();
        for (open, close) in [
            ("(", ")"),
            ("NOT ", ""),
            ("- ", ""),
            ("ARRAY[", "]"),
            ("(SELECT ", ")"),
            ("f(", ")"),
            ("CASE WHEN ", ""),
        ] {
            let levels = (super::super::BRIEF - 20) / (open.len() + close.len());
            let text = format!("SELECT {}1{}", open.repeat(levels), close.repeat(levels));
            assert!(text.len() <= super::super::BRIEF);
            // Understood or refused by the grammar: it returns, and the parser has not failed.
            let judged = runtime.block_on(judge.judge(text.as_bytes(), Lexing::default()));
            assert_ne!(*judged, Judgement::Unread(Unread::Failed), "{text}");
        }
    });
    worker.unwrap().join().unwrap();
}
