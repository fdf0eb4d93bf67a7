//! Conditions that hold for every row, or for none, whatever is in it: `WHERE true`, `WHERE 1 = 1`.

use std::cmp::Ordering;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AConst, AExpr, AExprKind, BoolExpr, BoolExprType, BoolTestType, BooleanTest, Node, NullTest,
    NullTestType, TypeCast, a_const,
};

use super::names;

/// The most levels of a condition that are evaluated. Anything deeper counts as depending on the row.
const DEEPEST: usize = 16;

/// The value of a condition without any row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Constant {
    /// The value; `None` if it depends on the row, or was not evaluated.
    pub(super) value: Option<bool>,
    /// Whether numbers were compared for it, even without a result.
    pub(super) by_numbers: bool,
}

/// Evaluates a condition without any row. No condition at all is no constant.
pub(super) fn of(condition: Option<&Node>) -> Constant {
    let mut found = Constant::default();
    found.value = condition.and_then(|node| found.truth(node, DEEPEST));
    found
}

impl Constant {
    fn truth(&mut self, node: &Node, levels: usize) -> Option<bool> {
        let levels = levels.checked_sub(1)?;
        match node.node.as_ref()? {
            NodeEnum::AConst(constant) => word(constant),
            NodeEnum::TypeCast(cast) if is_bool(cast) => match constant(cast.arg.as_deref()) {
                Some(a_const::Val::Ival(integer)) => {
                    self.by_numbers = true;
                    Some(integer.ival != 0)
                }
                _ => self.truth(cast.arg.as_deref()?, levels),
            },
            NodeEnum::NullTest(test) => is_null(test),
            NodeEnum::BooleanTest(test) => self.tested(test, levels),
            NodeEnum::BoolExpr(expression) => self.joined(expression, levels),
            NodeEnum::AExpr(expression) => self.compared(expression),
            _ => None,
        }
    }

    fn joined(&mut self, expression: &BoolExpr, levels: usize) -> Option<bool> {
        let kind = BoolExprType::try_from(expression.boolop).ok()?;
        let parts: Vec<Option<bool>> = expression.args.iter().map(|arg| self.truth(arg, levels)).collect();
        // One operand decides, or all are the opposite.
        let decided = |by: bool| {
            let all = parts.iter().all(|part| *part == Some(!by));
            if parts.contains(&Some(by)) { Some(by) } else { all.then_some(!by) }
        };
        match kind {
            BoolExprType::AndExpr => decided(false),
            BoolExprType::OrExpr => decided(true),
            BoolExprType::NotExpr => parts.first().copied().flatten().map(|value| !value),
            BoolExprType::Undefined => None,
        }
    }

    fn tested(&mut self, test: &BooleanTest, levels: usize) -> Option<bool> {
        let arg = test.arg.as_deref()?;
        let null = written(Some(arg)).is_some_and(|constant| constant.isnull);
        let value = if null { None } else { Some(self.truth(arg, levels)?) };
        match BoolTestType::try_from(test.booltesttype).ok()? {
            BoolTestType::IsTrue => Some(value == Some(true)),
            BoolTestType::IsNotTrue => Some(value != Some(true)),
            BoolTestType::IsFalse => Some(value == Some(false)),
            BoolTestType::IsNotFalse => Some(value != Some(false)),
            BoolTestType::IsUnknown => Some(value.is_none()),
            BoolTestType::IsNotUnknown => Some(value.is_some()),
            BoolTestType::Undefined => None,
        }
    }

    fn compared(&mut self, expression: &AExpr) -> Option<bool> {
        let (None | Some("pg_catalog"), operator) = names::qualified(&expression.name)? else { return None };
        if AExprKind::try_from(expression.kind) != Ok(AExprKind::AexprOp) {
            return None;
        }
        let order = match (constant(expression.lexpr.as_deref())?, constant(expression.rexpr.as_deref())?) {
            (a_const::Val::Sval(left), a_const::Val::Sval(right)) => {
                // Which of two strings is less depends on the collation.
                let same = left.sval == right.sval;
                match operator {
                    "=" => return Some(same),
                    "<>" => return Some(!same),
                    _ if same => Ordering::Equal,
                    _ => return None,
                }
            }
            (a_const::Val::Boolval(left), a_const::Val::Boolval(right)) => left.boolval.cmp(&right.boolval),
            (left, right) => {
                let numbers = (number(left)?, number(right)?);
                self.by_numbers = true;
                of_numbers(&numbers.0, &numbers.1)?
            }
        };
        Some(match operator {
            "=" => order.is_eq(),
            "<>" => order.is_ne(),
            "<" => order.is_lt(),
            ">" => order.is_gt(),
            "<=" => order.is_le(),
            ">=" => order.is_ge(),
            _ => return None,
        })
    }
}

/// Returns the constant that a node is, if it is one.
fn written(node: Option<&Node>) -> Option<&AConst> {
    match node?.node.as_ref()? {
        NodeEnum::AConst(constant) => Some(constant),
        _ => None,
    }
}

/// Returns the value of such a constant, unless it is NULL.
fn constant(node: Option<&Node>) -> Option<&a_const::Val> {
    written(node)?.val.as_ref()
}

fn is_null(test: &NullTest) -> Option<bool> {
    let null = written(test.arg.as_deref())?.isnull;
    match NullTestType::try_from(test.nulltesttype).ok()? {
        NullTestType::IsNull => Some(null),
        NullTestType::IsNotNull => Some(!null),
        NullTestType::Undefined => None,
    }
}

/// Returns a number as text.
fn number(value: &a_const::Val) -> Option<String> {
    match value {
        a_const::Val::Ival(integer) => Some(integer.ival.to_string()),
        a_const::Val::Fval(float) => Some(float.fval.clone()),
        _ => None,
    }
}

/// Compares two numbers: integers exactly, others if they are not too close to each other.
fn of_numbers(left: &str, right: &str) -> Option<Ordering> {
    if left == right {
        return Some(Ordering::Equal);
    }
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return Some(left.cmp(&right));
    }
    let order = left.parse::<f64>().ok()?.partial_cmp(&right.parse().ok()?)?;
    order.is_ne().then_some(order)
}

/// Returns whether a cast is to `boolean`.
fn is_bool(cast: &TypeCast) -> bool {
    cast.type_name.as_ref().is_some_and(|name| {
        name.array_bounds.is_empty()
            && matches!(names::qualified(&name.names), Some((None | Some("pg_catalog"), "bool")))
    })
}

/// Returns a constant as a boolean. A string is read like PostgreSQL reads one.
fn word(constant: &AConst) -> Option<bool> {
    match constant.val.as_ref()? {
        a_const::Val::Boolval(value) => Some(value.boolval),
        a_const::Val::Sval(text) => {
            let text = text.sval.trim().to_ascii_lowercase();
            let begins = |whole: &str| !text.is_empty() && whole.starts_with(&text);
            match text.as_str() {
                "on" | "1" => Some(true),
                "off" | "of" | "0" => Some(false),
                _ if begins("true") || begins("yes") => Some(true),
                _ if begins("false") || begins("no") => Some(false),
                _ => None,
            }
        }
        _ => None,
    }
}
