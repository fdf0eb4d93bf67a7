use super::*;

const PARTS: &str = "multipart/form-data; boundary=b";
const JSON: &str = "application/json";

fn headers(list: &[(header::HeaderName, &str)]) -> HeaderMap {
    list.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
}

fn part(param: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {param}\r\n\r\nDELETE\r\n--b--\r\n")
}

/// Returns why the whole body is refused, which must not depend on how it is split into pieces.
fn seen_with(headers: &HeaderMap, body: &[u8]) -> Seen {
    let whole = Watch::of(headers).unwrap().sees_whole(body);
    for size in [1, 2, 7, 62, 63, 64, 65, 1000] {
        let mut watch = Watch::of(headers).unwrap();
        let pieces = body.chunks(size).try_for_each(|piece| watch.sees(piece));
        let pieces = pieces.and_then(|()| watch.ends());
        assert_eq!(pieces, whole, "in pieces of {size}: {:?}", String::from_utf8_lossy(body));
    }
    whole
}

fn found(kind: &str, body: impl AsRef<[u8]>) -> bool {
    seen_with(&headers(&[(header::CONTENT_TYPE, kind)]), body.as_ref()).is_err()
}

#[test]
fn a_field_that_asks_for_another_method_is_known_under_each_name_it_may_have() {
    for name in [
        "_method",
        "_METHOD",
        ".method",
        "[method",
        "  _method",
        "_method[]",
        "_method\0x",
        "[_method]",
        "]_method",
        "_method]",
        "[[_method",
    ] {
        assert!(is_method_field(name.as_bytes()), "{name:?}");
        for param in ["name=\"{}\"", "NAME = '{}'", "name={};", "name*=\"utf-8''{}\"", "name=          {}"] {
            assert!(found(PARTS, part(&param.replace("{}", name))), "{param:?} {name:?}");
        }
    }
    for harmless in ["", "method", "_methods", "my_method", "x.method", "x[_method]", "__method"] {
        assert!(!is_method_field(harmless.as_bytes()), "{harmless:?}");
        assert!(!found(PARTS, part(&format!("name=\"{harmless}\""))), "{harmless:?}");
    }
}

#[test]
fn a_part_may_spell_its_name_in_many_ways() {
    let spaces = "%20".repeat(50);
    for param in [
        "name*=UTF-8''_method",
        "NAME*=utf-8'en'_METHOD; x=y",
        "name*=UTF-8''%5fmethod",
        "name* = \"UTF-8''%5F%6D%65%74%68%6F%64\"",
        "name*=_method",
        "name*=%5Fmethod",
        "name*=UTF-8''%20.method%5B%5D",
        "name*=iso-8859-1''_method%00x",
        "name*=utf-7''+AF8-method",
        "name*0=\"_met\"; name*1=\"hod\"",
        "name*1=hod; name*0=_met",
        "name *0*=UTF-8''%5F; name*1=method",
        "name*0=\"\"; name*1=\"_method\"",
        &format!("name*=UTF-8''{spaces}_method"),
        &format!("name*={}UTF-8''_method", " ".repeat(100)),
        "name=\"_m\\ethod\"",
        "name=\"\\_\\m\\e\\t\\h\\o\\d\"",
        "name=\"%5fmethod\"",
        "name=\"=?UTF-8?B?X21ldGhvZA==?=\"",
        "name==?UTF-8?Q?=5Fmethod?=",
        "name=\"=\\?UTF-8?B?X21ldGhvZA==?=\"",
        "name=\"_method",
        "name=\"_met\r\nhod\"",
        "name=\"_met\0x\r\nhod\"",
        "name=\"X-HTTP-Method-Override\"",
        "name=\"a\"\r\nContent-ID: _method",
        "name=\"a\"\r\ncontent-id:\r\n <_method>\r\nContent-ID: _method",
        &format!("name={}_method", " ".repeat(500)),
        &format!("x=\"{}\"; name=\"a\"", "x".repeat(9 << 10)),
    ] {
        assert!(found(PARTS, part(param)), "{param}");
    }
    for harmless in [
        "name*=UTF-8''%E2%82%AC_method",
        "name*=UTF-8''_methods",
        "name*=UTF-8''na%C3%AFve%20name%20that%20is%20long",
        "name=\"a\"; filename*=UTF-8''%5fmeth",
        "name=\"a\"; filename*0=\"_met\"; filename*1=\"a\"",
        "name=\"a\"; filename=\"=?UTF-8?B?w6k=?=\"",
        "name=\"a\"; filename=\"_method.rb\"",
        "name=\"a*b\"",
        "name=\"_methods\"",
        "name=\"http_method\"",
    ] {
        assert!(!found(PARTS, part(harmless)), "{harmless}");
    }
}

#[test]
fn a_head_is_whatever_some_server_takes_for_one() {
    for body in [
        "--b\r\nContent-ID: _method\r\n\r\nDELETE\r\n--b--",
        "--b\nContent-Disposition: form-data; name=\"_method\"\n\nDELETE\n--b--",
        // Cut off, by the end or by a delimiter.
        "--b\r\nContent-Disposition: form-data; name=\"_method\"",
        "--b\r\nContent-Disposition: form-data; name=_method--b--",
        // Rack reads on after an empty head.
        "--b\r\n\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--b--",
        // Not on a line of its own.
        "x--bContent-Disposition: form-data; name=\"_method\"\r\n\r\nDELETE\r\n--b--",
    ] {
        assert!(found(PARTS, body), "{body}");
    }
    let page = "<input type=hidden name=\"_method\" value=\"delete\">\n".repeat(400);
    let upload = format!("--b\r\nContent-Disposition: form-data; name=\"page\"\r\n\r\n{page}\r\n--b--\r\n");
    assert!(!found(PARTS, upload), "what is in a part is not its name");
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a,b",
        "multipart/form-data; boundary=\"a b\"",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a; x-boundary=b",
        "multipart/form-data; xboundary; y=z; boundary=b",
        "multipart/form-data; boundary=boundary=b",
        "multipart/form-data; boundary*=utf-8''b",
        "multipart/form-data; boundary=a\"b\"",
    ] {
        assert!(found(kind, "x"), "{kind}");
    }
    for kind in [
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "multipart/mixed; Boundary=\"----=_Part_1.2\"; charset=utf-8",
    ] {
        assert!(!found(kind, "x"), "{kind}");
    }
    let twice = headers(&[(header::CONTENT_TYPE, PARTS), (header::CONTENT_TYPE, PARTS)]);
    assert!(seen_with(&twice, b"x").is_err());
}

#[test]
fn a_body_without_a_type_may_be_a_form() {
    for body in ["_method=DELETE", "a=1&%5Fmethod=x", "a; [_method]=x", "a=%zz&+_method", "_method%5b%5D=x"] {
        for headers in [
            HeaderMap::new(),
            headers(&[(header::CONTENT_TYPE, "")]),
            headers(&[(header::CONTENT_TYPE, " ; charset=utf-8")]),
            headers(&[(header::CONTENT_TYPE, "Application/X-WWW-form-urlencoded")]),
        ] {
            assert!(seen_with(&headers, body.as_bytes()).is_err(), "{body} {headers:?}");
        }
    }
    for harmless in
        [&b"a=_method&b==_method"[..], b"_methods=1", b"%_method=1", b"%5_method=1", b"\xff\0&\x80=%", b""]
    {
        assert_eq!(seen_with(&HeaderMap::new(), harmless), Ok(()), "{harmless:?}");
    }
    assert!(Watch::of(&headers(&[(header::CONTENT_TYPE, "text/plain")])).is_none());
}

#[test]
fn a_json_body_may_name_it_at_its_top() {
    for body in [
        r#"{"_method":"DELETE"}"#,
        r#" { "a" : [ {"x":"}"} , "\"" ] , "_METHOD" : "DELETE" } "#,
        r#"{"\u005fmethod":1}"#,
        r#"{"\u005F\u006d\u0065thod":1}"#,
        r#"{"a\"":{},"_method":1}"#,
        r#"{"_method\u0000x":1}"#,
        r#"{"\n_method[]":1}"#,
        "[1]{\"_method\":1}",
        "\u{feff}{\"_method\":1}",
    ] {
        assert!(found("application/json; charset=utf-8", body), "{body}");
        assert!(found("Application/Vnd.Api+JSON", body), "{body}");
    }
    for harmless in [
        r#"{"a":{"_method":1}}"#,
        r#"{"a":"_method","b":["_method",{"_method":1}]}"#,
        r#"["_method"]"#,
        r#""_method""#,
        r#"{"_methods":1,"method":2,"\u00e9_method":3,"\\_method":4}"#,
        r#"{"a":"\",\"_method\":"}"#,
        "{\"a\":[-1.5E+3,true,null,NaN]}\n{}",
        "\u{feff}{}",
        "\u{1e}{\"a\":1}\n\u{1e}{\"a\":2}\n",
        "",
    ] {
        assert!(!found(JSON, harmless), "{harmless}");
    }
}

#[test]
fn what_is_no_json_is_refused_as_json() {
    for body in [
        r#"{/*"*/"_method":"DELETE"/*"*/}"#,
        r#"/*"*/{"_method":1}/*"*/"#,
        "{_method:1}",
        "{'_method':1}",
        "{'a':1}",
        r#"{"\u":1,"_method":1}"#,
        r#"{"a":"\u","_method":1}"#,
        r#"{"\x5fmethod":1}"#,
        "{\"a\":1,//\n\"b\":2}",
        "{\"a\":1} # x",
    ] {
        assert!(found(JSON, body), "{body}");
    }
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    assert!(found(JSON, utf16(r#"{"_method":1}"#)));
    assert!(found(JSON, utf16("{\"\u{2200}\":1,\"_method\":1}")));
    for charset in ["utf-7", "\"UTF-16\"", "ibm037", "", "utf-8; charset=utf-16", "utf-8-x"] {
        assert!(found(&format!("{JSON}; charset={charset}"), "{}"), "{charset}");
    }
    assert!(found("application/x-www-form-urlencoded; charset=utf-16be", "a=b"));
    assert!(found("application/x-www-form-urlencoded", "x-http-method-override=DELETE"));
    assert!(!found("application/x-www-form-urlencoded", "x-http-method-overrides=DELETE"));
    for charset in ["UTF-8", "\"utf-8\"", "us-ascii; x=y", "utf8", "ISO-8859-1"] {
        assert!(!found(&format!("{JSON}; charset={charset}"), "{}"), "{charset}");
    }
}

#[test]
fn a_name_in_a_form_is_judged_before_its_value_not_at_the_end_of_the_body() {
    let mut watch =
        Watch::of(&headers(&[(header::CONTENT_TYPE, "application/x-www-form-urlencoded")])).unwrap();
    assert!(watch.sees(b"a=1&_method").is_ok());
    assert!(watch.sees(b"=D").is_err());
}

#[test]
fn a_packed_body_is_unpacked_or_refused() {
    use std::io::Write;
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let seen = |kind: &str, coding: &str, body: &[u8]| {
        let headers = headers(&[(header::CONTENT_TYPE, kind), (header::CONTENT_ENCODING, coding)]);
        seen_with(&headers, body)
    };
    let long = format!(r#"{{"a":"{}","b":1}}"#, "x".repeat(100_000));
    for text in ["{}", &long] {
        assert_eq!(seen(JSON, "gzip", &gzip(text)), Ok(()));
        assert_eq!(seen(JSON, "X-Gzip, identity", &gzip(text)), Ok(()));
        assert_eq!(seen(JSON, "zstd", &zstd::encode_all(text.as_bytes(), 3).unwrap()), Ok(()));
    }
    let asks = long.replace("\"b\"", "\"_method\"");
    assert_eq!(seen(JSON, "gzip", &gzip(&asks)), Err(ASKS));
    assert_eq!(seen(JSON, "zstd", &zstd::encode_all(asks.as_bytes(), 3).unwrap()), Err(ASKS));
    let packed = gzip("{}");
    assert_eq!(seen(JSON, "gzip", &packed[..packed.len() - 1]), Err(UNREADABLE));
    assert_eq!(seen(JSON, "gzip", br#"{"_method":1}"#), Err(UNREADABLE));
    for coding in ["br", "deflate", "gzip, gzip", "utf-8"] {
        assert_eq!(seen(JSON, coding, &packed), Err(UNSEEN), "{coding}");
    }
    for kind in [PARTS, "application/x-www-form-urlencoded", ""] {
        assert_eq!(seen(kind, "gzip", &packed), Err(UNSEEN), "{kind}");
        assert_eq!(seen(kind, "identity", b"a=1"), Ok(()), "{kind}");
    }
}
