//! JSON and XML expressions with a grammar of their own.

use pg_query::NodeEnum;

use super::parts::{Part, parts};
use super::{Place, Walk};

impl<'t> Walk<'t> {
    pub(super) fn json(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::XmlExpr(xml) => {
                parts!(xml.as_ref() => self, place; XmlExpr {
                    walk: named_args arg_names args;
                    skip: xpr op name xmloption indent r#type typmod location
                });
            }
            NodeEnum::XmlSerialize(xml) => {
                parts!(xml.as_ref() => self, place; XmlSerialize {
                    walk: expr type_name;
                    skip: xmloption indent location
                });
            }
            NodeEnum::JsonValueExpr(value) => value.walk(self, place),
            NodeEnum::JsonArgument(argument) => argument.walk(self, place),
            NodeEnum::JsonBehavior(behavior) => behavior.walk(self, place),
            NodeEnum::JsonKeyValue(pair) => pair.walk(self, place),
            NodeEnum::JsonOutput(output) => output.walk(self, place),
            NodeEnum::JsonIsPredicate(test) => {
                parts!(test.as_ref() => self, place; JsonIsPredicate {
                    walk: expr;
                    skip: format item_type unique_keys location
                });
            }
            NodeEnum::JsonFuncExpr(call) => {
                parts!(call.as_ref() => self, place; JsonFuncExpr {
                    walk: context_item pathspec passing output on_empty on_error;
                    skip: op column_name wrapper quotes location
                });
            }
            NodeEnum::JsonParseExpr(json) => {
                parts!(json.as_ref() => self, place; JsonParseExpr { walk: expr output; skip: unique_keys location });
            }
            NodeEnum::JsonScalarExpr(json) => {
                parts!(json.as_ref() => self, place; JsonScalarExpr { walk: expr output; skip: location });
            }
            NodeEnum::JsonSerializeExpr(json) => {
                parts!(json.as_ref() => self, place; JsonSerializeExpr { walk: expr output; skip: location });
            }
            NodeEnum::JsonObjectConstructor(json) => {
                parts!(json => self, place; JsonObjectConstructor {
                    walk: exprs output;
                    skip: absent_on_null unique location
                });
            }
            NodeEnum::JsonArrayConstructor(json) => {
                parts!(json => self, place; JsonArrayConstructor {
                    walk: exprs output;
                    skip: absent_on_null location
                });
            }
            NodeEnum::JsonArrayQueryConstructor(json) => {
                parts!(json.as_ref() => self, place; JsonArrayQueryConstructor {
                    walk: query output;
                    skip: format absent_on_null location
                });
            }
            NodeEnum::JsonAggConstructor(json) => json.walk(self, place),
            NodeEnum::JsonObjectAgg(json) => {
                parts!(json.as_ref() => self, place; JsonObjectAgg {
                    walk: constructor arg;
                    skip: absent_on_null unique
                });
            }
            NodeEnum::JsonArrayAgg(json) => {
                parts!(json.as_ref() => self, place; JsonArrayAgg { walk: constructor arg; skip: absent_on_null });
            }
            _ => self.misplaced(node),
        }
    }
}
