//! What a change of structure also affects without naming it, and what it removes from under a name.

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableType, DropBehavior, Node, ObjectType};

use super::{Walk, names};
use crate::domain::sql::Object;

impl Walk<'_> {
    /// Notes that a relation is no partition or child any more, and so is not found under the name of its
    /// parent: that counts as reading it, like a rename.
    pub(super) fn unties(&mut self, command: &AlterTableCmd, target: Option<&Object>) {
        let untied = match (AlterTableType::try_from(command.subtype), node_of(command.def.as_deref())) {
            (Ok(AlterTableType::AtDropInherit), _) => target.cloned(),
            (
                Ok(AlterTableType::AtDetachPartition | AlterTableType::AtDetachPartitionFinalize),
                Some(NodeEnum::PartitionCmd(partition)),
            ) => partition.name.as_ref().map(|range| names::object(&range.schemaname, &range.relname)),
            _ => return,
        };
        self.read(untied, None);
    }

    /// Notes that a change of a type cascades to its tables, whatever they are called.
    pub(super) fn cascades_to_tables(&mut self, behavior: i32) {
        if cascades(behavior) {
            self.any_of(None);
        }
    }

    /// Notes a rename: something is found under another name, and not under its own any more.
    pub(super) fn renamed(&mut self, relation: Option<Object>, name: Option<&str>) {
        self.keep(relation.clone(), name);
        self.read(relation, name);
    }
}

fn node_of(node: Option<&Node>) -> Option<&NodeEnum> {
    node.and_then(|node| node.node.as_ref())
}

/// Returns whether a statement has `CASCADE`.
pub(super) fn cascades(behavior: i32) -> bool {
    DropBehavior::try_from(behavior) == Ok(DropBehavior::DropCascade)
}

/// Returns whether an object of this kind is a relation, or is dropped by the name of one.
pub(super) const fn is_of_relation(kind: ObjectType) -> bool {
    matches!(
        kind,
        ObjectType::ObjectTable
            | ObjectType::ObjectView
            | ObjectType::ObjectMatview
            | ObjectType::ObjectIndex
            | ObjectType::ObjectSequence
            | ObjectType::ObjectForeignTable
            | ObjectType::ObjectRule
            | ObjectType::ObjectTrigger
            | ObjectType::ObjectPolicy
    )
}
