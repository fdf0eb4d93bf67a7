//! Tests what a client may ask for in its startup packet (P5, P6, P31).

use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::protocol::postgres::wire::opening::Opener;
use crate::protocol::postgres::wire::opening::Opening;
use crate::protocol::postgres::wire::opening::Version;
use crate::protocol::postgres::wire::opening::write_startup;
use crate::protocol::postgres::wire::startup::Setting;
use crate::protocol::postgres::wire::startup::Startup;
use crate::protocol::postgres::wire::startup::StartupError;

fn start(version: Version, pairs: &[(&str, &str)]) -> Result<Startup, StartupError> {
    let mut out = BytesMut::new();
    write_startup(&mut out, version, pairs.iter().copied()).unwrap();
    let Ok(Some((Opening::Startup(packet), _))) = Opener::new().look(&out) else { panic!("no startup") };
    Startup::read(&packet)
}

/// Reads a startup packet with a user and this parameter.
fn with(name: &str, value: &str) -> Result<Startup, StartupError> {
    start(Version::V3_0, &[("user", "alice"), (name, value)])
}

fn forwarded(startup: &Startup) -> Vec<(&str, &str)> {
    startup.forwarded().collect()
}

#[test]
fn what_drivers_send_is_taken() {
    let libpq = start(
        Version::V3_0,
        &[("user", "alice"), ("database", "crm"), ("application_name", "psql"), ("client_encoding", "UTF8")],
    )
    .unwrap();
    assert_eq!((libpq.user.as_str(), libpq.database.as_str()), ("alice", "crm"));
    assert_eq!(libpq.setting(Setting::ApplicationName), Some("psql"));
    assert_eq!(forwarded(&libpq), [("application_name", "psql"), ("client_encoding", "UTF8")]);
    let pgjdbc = start(
        Version::V3_0,
        &[
            ("user", "alice"),
            ("database", "crm"),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO"),
            ("TimeZone", "Europe/Berlin"),
            ("extra_float_digits", "2"),
            ("search_path", "app,public"),
        ],
    )
    .unwrap();
    assert_eq!(
        forwarded(&pgjdbc),
        [
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO"),
            ("TimeZone", "Europe/Berlin"),
            ("extra_float_digits", "2"),
            ("search_path", r#""app", "public""#),
        ]
    );
    let pg_regress = with("options", "-c intervalstyle=postgres_verbose").unwrap();
    assert_eq!(pg_regress.setting(Setting::IntervalStyle), Some("postgres_verbose"));
    assert!(with("datestyle", "Postgres, MDY").is_ok(), "libpq sends PGDATESTYLE in lower case");
    assert_eq!(forwarded(&with("replication", "false").unwrap()), [("client_encoding", "UTF8")]);
}

#[test]
fn the_database_is_the_users_name_where_none_is_named() {
    assert_eq!(start(Version::V3_0, &[("user", "alice")]).unwrap().database, "alice");
    assert_eq!(with("database", "").unwrap().database, "alice");
}

#[test]
fn only_utf8_is_an_encoding_however_it_is_spelled() {
    for good in ["UTF8", "utf8", "utf-8", "UTF-8", "'utf-8'", "Utf_8", "unicode", "UNICODE"] {
        let startup = with("client_encoding", good).unwrap();
        assert_eq!(startup.setting(Setting::ClientEncoding), Some("UTF8"), "{good}");
        assert_eq!(with("options", &format!("-c client_encoding={good}")).unwrap().settings.len(), 1);
    }
    for bad in ["", "SJIS", "LATIN1", "SQL_ASCII", "utf16", "utf88", "auto", "win1252", "utf8é"] {
        let error = with("client_encoding", bad).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the startup parameter client_encoding is {bad:?}, but must be UTF8, the only encoding of this gateway"
            )
        );
        assert_eq!(error.sqlstate().to_string(), "22023");
        assert!(with("options", &format!("-c client_encoding={bad}")).is_err());
    }
    assert_eq!(forwarded(&start(Version::V3_0, &[("user", "a")]).unwrap()), [("client_encoding", "UTF8")]);
}

#[test]
fn a_parameter_that_is_not_allowed_is_named() {
    for name in [
        "role",
        "session_authorization",
        "standard_conforming_strings",
        "default_transaction_read_only",
        "session_preload_libraries",
        "statement_timeout",
        "User",
        "DATABASE",
        "Options",
        "search_path ",
        "_PQ_.x",
        "a.b",
    ] {
        let error = with(name, "on").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the startup parameter {name:?} is not allowed by this gateway; allowed are user, database, options, \
                 application_name, client_encoding, DateStyle, extra_float_digits, IntervalStyle, search_path and TimeZone"
            )
        );
        assert_eq!(error.sqlstate().to_string(), "0A000");
    }
    let error = with(&format!("\u{1b}[2J{}", "x".repeat(100)), "").unwrap_err();
    let StartupError::NotAllowed { name } = &error else { panic!("{error:?}") };
    assert_eq!(name.chars().count(), 64);
    assert!(!error.to_string().contains('\u{1b}'), "what a client wrote does not move a cursor");
}

#[test]
fn a_search_path_is_read_as_the_server_reads_it() {
    for (path, wanted) in [
        ("", ""),
        (" \t", ""),
        ("\"\"", ""),
        (" \"\" , public,\"\",evil", "\"public\", \"evil\""),
        ("\"\"\"\"", "\"\"\"\""),
        (r#""$user", public"#, r#""$user", "public""#),
        ("Public ,\n\"Public\"", r#""public", "Public""#),
        (r#""a""b,c""#, r#""a""b,c""#),
        // Comments, strings and keywords of SQL are names here.
        ("public--,evil,pg_catalog", r#""public--", "evil", "pg_catalog""#),
        ("public/*,evil,pg_catalog,*/", r#""public/*", "evil", "pg_catalog", "*/""#),
        ("'evil'", r#""'evil'""#),
        ("default", r#""default""#),
        ("U&\"evil\"", r#""u&""evil""""#),
        ("a;b", r#""a;b""#),
        ("PG_CATALOG,É", "\"pg_catalog\", \"É\""),
    ] {
        assert_eq!(with("search_path", path).unwrap().setting(Setting::SearchPath), Some(wanted), "{path:?}");
    }
    for bad in
        [",", "a,", ",a", "a,,b", "a b", "\"a", "\"a\"b", "\"\"b", "\"\",", "public /* */", "public -- ,evil"]
    {
        let error = with("search_path", bad).unwrap_err();
        assert!(matches!(error, StartupError::Value { .. }), "{bad:?}: {error}");
    }
}

#[test]
fn options_are_read_as_the_server_reads_them() {
    for (options, wanted) in [
        ("", &[][..]),
        ("   \t\n", &[]),
        ("-c TimeZone=UTC", &[("TimeZone", "UTC")]),
        ("-cTimeZone=UTC", &[("TimeZone", "UTC")]),
        ("--TimeZone=UTC", &[("TimeZone", "UTC")]),
        (" --timezone=UTC\t-c  search-path=a,b ", &[("TimeZone", "UTC"), ("search_path", r#""a", "b""#)]),
        (r"--search_path=a,\ b", &[("search_path", r#""a", "b""#)]),
        (r"-c application_name=back\\slash=x", &[("application_name", r"back\slash=x")]),
        (r"\-\c DateStyle=ISO", &[("DateStyle", "ISO")]),
        ("--application_name=", &[("application_name", "")]),
    ] {
        let startup = with("options", options).unwrap();
        let mut wanted = wanted.to_vec();
        wanted.push(("client_encoding", "UTF8"));
        assert_eq!(forwarded(&startup), wanted, "{options:?}");
    }
}

#[test]
fn options_are_held_to_the_same_list() {
    for (options, words, state) in [
        (
            "-c standard_conforming_strings=off -c role=x",
            "the startup parameter \"standard_conforming_strings\" is not allowed",
            "0A000",
        ),
        ("-c TimeZone=UTC -c role=x", "the startup parameter \"role\" is not allowed", "0A000"),
        (
            "--session-authorization=x",
            "the startup parameter \"session_authorization\" is not allowed",
            "0A000",
        ),
        (r"-c\ role=x", "the startup parameter \" role\" is not allowed", "0A000"),
        (r"-c r\ole=x", "the startup parameter \"role\" is not allowed", "0A000"),
        ("-c user=root", "the startup parameter \"user\" is not allowed", "0A000"),
        ("-c replication=true", "the startup parameter \"replication\" is not allowed", "0A000"),
        ("-c TimeZone=UTC --timezone=UTC", "the startup parameter \"TimeZone\" is there twice", "08P01"),
        ("-e", "the switch \"-e\" in the startup parameter options is not allowed", "42601"),
        ("-S 64MB", "the switch \"-S\" in the startup parameter options is not allowed", "42601"),
        ("-ec role=x", "the switch \"-ec\" in the startup parameter options is not allowed", "42601"),
        ("--", "the switch \"--\" in the startup parameter options is not allowed", "42601"),
        ("-", "the switch \"-\" in the startup parameter options is not allowed", "42601"),
        ("role=x", "the switch \"role=x\" in the startup parameter options is not allowed", "42601"),
        ("-c", "the switch \"-c\" in the startup parameter options has no NAME=VALUE", "42601"),
        ("-c TimeZone", "the switch \"-c\" in the startup parameter options has no NAME=VALUE", "42601"),
        (
            "--timezone",
            "the switch \"--timezone\" in the startup parameter options has no NAME=VALUE",
            "42601",
        ),
        (
            "-c TimeZone = UTC",
            "the switch \"-c\" in the startup parameter options has no NAME=VALUE",
            "42601",
        ),
        ("-c TimeZone=UTC\\", "the startup parameter options ends with a backslash", "42601"),
        (
            "-c extra_float_digits=4",
            "the startup parameter extra_float_digits is \"4\", but must be a number from -15 to 3",
            "22023",
        ),
    ] {
        let error = with("options", options).unwrap_err();
        assert!(error.to_string().starts_with(words), "{options:?}: {error}");
        assert_eq!(error.sqlstate().to_string(), state, "{options:?}");
    }
}

#[test]
fn a_parameter_is_there_once() {
    for (first, second) in [
        ("user", "user"),
        ("database", "database"),
        ("options", "options"),
        ("replication", "replication"),
        ("TimeZone", "TimeZone"),
        ("TimeZone", "timezone"),
        ("_pq_.x", "_pq_.x"),
    ] {
        let value = if first == "options" { "" } else { "off" };
        let mut pairs = vec![(first, value), (second, value)];
        if first != "user" {
            pairs.push(("user", "alice"));
        }
        let error = start(Version::V3_0, &pairs).unwrap_err();
        assert_eq!(error.to_string(), format!("the startup parameter {first:?} is there twice"));
    }
    let pairs = [("user", "a"), ("TimeZone", "UTC"), ("options", "-c timezone=UTC")];
    assert!(matches!(start(Version::V3_0, &pairs), Err(StartupError::Duplicate { .. })));
}

#[test]
fn p31_replication_is_refused() {
    for value in ["true", "on", "yes", "1", "database", "", "of", "fals", "2"] {
        let error = with("replication", value).unwrap_err();
        assert_eq!(
            (error.clone(), error.sqlstate().to_string()),
            (StartupError::Replication, "0A000".to_owned())
        );
    }
    for value in ["false", "off", "OFF", "no", "0"] {
        assert!(with("replication", value).is_ok(), "{value}");
    }
}

#[test]
fn nobody_and_what_is_not_utf8_are_refused() {
    for pairs in [&[][..], &[("database", "crm")], &[("user", "")]] {
        let error = start(Version::V3_0, pairs).unwrap_err();
        assert_eq!((error.clone(), error.sqlstate().to_string()), (StartupError::NoUser, "28000".to_owned()));
    }
    let packet = b"\0\0\0\x10\0\x03\0\0user\0\xff\0\0";
    let packet = [&packet[..3], &[u8::try_from(packet.len()).unwrap()], &packet[4..]].concat();
    let Ok(Some((Opening::Startup(packet), _))) = Opener::new().look(&packet) else { panic!("no startup") };
    let error = Startup::read(&packet).unwrap_err();
    assert_eq!(error.to_string(), "the startup parameter \"user\" is not UTF-8");
    assert_eq!(error.sqlstate().to_string(), "22021");
}

#[test]
fn p5_newer_versions_and_unknown_options_are_negotiated() {
    let v = |minor| Version { major: 3, minor };
    for (minor, spoken, negotiated) in
        [(0, 0, None), (1, 0, None), (2, 2, None), (3, 2, Some(2)), (9999, 2, Some(2))]
    {
        let startup = start(v(minor), &[("user", "alice")]).unwrap();
        assert_eq!((startup.asked, startup.spoken), (v(minor), v(spoken)));
        assert_eq!(startup.negotiation(), negotiated.map(v), "3.{minor}");
    }
    let startup = start(v(0), &[("_pq_.grease", "1"), ("user", "alice"), ("_pq_.", "")]).unwrap();
    assert_eq!(startup.unknown_options, ["_pq_.grease", "_pq_."]);
    assert_eq!(startup.negotiation(), Some(Version::V3_0));
    assert_eq!(forwarded(&startup), [("client_encoding", "UTF8")]);
}

proptest! {
    #[test]
    fn no_parameters_stop_it_and_only_the_list_passes(
        pairs in vec(
            (
                prop_oneof![
                    Just("user".to_owned()),
                    Just("options".to_owned()),
                    Just("timezone".to_owned()),
                    "[a-z_.]{1,12}",
                    "[^\u{0}]{1,5}",
                ],
                prop_oneof!["[-c= \\\\a-z_]{0,20}", "[^\u{0}]{0,12}"],
            ),
            0..5,
        ),
        options in "((-c ?|--)(role|TimeZone|search-path)=[a-z,]{0,8} ){0,3}",
    ) {
        let mut texts: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Ok(startup) = start(Version::V3_0, &texts) {
            prop_assert!(startup.settings.iter().any(|setting| setting == &(Setting::ClientEncoding, "UTF8".to_owned())));
            prop_assert!(!startup.user.is_empty() && !startup.database.is_empty());
        }
        texts.insert(0, ("user", "alice"));
        texts.insert(1, ("options", &options));
        if let Ok(startup) = start(Version::V3_0, &texts[..2]) {
            prop_assert!(!options.contains("role="), "{:?} gave {:?}", options, startup);
        }
    }
}
