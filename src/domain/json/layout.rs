//! JSON on several lines, for people.

use std::fmt::Write;

use crate::domain::json::Json;
use crate::domain::json::push_string;

/// Appends a value with each member and element on its own line. Strings keep their escapes.
pub fn lay_out(value: &Json, out: &mut String) {
    write_at(value, 0, out);
}

fn write_at(value: &Json, depth: usize, out: &mut String) {
    let indent = |depth: usize, out: &mut String| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Json::Object(members) if !members.is_empty() => {
            out.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                indent(depth + 1, out);
                push_string(name, out);
                out.push_str(": ");
                write_at(value, depth + 1, out);
            }
            indent(depth, out);
            out.push('}');
        }
        Json::Array(values) if !values.is_empty() => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                indent(depth + 1, out);
                write_at(value, depth + 1, out);
            }
            indent(depth, out);
            out.push(']');
        }
        other => {
            let _infallible = write!(out, "{other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_it_on_lines() {
        let json = Json::parse(br#"{"a":[1.10,{}],"b\"\u001b":"x\ny\u001b"}"#, 8).unwrap();
        let mut out = String::new();
        lay_out(&json, &mut out);
        let wanted = r#"{
  "a": [
    1.10,
    {}
  ],
  "b\"\u001b": "x\ny\u001b"
}"#;
        assert_eq!(out, wanted);
    }
}
