//! Parts of statements: what holds expressions, names a table, or says how.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableType, Constraint};

use super::parts::{Part, parts};
use super::{Place, Walk};
use crate::domain::command::Class;
use crate::domain::sql::Access;

impl<'t> Walk<'t> {
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of node")]
    pub(super) fn clause(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::ResTarget(target) => {
                parts!(target.as_ref() => self, place; ResTarget { walk: indirection val; skip: name location });
            }
            NodeEnum::MultiAssignRef(assign) => {
                parts!(assign.as_ref() => self, place; MultiAssignRef { walk: source; skip: colno ncolumns });
            }
            NodeEnum::SortBy(sort) => {
                parts!(sort.as_ref() => self, place; SortBy {
                    walk: node;
                    keep: use_op;
                    skip: sortby_dir sortby_nulls location
                });
                if !use_op.is_empty() {
                    self.operator(use_op);
                }
            }
            NodeEnum::WindowDef(window) => window.walk(self, place),
            NodeEnum::GroupingSet(set) => {
                parts!(set => self, place; GroupingSet { walk: content; skip: kind location });
            }
            NodeEnum::DefElem(option) => {
                parts!(option.as_ref() => self, place; DefElem {
                    walk: arg;
                    skip: defnamespace defname defaction location arg_location
                });
            }
            NodeEnum::TypeName(name) => name.walk(self, place),
            NodeEnum::ColumnDef(column) => {
                parts!(column.as_ref() => self, place; ColumnDef {
                    walk: type_name raw_default cooked_default coll_clause constraints fdwoptions;
                    skip: colname compression inhcount is_local is_not_null is_from_type storage storage_name
                        identity identity_sequence generated coll_oid location
                });
            }
            NodeEnum::Constraint(constraint) => self.constraint(constraint, place),
            NodeEnum::IndexElem(element) => {
                parts!(element.as_ref() => self, place; IndexElem {
                    walk: expr opclassopts;
                    skip: name indexcolname collation opclass ordering nulls_ordering
                });
            }
            NodeEnum::TableLikeClause(like) => {
                parts!(like => self, place; TableLikeClause { walk: relation; skip: options relation_oid });
            }
            NodeEnum::PartitionElem(element) => {
                parts!(element.as_ref() => self, place; PartitionElem {
                    walk: expr;
                    skip: name collation opclass location
                });
            }
            NodeEnum::PartitionSpec(spec) => spec.walk(self, place),
            NodeEnum::PartitionBoundSpec(bound) => bound.walk(self, place),
            NodeEnum::PartitionRangeDatum(datum) => {
                parts!(datum.as_ref() => self, place; PartitionRangeDatum { walk: value; skip: kind location });
            }
            NodeEnum::PartitionCmd(command) => {
                parts!(command => self, place; PartitionCmd { walk: bound; keep: name; skip: concurrent });
                self.target(name.as_ref(), Access::Ddl, place);
            }
            NodeEnum::FunctionParameter(parameter) => {
                parts!(parameter.as_ref() => self, place; FunctionParameter {
                    walk: arg_type defexpr;
                    skip: name mode location
                });
            }
            NodeEnum::StatsElem(element) => {
                parts!(element.as_ref() => self, place; StatsElem { walk: expr; skip: name });
            }
            NodeEnum::PublicationTable(table) => {
                parts!(table.as_ref() => self, place; PublicationTable {
                    walk: relation where_clause;
                    skip: columns
                });
            }
            NodeEnum::PublicationObjSpec(spec) => {
                parts!(spec.as_ref() => self, place; PublicationObjSpec {
                    walk: ;
                    keep: pubtable;
                    skip: pubobjtype name location
                });
                if let Some(table) = pubtable {
                    parts!(table.as_ref() => self, place; PublicationTable {
                        walk: relation where_clause;
                        skip: columns
                    });
                }
            }
            NodeEnum::VacuumRelation(vacuum) => {
                parts!(vacuum; VacuumRelation { keep: relation; skip: oid va_cols });
                self.target(relation.as_ref(), Access::Ddl, place);
            }
            NodeEnum::CreateOpClassItem(item) => {
                parts!(item => self, place; CreateOpClassItem {
                    walk: class_args storedtype;
                    skip: itemtype name number order_family
                });
            }
            NodeEnum::AlterTableCmd(command) => self.alter_table(command, place),
            _ => self.misplaced(node),
        }
    }

    fn constraint(&mut self, constraint: &'t Constraint, place: &Place<'t>) {
        parts!(constraint => self, place; Constraint {
            walk: raw_expr exclusions options where_clause pktable;
            skip: contype conname deferrable initdeferred is_enforced skip_validation initially_valid is_no_inherit
                cooked_expr generated_when generated_kind nulls_not_distinct keys without_overlaps including
                indexname indexspace reset_default_tblspc access_method fk_attrs pk_attrs fk_with_period
                pk_with_period fk_matchtype fk_upd_action fk_del_action fk_del_set_cols old_conpfeqop
                old_pktable_oid location
        });
    }

    fn alter_table(&mut self, command: &'t AlterTableCmd, place: &Place<'t>) {
        parts!(command => self, place; AlterTableCmd {
            walk: def;
            keep: subtype;
            skip: name num newowner behavior missing_ok recurse
        });
        match AlterTableType::try_from(*subtype) {
            Ok(AlterTableType::AtChangeOwner) => self.class(Class::Admin, || "changes an owner".into()),
            Ok(
                AlterTableType::AtEnableRowSecurity
                | AlterTableType::AtDisableRowSecurity
                | AlterTableType::AtForceRowSecurity
                | AlterTableType::AtNoForceRowSecurity,
            ) => self.class(Class::Admin, || "switches row security".into()),
            Ok(
                AlterTableType::AtEnableTrig
                | AlterTableType::AtEnableAlwaysTrig
                | AlterTableType::AtEnableReplicaTrig
                | AlterTableType::AtDisableTrig
                | AlterTableType::AtEnableTrigAll
                | AlterTableType::AtDisableTrigAll
                | AlterTableType::AtEnableTrigUser
                | AlterTableType::AtDisableTrigUser
                | AlterTableType::AtEnableRule
                | AlterTableType::AtEnableAlwaysRule
                | AlterTableType::AtEnableReplicaRule
                | AlterTableType::AtDisableRule,
            ) => self.class(Class::Admin, || "switches triggers or rules".into()),
            Ok(AlterTableType::AtGenericOptions | AlterTableType::AtAlterColumnGenericOptions) => {
                self.class(Class::Admin, || "changes where a foreign table is".into());
            }
            Ok(AlterTableType::Undefined) | Err(_) => {
                self.class(Class::Unknown, || "an ALTER TABLE that is not known".into());
            }
            Ok(_) => {}
        }
    }
}
