//! Statements about rights, roles, files and the server, all of class admin.

use pg_query::NodeEnum;
use pg_query::protobuf::{GrantTargetType, Node, ObjectType, ReindexObjectType};

use super::parts::parts;
use super::{Place, Walk, names};
use crate::domain::command::Class;
use crate::domain::sql::{Access, Verb};

impl<'t> Walk<'t> {
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of node")]
    pub(super) fn administration(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        let (verb, words) = meaning(node);
        self.act_because(verb, Class::Admin, words, place);
        match node {
            NodeEnum::GrantStmt(grant) => {
                parts!(grant; GrantStmt {
                    keep: objects targtype objtype privileges;
                    skip: is_grant grantees grant_option grantor behavior
                });
                self.tables(objects, Access::Ddl, place);
                self.rights_on_columns(privileges, objects);
                if GrantTargetType::try_from(*targtype) == Ok(GrantTargetType::AclTargetAllInSchema)
                    && of_relations(*objtype)
                {
                    objects.iter().filter_map(names::string).for_each(|schema| self.any_of(Some(schema)));
                }
            }
            NodeEnum::AlterDefaultPrivilegesStmt(alter) => {
                parts!(alter; AlterDefaultPrivilegesStmt { keep: options action; skip: });
                if action.as_ref().is_none_or(|grant| of_relations(grant.objtype)) {
                    self.default_rights(options);
                }
            }
            NodeEnum::DropOwnedStmt(_)
            | NodeEnum::ReassignOwnedStmt(_)
            | NodeEnum::AlterTableMoveAllStmt(_)
            | NodeEnum::CreateSubscriptionStmt(_)
            | NodeEnum::AlterSubscriptionStmt(_) => self.any_of(None),
            NodeEnum::AlterOwnerStmt(alter) => {
                parts!(alter.as_ref(); AlterOwnerStmt { keep: relation; skip: object_type object newowner });
                self.target(relation.as_ref(), Access::Ddl, place);
            }
            NodeEnum::CreatePolicyStmt(policy) => {
                parts!(policy.as_ref() => self, &place.deciding(); CreatePolicyStmt {
                    walk: qual with_check;
                    keep: table;
                    skip: policy_name cmd_name permissive roles
                });
                self.target(table.as_ref(), Access::Ddl, place);
            }
            NodeEnum::AlterPolicyStmt(policy) => {
                parts!(policy.as_ref() => self, &place.deciding(); AlterPolicyStmt {
                    walk: qual with_check;
                    keep: table;
                    skip: policy_name roles
                });
                self.target(table.as_ref(), Access::Ddl, place);
            }
            NodeEnum::CreateForeignTableStmt(create) => {
                parts!(create => self, place; CreateForeignTableStmt {
                    walk: options;
                    keep: base_stmt;
                    skip: servername
                });
                if let Some(base) = base_stmt {
                    self.create_table(base, place);
                }
            }
            NodeEnum::ClusterStmt(stmt) => {
                parts!(stmt => self, place; ClusterStmt { walk: params; keep: relation; skip: indexname });
                if self.target(relation.as_ref(), Access::Ddl, place).is_none() {
                    self.any_of(None);
                }
            }
            NodeEnum::ReindexStmt(stmt) => {
                parts!(stmt => self, place; ReindexStmt { walk: params; keep: relation kind name; skip: });
                if self.target(relation.as_ref(), Access::Ddl, place).is_none() {
                    let schema =
                        ReindexObjectType::try_from(*kind) == Ok(ReindexObjectType::ReindexObjectSchema);
                    self.any_of(schema.then_some(name));
                }
            }
            NodeEnum::VacuumStmt(stmt) => {
                parts!(stmt => self, place; VacuumStmt { walk: options rels; skip: is_vacuumcmd });
                if stmt.rels.is_empty() {
                    self.any_of(None);
                }
            }
            NodeEnum::CreatePublicationStmt(create) => {
                parts!(create => self, place; CreatePublicationStmt {
                    walk: options pubobjects;
                    keep: for_all_tables;
                    skip: pubname
                });
                if *for_all_tables {
                    self.any_of(None);
                }
            }
            NodeEnum::AlterPublicationStmt(alter) => {
                parts!(alter => self, place; AlterPublicationStmt {
                    walk: options pubobjects;
                    keep: for_all_tables;
                    skip: pubname action
                });
                if *for_all_tables {
                    self.any_of(None);
                }
            }
            NodeEnum::SecLabelStmt(label) => {
                parts!(label.as_ref(); SecLabelStmt { keep: objtype object; skip: provider label });
                self.object(*objtype, object.as_deref());
            }
            NodeEnum::AlterExtensionContentsStmt(alter) => {
                parts!(alter.as_ref(); AlterExtensionContentsStmt {
                    keep: objtype object;
                    skip: extname action
                });
                self.object(*objtype, object.as_deref());
            }
            NodeEnum::ImportForeignSchemaStmt(import) => {
                parts!(import => self, place; ImportForeignSchemaStmt {
                    walk: options;
                    keep: table_list local_schema;
                    skip: server_name remote_schema list_type
                });
                self.tables(table_list, Access::Ddl, place);
                self.any_of(Some(local_schema));
            }
            // The others hold only names and options; nothing in them could be worse than admin.
            _ => self.for_others(node),
        }
    }

    fn rights_on_columns(&mut self, privileges: &[Node], objects: &[Node]) {
        for object in objects {
            let Some(NodeEnum::RangeVar(range)) = &object.node else { continue };
            let relation = names::object(&range.schemaname, &range.relname);
            for privilege in privileges {
                if let Some(NodeEnum::AccessPriv(privilege)) = &privilege.node {
                    self.defines(Some(&relation), &privilege.cols);
                }
            }
        }
    }

    /// Notes default privileges for relations created later, in some schemas or in any.
    fn default_rights(&mut self, options: &[Node]) {
        let mut named = false;
        for option in options {
            if let Some(NodeEnum::DefElem(option)) = &option.node
                && option.defname == "schemas"
                && let Some(NodeEnum::List(list)) = option.arg.as_deref().and_then(|arg| arg.node.as_ref())
            {
                named = true;
                list.items.iter().filter_map(names::string).for_each(|schema| self.any_of(Some(schema)));
            }
        }
        if !named {
            self.any_of(None);
        }
    }

    /// Notes settings that are changed for other sessions, or for later ones.
    fn for_others(&mut self, node: &'t NodeEnum) {
        let set = match node {
            NodeEnum::AlterRoleSetStmt(alter) => {
                parts!(alter; AlterRoleSetStmt { keep: setstmt; skip: role database });
                setstmt
            }
            NodeEnum::AlterDatabaseSetStmt(alter) => {
                parts!(alter; AlterDatabaseSetStmt { keep: setstmt; skip: dbname });
                setstmt
            }
            NodeEnum::AlterSystemStmt(alter) => {
                parts!(alter; AlterSystemStmt { keep: setstmt; skip: });
                setstmt
            }
            _ => return,
        };
        if let Some(set) = set {
            self.lasts(set);
        }
    }
}

/// Returns whether privileges of this kind apply to tables, views or sequences.
fn of_relations(kind: i32) -> bool {
    matches!(ObjectType::try_from(kind), Ok(ObjectType::ObjectTable | ObjectType::ObjectSequence))
}

/// Returns the verb and the reason of each statement.
fn meaning(node: &NodeEnum) -> (Verb, &'static str) {
    match node {
        NodeEnum::GrantStmt(grant) => (grant_verb(grant.is_grant), "changes rights"),
        NodeEnum::GrantRoleStmt(grant) => (grant_verb(grant.is_grant), "changes rights"),
        NodeEnum::AlterDefaultPrivilegesStmt(_) => (Verb::Alter, "changes rights"),
        NodeEnum::CreateRoleStmt(_) => (Verb::Create, "changes roles"),
        NodeEnum::AlterRoleStmt(_) | NodeEnum::AlterRoleSetStmt(_) => (Verb::Alter, "changes roles"),
        NodeEnum::DropRoleStmt(_) => (Verb::Drop, "changes roles"),
        NodeEnum::AlterOwnerStmt(_) => (Verb::Alter, "changes an owner"),
        NodeEnum::DropOwnedStmt(_) => (Verb::Drop, "drops all a role owns"),
        NodeEnum::ReassignOwnedStmt(_) => (Verb::Reassign, "changes owners"),
        NodeEnum::CreatePolicyStmt(_) => (Verb::Create, "changes row security"),
        NodeEnum::AlterPolicyStmt(_) => (Verb::Alter, "changes row security"),
        NodeEnum::SecLabelStmt(_) => (Verb::Label, "changes a security label"),
        NodeEnum::CreateTableSpaceStmt(_) => (Verb::Create, "uses a directory of the server"),
        NodeEnum::DropTableSpaceStmt(_) => (Verb::Drop, "uses a directory of the server"),
        NodeEnum::AlterTableSpaceOptionsStmt(_) | NodeEnum::AlterTableMoveAllStmt(_) => {
            (Verb::Alter, "changes a tablespace")
        }
        NodeEnum::CreateExtensionStmt(_) => (Verb::Create, "loads code into the server"),
        NodeEnum::AlterExtensionStmt(_) | NodeEnum::AlterExtensionContentsStmt(_) => {
            (Verb::Alter, "changes an extension")
        }
        NodeEnum::CreatePlangStmt(_) | NodeEnum::CreateAmStmt(_) | NodeEnum::CreateTransformStmt(_) => {
            (Verb::Create, "loads code into the server")
        }
        NodeEnum::CreateEventTrigStmt(_) => (Verb::Create, "runs code at changes of others"),
        NodeEnum::AlterEventTrigStmt(_) => (Verb::Alter, "runs code at changes of others"),
        NodeEnum::CreateFdwStmt(_)
        | NodeEnum::CreateForeignServerStmt(_)
        | NodeEnum::CreateForeignTableStmt(_)
        | NodeEnum::CreateUserMappingStmt(_)
        | NodeEnum::CreateSubscriptionStmt(_) => (Verb::Create, "reaches another server"),
        NodeEnum::AlterFdwStmt(_)
        | NodeEnum::AlterForeignServerStmt(_)
        | NodeEnum::AlterUserMappingStmt(_)
        | NodeEnum::AlterSubscriptionStmt(_) => (Verb::Alter, "reaches another server"),
        NodeEnum::DropUserMappingStmt(_) | NodeEnum::DropSubscriptionStmt(_) => {
            (Verb::Drop, "reaches another server")
        }
        NodeEnum::ImportForeignSchemaStmt(_) => (Verb::Import, "reaches another server"),
        NodeEnum::CreatePublicationStmt(_) => (Verb::Create, "sends changes to others"),
        NodeEnum::AlterPublicationStmt(_) => (Verb::Alter, "sends changes to others"),
        NodeEnum::CreatedbStmt(_) => (Verb::Create, "changes databases"),
        NodeEnum::DropdbStmt(_) => (Verb::Drop, "changes databases"),
        NodeEnum::AlterDatabaseStmt(_)
        | NodeEnum::AlterDatabaseRefreshCollStmt(_)
        | NodeEnum::AlterDatabaseSetStmt(_) => (Verb::Alter, "changes databases"),
        NodeEnum::AlterSystemStmt(_) => (Verb::Alter, "changes the server"),
        NodeEnum::ClusterStmt(_) => (Verb::Cluster, "rewrites a table"),
        NodeEnum::ReindexStmt(_) => (Verb::Reindex, "rewrites indexes"),
        NodeEnum::VacuumStmt(stmt) if stmt.is_vacuumcmd => (Verb::Vacuum, "tends tables"),
        NodeEnum::VacuumStmt(_) => (Verb::Analyze, "tends tables"),
        NodeEnum::CheckPointStmt(_) => (Verb::Checkpoint, "changes the server"),
        NodeEnum::LoadStmt(_) => (Verb::Load, "loads code into the server"),
        _ => (Verb::Alter, "changes the server in a way that is not known"),
    }
}

const fn grant_verb(is_grant: bool) -> Verb {
    if is_grant { Verb::Grant } else { Verb::Revoke }
}
