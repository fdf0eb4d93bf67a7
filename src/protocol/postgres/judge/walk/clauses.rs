//! Clauses: parts of statements that hold expressions, name a table, or hold options.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterTableCmd, AlterTableType, ColumnDef, ConstrType, Constraint, PublicationObjSpecType,
    PublicationTable,
};

use super::documents::{self, Takes};
use super::parts::{Part, parts};
use super::{Place, Walk, Written, names};
use crate::domain::command::Class;
use crate::domain::sql::{Access, Object};

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
            NodeEnum::ColumnDef(column) => self.column_def(column, place, None),
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
                self.published(table, place);
            }
            NodeEnum::PublicationObjSpec(spec) => {
                parts!(spec.as_ref() => self, place; PublicationObjSpec {
                    walk: ;
                    keep: pubtable pubobjtype name;
                    skip: location
                });
                match PublicationObjSpecType::try_from(*pubobjtype) {
                    Ok(PublicationObjSpecType::PublicationobjTablesInSchema) => self.any_of(Some(name)),
                    Ok(PublicationObjSpecType::PublicationobjTablesInCurSchema) => self.any_of(None),
                    _ => {}
                }
                if let Some(table) = pubtable {
                    self.published(table, place);
                }
            }
            NodeEnum::VacuumRelation(vacuum) => {
                parts!(vacuum; VacuumRelation { keep: relation va_cols; skip: oid });
                let target = self.target(relation.as_ref(), Access::Ddl, place);
                self.defines(target.as_ref(), va_cols);
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

    /// Visits the definition of a column; `takes` is what takes the value of its `DEFAULT` or of its `USING`.
    fn column_def(&mut self, column: &'t ColumnDef, place: &Place<'t>, takes: Option<Takes<'t>>) {
        parts!(column => self, place; ColumnDef {
            walk: type_name cooked_default coll_clause constraints fdwoptions;
            keep: raw_default;
            skip: colname compression inhcount is_local is_not_null is_from_type storage storage_name
                identity identity_sequence generated coll_oid location
        });
        raw_default.walk(self, &place.taken(takes));
    }

    /// Visits a change of a column's type: JSON documents in it stay documents only if the new type is JSON.
    fn retyped(&mut self, name: &'t str, column: &'t ColumnDef, place: &Place<'t>) {
        let takes =
            column.type_name.as_ref().filter(|name| documents::is_json(name)).map(|_| Takes::Column(name));
        if takes.is_none() {
            self.kept.insert(Written { qualifier: None, name: Some(name) });
        }
        self.column_def(column, place, takes);
    }

    fn published(&mut self, table: &'t PublicationTable, place: &Place<'t>) {
        parts!(table => self, place; PublicationTable { walk: relation where_clause; keep: columns; skip: });
        let relation = relation.as_ref().map(|range| names::object(&range.schemaname, &range.relname));
        self.defines(relation.as_ref(), columns);
    }

    /// Notes the columns that a subcommand of `ALTER TABLE` names.
    pub(super) fn alters_columns(&mut self, command: &'t AlterTableCmd, relation: Option<&Object>) {
        if matches!(
            AlterTableType::try_from(command.subtype),
            Ok(AlterTableType::AtColumnDefault
                | AlterTableType::AtDropNotNull
                | AlterTableType::AtSetNotNull
                | AlterTableType::AtSetExpression
                | AlterTableType::AtDropExpression
                | AlterTableType::AtSetStatistics
                | AlterTableType::AtSetOptions
                | AlterTableType::AtResetOptions
                | AlterTableType::AtSetStorage
                | AlterTableType::AtSetCompression
                | AlterTableType::AtDropColumn
                | AlterTableType::AtAlterColumnType
                | AlterTableType::AtAlterColumnGenericOptions
                | AlterTableType::AtAddIdentity
                | AlterTableType::AtSetIdentity
                | AlterTableType::AtDropIdentity)
        ) {
            self.defined(relation, &command.name);
        }
        if let Some(NodeEnum::Constraint(constraint)) =
            command.def.as_deref().and_then(|def| def.node.as_ref())
        {
            let Constraint { keys, including, fk_attrs, exclusions, .. } = constraint.as_ref();
            self.defines(relation, keys.iter().chain(including).chain(fk_attrs));
            for exclusion in exclusions {
                if let Some(NodeEnum::List(list)) = &exclusion.node {
                    self.defines(relation, list.items.first());
                }
            }
        }
    }

    fn constraint(&mut self, constraint: &'t Constraint, place: &Place<'t>) {
        parts!(constraint => self, place; Constraint {
            walk: options pktable;
            keep: contype raw_expr exclusions where_clause pk_attrs;
            skip: conname deferrable initdeferred is_enforced skip_validation initially_valid is_no_inherit
                cooked_expr generated_when generated_kind nulls_not_distinct keys without_overlaps including
                indexname indexspace reset_default_tblspc access_method fk_attrs fk_with_period
                pk_with_period fk_matchtype fk_upd_action fk_del_action fk_del_set_cols old_conpfeqop
                old_pktable_oid location
        });
        let inner = if ConstrType::try_from(*contype) == Ok(ConstrType::ConstrCheck) {
            place.deciding()
        } else {
            place.clone()
        };
        let other = constraint.pktable.as_ref();
        let other = other.map(|range| names::object(&range.schemaname, &range.relname));
        self.defines(other.as_ref(), pk_attrs);
        raw_expr.walk(self, &inner);
        exclusions.walk(self, &place.deciding());
        where_clause.walk(self, &place.deciding());
    }

    fn alter_table(&mut self, command: &'t AlterTableCmd, place: &Place<'t>) {
        parts!(command => self, place; AlterTableCmd {
            walk: ;
            keep: def subtype name;
            skip: num newowner behavior missing_ok recurse
        });
        match def.as_deref().and_then(|def| def.node.as_ref()) {
            Some(NodeEnum::ColumnDef(column))
                if AlterTableType::try_from(*subtype) == Ok(AlterTableType::AtAlterColumnType) =>
            {
                self.retyped(name, column, place);
            }
            _ => def.walk(self, place),
        }
        if AlterTableType::try_from(*subtype) == Ok(AlterTableType::AtDropExpression) {
            // The values stay, and what they were computed from is not known any more.
            self.reads(Written { qualifier: None, name: Some(name) }, place);
        }
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
