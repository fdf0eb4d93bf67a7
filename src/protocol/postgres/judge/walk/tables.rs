//! The items of a `FROM`.

use pg_query::NodeEnum;
use pg_query::protobuf::{JoinExpr, Node, SetOperation};

use super::super::functions::{self, Call};
use super::looked::written;
use super::parts::{Part, parts};
use super::{Place, Walk, Written, names};
use crate::domain::command::Class;

impl<'t> Walk<'t> {
    pub(super) fn table(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::RangeVar(range) => range.walk(self, place),
            NodeEnum::JoinExpr(join) => self.join(join, place),
            NodeEnum::RangeSubselect(range) => {
                parts!(range.as_ref() => self, place; RangeSubselect { walk: subquery; keep: alias; skip: lateral });
                if brings(node) {
                    self.brings(alias.as_ref());
                } else {
                    self.derives(alias.as_ref());
                }
                if let Some(alias) = alias {
                    self.names_given(&alias.aliasname, &alias.colnames, subquery.as_deref());
                    self.renames(&alias.colnames, subquery.as_deref().and_then(|query| query.node.as_ref()));
                }
            }
            NodeEnum::RangeFunction(range) => {
                parts!(range => self, place; RangeFunction {
                    walk: coldeflist;
                    keep: functions alias;
                    skip: lateral ordinality is_rowsfrom
                });
                functions.walk(self, &place.source());
                if brings(node) {
                    self.brings(alias.as_ref());
                } else {
                    self.derives(alias.as_ref());
                }
            }
            NodeEnum::RangeTableFunc(range) => {
                parts!(range.as_ref() => self, place; RangeTableFunc {
                    walk: docexpr rowexpr namespaces columns;
                    keep: alias;
                    skip: lateral location
                });
                self.derives(alias.as_ref());
            }
            NodeEnum::RangeTableFuncCol(column) => {
                parts!(column.as_ref() => self, place; RangeTableFuncCol {
                    walk: type_name colexpr coldefexpr;
                    skip: colname for_ordinality is_not_null location
                });
            }
            NodeEnum::RangeTableSample(sample) => {
                parts!(sample.as_ref() => self, place; RangeTableSample {
                    walk: relation args repeatable;
                    keep: method;
                    skip: location
                });
                let known = matches!(
                    names::qualified(method),
                    Some((None | Some("pg_catalog"), "system" | "bernoulli"))
                );
                if !known {
                    self.class(Class::Unknown, || "samples with a function that is not known".into());
                }
            }
            NodeEnum::JsonTable(table) => {
                parts!(table.as_ref() => self, place; JsonTable {
                    walk: context_item pathspec passing columns on_error;
                    keep: alias;
                    skip: lateral location
                });
                self.derives(alias.as_ref());
            }
            NodeEnum::JsonTableColumn(column) => {
                parts!(column.as_ref() => self, place; JsonTableColumn {
                    walk: type_name pathspec columns on_empty on_error;
                    skip: coltype name format wrapper quotes location
                });
            }
            NodeEnum::JsonTablePathSpec(path) => path.walk(self, place),
            _ => self.misplaced(node),
        }
    }

    fn join(&mut self, join: &'t JoinExpr, place: &Place<'t>) {
        parts!(join => self, place; JoinExpr {
            walk: larg rarg;
            keep: quals is_natural using_clause join_using_alias alias;
            skip: jointype rtindex
        });
        quals.walk(self, &place.conditional());
        // These columns are compared, too.
        for name in using_clause.iter().filter_map(names::string) {
            self.reads(Written { qualifier: None, name: Some(name) }, place);
        }
        let renamed = alias.as_ref().is_some_and(|alias| !alias.colnames.is_empty());
        if *is_natural || !using_clause.is_empty() {
            self.known_operator("=");
        }
        let all = Written { qualifier: None, name: None };
        if *is_natural {
            self.reads(all, place);
        }
        if let Some(alias) = alias.as_ref().filter(|_| renamed) {
            self.reads(all, &place.bare());
            self.renames(&alias.colnames, None);
        }
        self.joins.extend(alias.iter().chain(join_using_alias).map(|alias| alias.aliasname.as_str()));
    }
}

/// Whether rows of a `FROM` are nothing but values that are written there: of `VALUES`, or of a function that
/// does nothing but compute.
fn brings(node: &NodeEnum) -> bool {
    let computes = |node: &Node| match &node.node {
        Some(NodeEnum::FuncCall(call)) => {
            let name = names::qualified(&call.funcname);
            name.is_some_and(|(schema, name)| {
                functions::call(schema, name) == Call::Safe && !name.starts_with("pg_")
            })
        }
        _ => false,
    };
    match node {
        NodeEnum::RangeFunction(range) => range.functions.iter().all(|node| match &node.node {
            // With the definitions of its columns, if there are any.
            Some(NodeEnum::List(list)) => list.items.first().is_some_and(computes),
            _ => false,
        }),
        NodeEnum::RangeSubselect(range) => {
            match range.subquery.as_deref().and_then(|query| query.node.as_ref()) {
                Some(NodeEnum::SelectStmt(select)) => {
                    !select.values_lists.is_empty()
                        && SetOperation::try_from(select.op) == Ok(SetOperation::SetopNone)
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether all rows of a `FROM` are.
pub(super) fn brings_all(from: &[Node]) -> bool {
    !from.is_empty() && from.iter().all(|node| node.node.as_ref().is_some_and(brings))
}

/// Whether an element of a list is a `*`, or one of what has a name in this `FROM`.
pub(super) fn is_star_of(node: &Node, from: &[Node]) -> bool {
    let Some(NodeEnum::ResTarget(target)) = &node.node else { return false };
    let Some(NodeEnum::ColumnRef(column)) = target.val.as_deref().and_then(|val| val.node.as_ref()) else {
        return false;
    };
    match written(column) {
        Some(Written { qualifier: None, name: None }) => true,
        Some(Written { qualifier: Some((None, name)), name: None }) => from.iter().any(|node| {
            let alias = match &node.node {
                Some(NodeEnum::RangeFunction(range)) => range.alias.as_ref(),
                Some(NodeEnum::RangeSubselect(range)) => range.alias.as_ref(),
                _ => None,
            };
            alias.is_some_and(|alias| alias.aliasname == name)
        }),
        _ => false,
    }
}
