use proptest::prelude::*;

use super::*;

mod together;

/// What is masked in a text: entity and value.
fn found(text: &str) -> Vec<(String, String)> {
    let findings = scan(text, &Entity::BUILT_IN, [], "").unwrap();
    let sure = findings.into_iter().filter(|finding| finding.score >= THRESHOLD);
    sure.map(|finding| (finding.entity.to_string(), text[finding.start..finding.end].to_owned())).collect()
}

fn is(entity: &str, samples: &[&str]) {
    for sample in samples {
        for text in [
            (*sample).to_owned(),
            format!("see {sample} now"),
            format!("x=\"{sample}\""),
            format!("({sample})"),
            format!("{sample}."),
            format!("{}{sample}\n", " ".repeat(57)),
        ] {
            assert_eq!(found(&text), [(entity.to_owned(), (*sample).to_owned())], "{text}");
        }
    }
}

fn is_not(entity: &str, samples: &[&str]) {
    for sample in samples {
        for text in [(*sample).to_owned(), format!("see {sample} now"), format!("x=\"{sample}\"")] {
            assert!(found(&text).iter().all(|(name, _)| name != entity), "{text}: {:?}", found(&text));
        }
    }
}

#[test]
fn card_numbers_need_brand_length_and_luhn() {
    is(
        "CREDIT_CARD",
        &[
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4012888888881881",
            "5555555555554444",
            "5105-1051-0510-5100",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "371449635398431",
            "6011111111111117",
            "30569309025904",
            "3056 930902 5904",
            "38520000023237",
            "3530111333300000",
            "6200000000000005",
            "6759649826438453",
            "4222222222222",
            "2200000000000004",
        ],
    );
    is_not(
        "CREDIT_CARD",
        &[
            "4111111111111112",
            "4111 1111 1111 1112",
            "1234567812345670",
            "0000000000000000",
            "41111111111111111",
            "4111111111111111a",
            "a4111111111111111",
            "+4111111111111111",
            "2026-11-21 09:45:12",
            "20261121094512123",
            "1732182312123",
            "1732182312",
            "550e8400-e29b-41d4-a716-446655440000",
            "00000000-0000-4111-1111-111111111111",
            "0.4111111111111111",
            "4111111111111111.25",
            "1861234567890123456",
            "+1 202 555 0143",
            "978-3-16-148410-0",
            "4111.1111",
            "deadbeef4111111111111111",
        ],
    );
    assert_eq!(
        found("seat 12 4111 1111 1111 1111 2026"),
        [("CREDIT_CARD".into(), "4111 1111 1111 1111".into())]
    );
    assert_eq!(found("4111111111111111.0"), [("CREDIT_CARD".into(), "4111111111111111".into())]);
    assert_eq!(found("4111111111111111,5555555555554444").len(), 2);
    assert_eq!(found("card_4111111111111111").len(), 1);
}

#[test]
fn social_security_numbers_need_dashes_or_context() {
    is("US_SSN", &["123-45-6789", "001-01-0001", "899-99-9999"]);
    is_not(
        "US_SSN",
        &[
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "2026-11-2100",
            "1123-45-6789",
            "123-45-67890",
            "123-45-6789-1",
            "1-123-45-6789",
            "123456789",
            "123 45 6789",
            "123-456-7890",
            "+123-45-6789",
            "a123-45-6789",
            "123-45 6789",
        ],
    );
    for text in
        ["ssn: 123456789", "the SSN is 123 45 6789", "Social Security: 123456789", "user_ssn=123456789"]
    {
        assert_eq!(found(text).len(), 1, "{text}");
    }
    for text in
        ["passn 123456789", "ssn one two three four five six 123456789", "ssn: 1234567890", "ssn: 900456789"]
    {
        assert!(found(text).is_empty(), "{text}");
    }
    let scanned = scan("123456789", &[Entity::UsSsn], [], "customer_ssn").unwrap();
    assert!(scanned.len() == 1 && scanned[0].score > THRESHOLD && scanned[0].reason.contains("context"));
    let weak = scan("order 123456789", &[Entity::UsSsn], [], "id").unwrap();
    assert!(weak.len() == 1 && weak[0].score < THRESHOLD);
}

#[test]
fn account_numbers_need_country_length_and_check_digits() {
    is(
        "IBAN",
        &[
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "GB82WEST12345698765432",
            "GB82 WEST 1234 5698 7654 32",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "LC55HEMM000100010012001200023015",
            "de89370400440532013000",
            "CH9300762011623852957",
            "NL91ABNA0417164300",
        ],
    );
    is_not(
        "IBAN",
        &[
            "DE88370400440532013000",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "XX89370400440532013000",
            "ADE89370400440532013000",
            "DE89370400440532013000X",
            "DE89",
        ],
    );
    assert_eq!(
        found("pay GB82 WEST 1234 5698 7654 32 and then"),
        [("IBAN".into(), "GB82 WEST 1234 5698 7654 32".into())]
    );
    for pair in LENGTH_TABLE.windows(2) {
        assert!(pair[0].0 < pair[1].0, "the table is searched by halves");
    }
}

use super::iban::LENGTHS as LENGTH_TABLE;

#[test]
fn addresses_of_mail_need_a_domain() {
    is(
        "EMAIL_ADDRESS",
        &[
            "alice@example.com",
            "a.b-c+d_e%f@sub.example.co.uk",
            "o'neil@example.org",
            "1@2.de",
            "x@xn--mnchen-3ya.de",
            "jörg@exämple.de",
            "a@example.museum",
            "alice%40example.com",
        ],
    );
    is_not(
        "EMAIL_ADDRESS",
        &[
            "alice@localhost",
            "@example.com",
            "alice@",
            "a@b.c",
            "logo@2x.png",
            "react@18.2.0",
            "a@1.2.3.4",
            "a@.com",
            "a.@b.com",
            "@",
            "user@@x",
        ],
    );
    assert_eq!(found("mail alice@example.com. Then"), [("EMAIL_ADDRESS".into(), "alice@example.com".into())]);
    assert_eq!(found("a@b.com,c@d.org").len(), 2);
    let long = format!("{}@example.com", "a".repeat(200));
    assert_eq!(found(&long)[0].1.len(), 64 + 12);
}

#[test]
fn network_addresses_parse() {
    is(
        "IP_ADDRESS",
        &[
            "10.0.0.1",
            "255.255.255.255",
            "192.168.1.254",
            "2001:db8::1",
            "fe80::1",
            "::1",
            "::ffff:10.0.0.1",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "2001:db8:85a3:0:0:8a2e:370:7334",
        ],
    );
    is_not(
        "IP_ADDRESS",
        &[
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3.1234",
            "09:45:12",
            "aa:bb:cc:dd:ee:ff",
            "std::fs",
            "a::b",
            "::",
            "x1.2.3.4",
            "1.2.3.4a",
            "12:34:56:78",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "3.14159",
        ],
    );
    assert_eq!(found("from 10.0.0.1:8080 to 10.0.0.0/8").len(), 2);
    assert_eq!(found("addr:fe80::1, http://[2001:db8::1]:80/").len(), 2);
}

#[test]
fn tokens_need_a_header_that_decodes() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
    assert_eq!(found(&format!("eyJ{token}")), [("JWT".into(), token.to_owned())]);
    assert_eq!(found(&format!("eyJhIjoi.{token},{token}")).len(), 2);
    is("JWT", &[token, "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln"]);
    assert_eq!(
        found("t=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. and")[0].1,
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."
    );
    assert_eq!(found("t=eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0")[0].1, "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0");
    is_not(
        "JWT",
        &[
            "eyJhbGciOiJIUzI1NiJ9",
            "eyJub3QiOiJvbmUifQ.eyJzdWIiOiIxIn0.c2ln",
            "eyJ.eyJ.eyJ",
            "eyJhbGciOiJIUzI1NiJ9.x",
        ],
    );
    assert_eq!(found(&format!("Bearer {token}"))[0].1, token);
}

#[test]
fn access_keys_and_blocks_are_whole() {
    is("AWS_KEY", &["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE"]);
    is_not(
        "AWS_KEY",
        &[
            "AKIAIOSFODNN7EXAMPL",
            "AKIAIOSFODNN7EXAMPLEX",
            "akiaiosfodnn7example",
            "AKIAAAAAAAAAAAAAAAAA",
            "XAKIAIOSFODNN7EXAMPLE",
        ],
    );
    let data = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7".repeat(3);
    let block = format!("-----BEGIN PRIVATE KEY-----\n{data}\n-----END PRIVATE KEY-----");
    let old = format!(
        "-----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4,ENCRYPTED\r\nDEK-Info: AES-256-CBC,0011\r\n\r\n{data}\r\n-----END RSA PRIVATE KEY-----"
    );
    is("PEM", &[&block, &old, &block.replace('\n', "\\n"), &block.replace('\n', " ")]);
    let cut = format!("-----BEGIN PRIVATE KEY-----\n{data}");
    assert_eq!(found(&format!("{cut}\n(cut here)")), [("PEM".to_owned(), cut.clone())]);
    assert_eq!(found(&cut), [("PEM".to_owned(), cut)]);
    is_not(
        "PEM",
        &["-----BEGIN PRIVATE KEY-----", "write -----BEGIN X----- before and (then) -----END X-----"],
    );
}

#[test]
fn a_span_has_one_owner_and_nothing_is_left_over() {
    let patterns = [("LINE", "id=.*")];
    let all = scan("id=alice@example.com!", &Entity::BUILT_IN, patterns, "").unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].start, all[0].end, all[0].entity.as_str()), (0, 21, "EMAIL_ADDRESS"));
}

#[test]
fn a_pattern_that_cannot_hold_is_refused() {
    for pattern in ["(", "x*", "a|", "(?:a{1000}){1000}"] {
        assert_eq!(scan("x", &[], [("bad", pattern)], "").unwrap_err().0, "bad", "{pattern}");
    }
}

#[test]
fn nothing_is_on_by_default() {
    assert!(scan("4111111111111111 alice@example.com", &[], [], "").unwrap().is_empty());
}

/// Returns a slow, simple implementation of the anchors.
fn naive(text: &[u8]) -> Vec<(anchors::Anchor, usize)> {
    use anchors::Anchor;
    let digit = |at: Option<usize>| at.is_some_and(|at| byte_at(text, at).is_ascii_digit());
    let digits = |end: usize, count: usize| (0..count).all(|back| digit(end.checked_sub(back)));
    let at = |place: usize, back: usize| place.checked_sub(back).map_or(0, |place| byte_at(text, place));
    let gap = |byte: u8| byte == b'-' || byte == b' ';
    let mut all = Vec::new();
    for place in 0..=text.len() {
        let byte = byte_at(text, place);
        if byte == b'@' {
            all.push((Anchor::Email, place));
        }
        let grouped = digits(place, 4) && gap(at(place, 4)) && place >= 5 && digits(place - 5, 4);
        if (digits(place, 12) && !digits(place, 13)) || grouped {
            all.push((Anchor::Card, place));
        }
        let letter = |back| at(place, back).is_ascii_alphabetic();
        if digits(place, 2) && letter(2) && letter(3) && !at(place, 4).is_ascii_alphanumeric() {
            all.push((Anchor::Iban, place));
        }
        if byte == b'.'
            && (1..=3).any(|size| place > size && digits(place - 1, size) && at(place, size + 1) == b'.')
        {
            all.push((Anchor::Ipv4, place));
        }
        let dashed =
            gap(byte) && place >= 6 && digits(place - 1, 2) && gap(at(place, 3)) && digits(place - 4, 3);
        if dashed && !digit(place.checked_sub(7)) {
            all.push((Anchor::Ssn, place));
        }
        if !byte.is_ascii_digit() && place >= 9 && digits(place - 1, 9) && !digit(place.checked_sub(10)) {
            all.push((Anchor::SsnBare, place));
        }
    }
    all
}

proptest! {
    #[test]
    fn the_anchors_are_where_a_plain_reading_sees_them(text in "[0-9]{0,3}([0-9]{1,14}|[a-zA-Z:@. -]{1,3}){0,40}", shift in 0usize..70) {
        let text = format!("{}{text}", "x".repeat(shift));
        let wanted = anchors::Wanted { card: true, email: true, iban: true, ip: true, ssn: true };
        let mut seen = Vec::new();
        anchors::each(text.as_bytes(), wanted, |anchor, at| if anchor != anchors::Anchor::Ipv6 { seen.push((anchor, at)) });
        seen.retain(|(_, at)| *at <= text.len());
        let key = |(anchor, at): &(anchors::Anchor, usize)| (*at, format!("{anchor:?}"));
        let mut wanted = naive(text.as_bytes());
        wanted.sort_by_key(key);
        seen.sort_by_key(key);
        prop_assert_eq!(seen, wanted);
    }

    #[test]
    fn every_address_that_parses_is_found(bits in any::<u128>(), shift in 0usize..70) {
        let address = std::net::Ipv6Addr::from(bits).to_string();
        let text = format!("{} {address} ", "x".repeat(shift));
        prop_assert_eq!(found(&text), [("IP_ADDRESS".to_owned(), address)]);
    }

    #[test]
    fn a_value_is_found_wherever_it_stands(before in "[ -~]{0,130}", which in 0usize..7) {
        let value = ["4111111111111111", "123-45-6789", "DE89370400440532013000", "zoe@example.com", "10.20.30.40",
            "AKIAIOSFODNN7EXAMPLE", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln"][which];
        let text = format!("{before}\n\n{value}\n");
        prop_assert!(found(&text).iter().any(|(_, seen)| seen == value || seen.ends_with(value)));
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for finding in scan(&text, &Entity::BUILT_IN, [("w", r"\w+")], "").unwrap() {
            prop_assert!(finding.start < finding.end && text.get(finding.start..finding.end).is_some());
        }
    }

    #[test]
    fn one_wrong_digit_in_a_card_number_is_noticed(place in 0usize..16, digit in 0u8..10) {
        let mut card = *b"4111111111111111";
        prop_assume!(card[place] != b'0' + digit && place > 0);
        card[place] = b'0' + digit;
        let text = String::from_utf8(card.to_vec()).unwrap();
        prop_assert!(found(&text).is_empty());
    }
}
