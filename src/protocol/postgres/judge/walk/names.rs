//! Names and constants, as they appear in a parse tree.

use pg_query::NodeEnum;
use pg_query::protobuf::{AConst, AExprKind, Node, RawStmt, SelectStmt, TypeName, a_const};

use super::super::settings::RESTRICTS;
use crate::domain::sql::{NAME_MAX, Object, is_space};

/// Returns a name with its schema; an empty schema was not written.
pub(super) fn object(schema: &str, name: &str) -> Object {
    Object { schema: (!schema.is_empty()).then(|| schema.into()), name: name.into() }
}

/// Returns the string that a node is; `None` if it is none.
pub(super) fn string(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(string)) => Some(&string.sval),
        _ => None,
    }
}

/// Returns the schema, if written, and the name from a list of strings; the last two of
/// `database.schema.name`.
pub(super) fn qualified(names: &[Node]) -> Option<(Option<&str>, &str)> {
    match names {
        [name] => Some((None, string(name)?)),
        [.., schema, name] => Some((Some(string(schema)?), string(name)?)),
        [] => None,
    }
}

/// Returns the object that a list of strings names.
pub(super) fn object_of(names: &[Node]) -> Option<Object> {
    qualified(names).map(|(schema, name)| object(schema.unwrap_or_default(), name))
}

/// Returns the value of a constant as `SET` reads it; `None` if the node is no constant.
pub(super) fn constant(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => literal(constant),
        NodeEnum::String(string) => Some(string.sval.clone()),
        NodeEnum::Integer(integer) => Some(integer.ival.to_string()),
        NodeEnum::Float(float) => Some(float.fval.clone()),
        NodeEnum::Boolean(boolean) => Some(boolean.boolval.to_string()),
        NodeEnum::TypeCast(cast) if keeps_words(cast.type_name.as_ref()?) => constant(cast.arg.as_deref()?),
        _ => None,
    }
}

/// Returns whether a cast to this type changes no character: `'role.x'::varchar(4)` is `role`.
fn keeps_words(kind: &TypeName) -> bool {
    let plain = kind.typmods.is_empty() && kind.array_bounds.is_empty() && !kind.setof && !kind.pct_type;
    plain
        && matches!(
            qualified(&kind.names),
            Some((None | Some("pg_catalog"), "text" | "varchar" | "interval"))
        )
}

fn literal(constant: &AConst) -> Option<String> {
    match constant.val.as_ref()? {
        a_const::Val::Ival(integer) => Some(integer.ival.to_string()),
        a_const::Val::Fval(float) => Some(float.fval.clone()),
        a_const::Val::Boolval(boolean) => Some(boolean.boolval.to_string()),
        a_const::Val::Sval(string) => Some(string.sval.clone()),
        a_const::Val::Bsval(_) => None,
    }
}

/// Returns the sequence that a function gets by name, or the table that owns it; `None` if it is computed.
pub(super) fn sequence(node: &Node) -> Option<Object> {
    match node.node.as_ref()? {
        NodeEnum::AConst(AConst { val: Some(a_const::Val::Sval(string)), .. }) => relation(&string.sval),
        NodeEnum::TypeCast(cast) => {
            let kind = cast.type_name.as_ref()?;
            let named = matches!(qualified(&kind.names), Some((None | Some("pg_catalog"), "regclass")));
            if named || keeps_words(kind) { sequence(cast.arg.as_deref()?) } else { None }
        }
        NodeEnum::FuncCall(call) => match (qualified(&call.funcname)?, call.args.first()) {
            ((None | Some("pg_catalog"), "pg_get_serial_sequence"), Some(table)) => sequence(table),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the relation whose name a string holds, read like the server reads it: parts with dots between
/// them, folded to lower case unless quoted. `None` for a number, which is an oid, and for an invalid name.
fn relation(text: &str) -> Option<Object> {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = text.trim_matches(is_space);
    if rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    loop {
        let (part, behind) = part(rest)?;
        let cut = part.floor_char_boundary(NAME_MAX);
        parts.push(part.get(..cut)?.to_owned());
        rest = behind.trim_start_matches(is_space);
        match rest.strip_prefix('.') {
            Some(behind) => rest = behind.trim_start_matches(is_space),
            None if rest.is_empty() => break,
            None => return None,
        }
    }
    match parts.as_slice() {
        [name] => Some(object("", name)),
        [schema, name] | [_, schema, name] => Some(object(schema, name)),
        _ => None,
    }
}

/// Returns the first part of such a name, and the rest after it.
fn part(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|letter| letter == '.' || is_space(letter)).unwrap_or(text.len());
        let (part, behind) = text.split_at(end);
        return (!part.is_empty()).then(|| (part.to_ascii_lowercase(), behind));
    };
    let mut name = String::new();
    let mut left = quoted;
    loop {
        let (part, behind) = left.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                left = more;
            }
            None => return (!name.is_empty()).then_some((name, behind)),
        }
    }
}

/// Returns the constants of a list, joined with commas; `None` if one is no constant.
pub(super) fn constants(nodes: &[Node]) -> Option<String> {
    let words: Option<Vec<String>> = nodes.iter().map(constant).collect();
    words.map(|words| words.join(", "))
}

/// Returns whether a text is one query and nothing else.
pub(super) fn is_whole_select(statements: &[RawStmt]) -> bool {
    matches!(statements, [statement] if is_select(statement))
}

/// Returns whether a statement is a query at the top level.
pub(super) fn is_select(statement: &RawStmt) -> bool {
    let node = statement.stmt.as_ref().and_then(|statement| statement.node.as_ref());
    matches!(node, Some(NodeEnum::SelectStmt(_)))
}

/// Returns whether a query reads only the row of `pg_settings` about [`RESTRICTS`], as in the text that
/// `pg_dump` begins with: `SELECT set_config(name, …) FROM pg_settings WHERE name = '…'`.
///
/// It must return a single value and have no other clause: another expression could change what `name` is in
/// between.
pub(super) fn restricts(select: &SelectStmt) -> bool {
    let [Node { node: Some(NodeEnum::RangeVar(table)) }] = select.from_clause.as_slice() else {
        return false;
    };
    let Some(NodeEnum::AExpr(condition)) = select.where_clause.as_ref().and_then(|node| node.node.as_ref())
    else {
        return false;
    };
    let own = matches!(table.schemaname.as_str(), "" | "pg_catalog")
        && table.relname == "pg_settings"
        && table.alias.is_none();
    own && AExprKind::try_from(condition.kind) == Ok(AExprKind::AexprOp)
        && matches!(qualified(&condition.name), Some((None | Some("pg_catalog"), "=")))
        && condition.lexpr.as_deref().is_some_and(is_name)
        && condition.rexpr.as_deref().and_then(constant).as_deref() == Some(RESTRICTS)
        && select.target_list.len() == 1
        && has_no_other_clause(select)
}

/// Returns whether a query consists only of a target list, a `FROM` and a `WHERE`.
fn has_no_other_clause(select: &SelectStmt) -> bool {
    let parts = SelectStmt {
        target_list: select.target_list.clone(),
        from_clause: select.from_clause.clone(),
        where_clause: select.where_clause.clone(),
        limit_option: select.limit_option,
        op: select.op,
        ..SelectStmt::default()
    };
    *select == parts
}

/// Returns whether a node is the column `name`.
pub(super) fn is_name(node: &Node) -> bool {
    match &node.node {
        Some(NodeEnum::ColumnRef(column)) => {
            matches!(column.fields.as_slice(), [field] if string(field) == Some("name"))
        }
        _ => false,
    }
}
