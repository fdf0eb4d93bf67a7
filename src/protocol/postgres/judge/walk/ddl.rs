//! Statements that change structure (DDL).

use pg_query::NodeEnum;
use pg_query::protobuf::{CreateFunctionStmt, CreateStmt, DefElem, DropStmt, Node, ObjectType};

use super::along::{cascades, is_of_relation};
use super::parts::{Part, parts};
use super::{Place, Walk, names};
use crate::domain::command::Class;
use crate::domain::sql::{Access, Relation, Verb};

impl<'t> Walk<'t> {
    pub(super) fn structure(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::CreateStmt(_)
            | NodeEnum::CreateSchemaStmt(_)
            | NodeEnum::ViewStmt(_)
            | NodeEnum::RuleStmt(_)
            | NodeEnum::IndexStmt(_)
            | NodeEnum::CreateSeqStmt(_)
            | NodeEnum::CreateFunctionStmt(_)
            | NodeEnum::CreateTrigStmt(_)
            | NodeEnum::CreateDomainStmt(_)
            | NodeEnum::CreateEnumStmt(_)
            | NodeEnum::CreateRangeStmt(_)
            | NodeEnum::CompositeTypeStmt(_)
            | NodeEnum::DefineStmt(_)
            | NodeEnum::CreateCastStmt(_)
            | NodeEnum::CreateOpClassStmt(_)
            | NodeEnum::CreateOpFamilyStmt(_)
            | NodeEnum::CreateConversionStmt(_)
            | NodeEnum::CreateStatsStmt(_) => {
                self.act(Verb::Create, Class::Ddl, place);
                self.create(node, place);
            }
            NodeEnum::DropStmt(drop) => self.drop_objects(drop, place),
            NodeEnum::TruncateStmt(truncate) => {
                parts!(truncate; TruncateStmt { keep: relations behavior; skip: restart_seqs });
                self.act(Verb::Truncate, Class::Write, place);
                self.tables(relations, Access::Write, place);
                if cascades(*behavior) {
                    let named = relations.iter().filter_map(|node| match &node.node {
                        Some(NodeEnum::RangeVar(range)) => Some(range),
                        _ => None,
                    });
                    self.effects.cascades.extend(named.map(|range| Relation {
                        object: names::object(&range.schemaname, &range.relname),
                        access: Access::Write,
                        only: !range.inh,
                    }));
                }
            }
            NodeEnum::RefreshMatViewStmt(refresh) => {
                parts!(refresh; RefreshMatViewStmt { keep: relation; skip: concurrent skip_data });
                self.act(Verb::Refresh, Class::Write, place);
                self.target(relation.as_ref(), Access::Write, place);
            }
            NodeEnum::CommentStmt(comment) => {
                parts!(comment.as_ref(); CommentStmt { keep: objtype object; skip: comment });
                self.act(Verb::Comment, Class::Ddl, place);
                self.object(*objtype, object.as_deref());
            }
            _ => {
                self.act(Verb::Alter, Class::Ddl, place);
                self.alter(node, place);
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of node")]
    fn create(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::CreateStmt(create) => self.create_table(create, place),
            NodeEnum::CreateSchemaStmt(create) => {
                parts!(create => self, place; CreateSchemaStmt {
                    walk: schema_elts;
                    skip: schemaname authrole if_not_exists
                });
            }
            NodeEnum::ViewStmt(create) => {
                parts!(create.as_ref() => self, place; ViewStmt {
                    walk: options;
                    keep: query view;
                    skip: aliases replace with_check_option
                });
                // What a view shows is known from what it reads.
                query.walk(self, &place.deciding());
                self.target(view.as_ref(), Access::Ddl, place);
            }
            NodeEnum::RuleStmt(create) => {
                // The actions of a rule run within the statements of others.
                parts!(create.as_ref() => self, &place.inside(); RuleStmt {
                    walk: actions;
                    keep: where_clause relation;
                    skip: rulename event instead replace
                });
                where_clause.walk(self, place);
                let target = self.target(relation.as_ref(), Access::Ddl, place);
                self.stands_for("old", target.as_ref());
                self.stands_for("new", target.as_ref());
            }
            NodeEnum::IndexStmt(create) => {
                // The content of an index is not shown to anybody.
                parts!(create.as_ref() => self, &place.deciding(); IndexStmt {
                    walk: index_params index_including_params options where_clause;
                    keep: relation;
                    skip: idxname access_method table_space exclude_op_names idxcomment index_oid old_number
                        old_create_subid old_first_relfilelocator_subid unique nulls_not_distinct primary isconstraint
                        iswithoutoverlaps deferrable initdeferred transformed concurrent if_not_exists
                        reset_default_tblspc
                });
                let target = self.target(relation.as_ref(), Access::Ddl, place);
                let columns = create.index_params.iter().chain(&create.index_including_params);
                self.defines(target.as_ref(), columns);
            }
            NodeEnum::CreateSeqStmt(create) => {
                parts!(create => self, place; CreateSeqStmt {
                    walk: options;
                    keep: sequence;
                    skip: owner_id for_identity if_not_exists
                });
                self.target(sequence.as_ref(), Access::Ddl, place);
            }
            NodeEnum::CreateFunctionStmt(create) => self.create_function(create, place),
            NodeEnum::CreateTrigStmt(create) => {
                parts!(create.as_ref() => self, place; CreateTrigStmt {
                    walk: constrrel;
                    keep: when_clause relation columns;
                    skip: replace isconstraint trigname funcname args row timing events transition_rels deferrable
                        initdeferred
                });
                when_clause.walk(self, &place.deciding());
                let target = self.target(relation.as_ref(), Access::Ddl, place);
                self.defines(target.as_ref(), columns);
                self.stands_for("old", target.as_ref());
                self.stands_for("new", target.as_ref());
            }
            NodeEnum::CreateDomainStmt(create) => {
                parts!(create.as_ref() => self, place; CreateDomainStmt {
                    walk: type_name coll_clause constraints;
                    skip: domainname
                });
            }
            NodeEnum::CreateEnumStmt(create) => {
                parts!(create; CreateEnumStmt { keep: ; skip: type_name vals });
            }
            NodeEnum::CreateRangeStmt(create) => {
                parts!(create => self, place; CreateRangeStmt { walk: params; skip: type_name });
            }
            NodeEnum::CompositeTypeStmt(create) => {
                parts!(create => self, place; CompositeTypeStmt { walk: coldeflist; skip: typevar });
            }
            NodeEnum::DefineStmt(create) => {
                parts!(create => self, place; DefineStmt {
                    walk: args definition;
                    skip: kind oldstyle defnames if_not_exists replace
                });
            }
            NodeEnum::CreateOpClassStmt(create) => {
                parts!(create => self, place; CreateOpClassStmt {
                    walk: datatype items;
                    skip: opclassname opfamilyname amname is_default
                });
            }
            NodeEnum::CreateStatsStmt(create) => {
                parts!(create => self, &place.deciding(); CreateStatsStmt {
                    walk: exprs relations;
                    skip: defnames stat_types stxcomment transformed if_not_exists
                });
                for node in &create.relations {
                    if let Some(NodeEnum::RangeVar(range)) = &node.node {
                        let relation = names::object(&range.schemaname, &range.relname);
                        self.defines(Some(&relation), &create.exprs);
                    }
                }
            }
            NodeEnum::CreateCastStmt(_)
            | NodeEnum::CreateOpFamilyStmt(_)
            | NodeEnum::CreateConversionStmt(_) => {}
            _ => self.misplaced(node),
        }
    }

    pub(super) fn create_table(&mut self, create: &'t CreateStmt, place: &Place<'t>) {
        parts!(create => self, place; CreateStmt {
            walk: table_elts inh_relations partbound partspec of_typename constraints nnconstraints options;
            keep: relation;
            skip: oncommit tablespacename access_method if_not_exists
        });
        self.target(relation.as_ref(), Access::Ddl, place);
    }

    fn create_function(&mut self, create: &'t CreateFunctionStmt, place: &Place<'t>) {
        parts!(create => self, place; CreateFunctionStmt {
            walk: parameters return_type;
            keep: options sql_body;
            skip: is_procedure replace funcname
        });
        sql_body.walk(self, &place.inside());
        for option in options {
            match &option.node {
                Some(NodeEnum::DefElem(option)) => self.function_option(option),
                _ => self.class(Class::Unknown, || "an option of a function that is not known".into()),
            }
        }
    }

    /// Judges a function option: code in a language that can leave the database, or that runs with the rights
    /// of its owner.
    fn function_option(&mut self, option: &DefElem) {
        let word = option.arg.as_deref().and_then(names::constant).unwrap_or_default();
        match option.defname.as_str() {
            "language" if !["sql", "plpgsql"].iter().any(|known| word.eq_ignore_ascii_case(known)) => {
                self.class(Class::Admin, || format!("makes a function in the language {word}").into());
            }
            "security" if !["0", "false"].contains(&word.as_str()) => {
                self.class(Class::Admin, || "makes a function with the rights of its owner".into());
            }
            "set" => {
                self.class(Class::Admin, || "gives a function settings of its own".into());
                match option.arg.as_deref().and_then(|arg| arg.node.as_ref()) {
                    Some(NodeEnum::VariableSetStmt(set)) => self.lasts(set),
                    _ => self.class(Class::Unknown, || "a SET that is not known".into()),
                }
            }
            _ => {}
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each kind of node")]
    fn alter(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::AlterTableStmt(alter) => {
                parts!(alter => self, place; AlterTableStmt {
                    walk: cmds;
                    keep: relation objtype;
                    skip: missing_ok
                });
                let target = self.target(relation.as_ref(), Access::Ddl, place);
                for node in cmds {
                    if let Some(NodeEnum::AlterTableCmd(command)) = &node.node {
                        self.unties(command, target.as_ref());
                        self.alters_columns(command, target.as_ref());
                        if ObjectType::try_from(*objtype) == Ok(ObjectType::ObjectType) {
                            self.cascades_to_tables(command.behavior);
                        }
                    }
                }
            }
            NodeEnum::AlterSeqStmt(alter) => {
                parts!(alter => self, place; AlterSeqStmt {
                    walk: options;
                    keep: sequence;
                    skip: for_identity missing_ok
                });
                self.target(sequence.as_ref(), Access::Ddl, place);
            }
            NodeEnum::AlterFunctionStmt(alter) => {
                parts!(alter; AlterFunctionStmt { keep: actions; skip: objtype func });
                for action in actions {
                    match &action.node {
                        Some(NodeEnum::DefElem(option)) => self.function_option(option),
                        _ => {
                            self.class(Class::Unknown, || "an option of a function that is not known".into());
                        }
                    }
                }
            }
            NodeEnum::AlterDomainStmt(alter) => {
                parts!(alter.as_ref() => self, place; AlterDomainStmt {
                    walk: def;
                    skip: subtype type_name name behavior missing_ok
                });
            }
            NodeEnum::AlterOpFamilyStmt(alter) => {
                parts!(alter => self, place; AlterOpFamilyStmt {
                    walk: items;
                    skip: opfamilyname amname is_drop
                });
            }
            NodeEnum::RenameStmt(rename) => {
                parts!(rename.as_ref(); RenameStmt {
                    keep: rename_type relation subname behavior;
                    skip: relation_type object newname missing_ok
                });
                self.act_because(Verb::Rename, object_class(*rename_type), "renames", place);
                let target = self.target(relation.as_ref(), Access::Ddl, place);
                // Under a new name it can be read without being recognised: that counts as reading it.
                match ObjectType::try_from(*rename_type) {
                    Ok(ObjectType::ObjectColumn) => self.renamed(target, Some(subname)),
                    // The tables of the type have a column with that name.
                    Ok(ObjectType::ObjectAttribute) => {
                        self.cascades_to_tables(*behavior);
                        self.renamed(None, Some(subname));
                    }
                    Ok(ObjectType::ObjectSchema) => {
                        self.any_of(Some(subname));
                        self.renamed(None, None);
                    }
                    Ok(
                        ObjectType::ObjectTable
                        | ObjectType::ObjectView
                        | ObjectType::ObjectMatview
                        | ObjectType::ObjectForeignTable,
                    ) => self.renamed(target, None),
                    _ => {}
                }
            }
            NodeEnum::AlterObjectSchemaStmt(alter) => {
                parts!(alter.as_ref(); AlterObjectSchemaStmt {
                    keep: relation object_type;
                    skip: object newschema missing_ok
                });
                // The relations of an extension move with it.
                if ObjectType::try_from(*object_type) == Ok(ObjectType::ObjectExtension) {
                    self.any_of(None);
                    self.renamed(None, None);
                }
                if let Some(target) = self.target(relation.as_ref(), Access::Ddl, place) {
                    self.renamed(Some(target), None);
                }
            }
            NodeEnum::AlterObjectDependsStmt(alter) => {
                parts!(alter.as_ref(); AlterObjectDependsStmt {
                    keep: relation;
                    skip: object_type object extname remove
                });
                self.target(relation.as_ref(), Access::Ddl, place);
            }
            NodeEnum::AlterEnumStmt(_)
            | NodeEnum::AlterTypeStmt(_)
            | NodeEnum::AlterOperatorStmt(_)
            | NodeEnum::AlterCollationStmt(_)
            | NodeEnum::AlterStatsStmt(_)
            | NodeEnum::AlterTsdictionaryStmt(_)
            | NodeEnum::AlterTsconfigurationStmt(_) => {}
            _ => self.misplaced(node),
        }
    }

    fn drop_objects(&mut self, drop: &'t DropStmt, place: &Place<'t>) {
        parts!(drop; DropStmt { keep: objects remove_type behavior; skip: missing_ok concurrent });
        self.act_because(Verb::Drop, object_class(*remove_type), "drops", place);
        for object in objects {
            self.object(*remove_type, Some(object));
        }
        let kind = ObjectType::try_from(*remove_type);
        if cascades(*behavior) && !matches!(kind, Ok(kind) if is_of_relation(kind)) {
            // Relations, or some of their columns, are dropped with it.
            self.any_of(None);
            if kind == Ok(ObjectType::ObjectSchema) {
                objects.iter().filter_map(names::string).for_each(|schema| self.any_of(Some(schema)));
            }
        }
    }

    /// Notes the relation that an object is, or belongs to.
    pub(super) fn object(&mut self, kind: i32, object: Option<&'t Node>) {
        let Some(NodeEnum::List(list)) = object.and_then(|object| object.node.as_ref()) else { return };
        match ObjectType::try_from(kind) {
            Ok(
                ObjectType::ObjectTable
                | ObjectType::ObjectView
                | ObjectType::ObjectMatview
                | ObjectType::ObjectIndex
                | ObjectType::ObjectSequence
                | ObjectType::ObjectForeignTable,
            ) => self.named(&list.items, Access::Ddl),
            Ok(
                ObjectType::ObjectColumn
                | ObjectType::ObjectRule
                | ObjectType::ObjectTrigger
                | ObjectType::ObjectPolicy
                | ObjectType::ObjectTabconstraint,
            ) => {
                if let Some((own, table)) = list.items.split_last() {
                    self.named(table, Access::Ddl);
                    if ObjectType::try_from(kind) == Ok(ObjectType::ObjectColumn) {
                        self.defines(names::object_of(table).as_ref(), [own]);
                    }
                }
            }
            _ => {}
        }
    }

    /// Notes the relations in a list.
    pub(super) fn tables(&mut self, list: &'t [Node], access: Access, place: &Place<'t>) {
        for node in list {
            match &node.node {
                Some(NodeEnum::RangeVar(range)) => {
                    self.relation(range, access, place);
                }
                _ => node.walk(self, place),
            }
        }
    }
}

/// Returns the class of dropping or renaming an object of this kind.
fn object_class(kind: i32) -> Class {
    match ObjectType::try_from(kind) {
        Ok(
            ObjectType::ObjectAccessMethod
            | ObjectType::ObjectDatabase
            | ObjectType::ObjectEventTrigger
            | ObjectType::ObjectExtension
            | ObjectType::ObjectFdw
            | ObjectType::ObjectForeignServer
            | ObjectType::ObjectForeignTable
            | ObjectType::ObjectLanguage
            | ObjectType::ObjectPolicy
            | ObjectType::ObjectPublication
            | ObjectType::ObjectRole
            | ObjectType::ObjectSubscription
            | ObjectType::ObjectTablespace
            | ObjectType::ObjectTransform
            | ObjectType::ObjectUserMapping,
        ) => Class::Admin,
        Ok(ObjectType::Undefined) | Err(_) => Class::Unknown,
        Ok(_) => Class::Ddl,
    }
}
