//! Destructures nodes with every field by name, so that a new field cannot be missed.

use pg_query::protobuf::{
    CollateClause, CteCycleClause, InferClause, JsonAggConstructor, JsonArgument, JsonBehavior, JsonKeyValue,
    JsonOutput, JsonTablePathSpec, JsonValueExpr, Node, OnConflictClause, PartitionBoundSpec, PartitionSpec,
    RangeVar, SelectStmt, TypeName, WindowDef,
};

use super::{Place, Walk};
use crate::domain::sql::Access;

/// Destructures a node. `walk` names the fields that are visited in the same place, `keep` those that the
/// code after it uses, `skip` those without an effect. Without `walk` it needs no walker.
macro_rules! parts {
    ($node:expr => $walker:ident, $place:expr; $type:ident {
        walk: $($walk:ident)*; keep: $($keep:ident)*; skip: $($skip:ident)*
    }) => {
        let pg_query::protobuf::$type { $($walk,)* $($keep,)* $($skip: _,)* } = $node;
        $($crate::protocol::postgres::judge::walk::parts::Part::walk($walk, $walker, $place);)*
    };
    ($node:expr => $walker:ident, $place:expr; $type:ident { walk: $($walk:ident)*; skip: $($skip:ident)* }) => {
        parts!($node => $walker, $place; $type { walk: $($walk)*; keep: ; skip: $($skip)* });
    };
    ($node:expr; $type:ident { keep: $($keep:ident)*; skip: $($skip:ident)* }) => {
        let pg_query::protobuf::$type { $($keep,)* $($skip: _,)* } = $node;
    };
}
pub(super) use parts;

/// A part of a tree that a walk can visit.
pub(super) trait Part {
    /// Visits it, now or later.
    fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>);
}

impl Part for Node {
    fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>) {
        walk.later(self, place);
    }
}

impl Part for SelectStmt {
    fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>) {
        walk.later_select(self, place);
    }
}

impl<T: Part> Part for Vec<T> {
    fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>) {
        // The part pushed last is visited first.
        self.iter().rev().for_each(|part| part.walk(walk, place));
    }
}

impl<T: Part> Part for Option<T> {
    fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>) {
        if let Some(part) = self {
            part.walk(walk, place);
        }
    }
}

impl<T: Part> Part for Box<T> {
    fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>) {
        self.as_ref().walk(walk, place);
    }
}

impl Part for RangeVar {
    fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>) {
        let cte = self.schemaname.is_empty() && self.catalogname.is_empty() && place.has_cte(&self.relname);
        if !cte {
            walk.relation(self, Access::Read, place);
        } else if let Some(alias) = &self.alias {
            walk.derives(Some(alias));
            walk.renames(&alias.colnames, None);
        } else {
            walk.derived.insert(&self.relname);
            walk.queried.insert(&self.relname);
        }
    }
}

/// Implements [`Part`] by visiting the named fields of a type, and skipping the others by name.
macro_rules! plain {
    ($($type:ident { walk: $($walk:ident)*; skip: $($skip:ident)* })*) => {
        $(impl Part for $type {
            fn walk<'t>(&'t self, walk: &mut Walk<'t>, place: &Place<'t>) {
                parts!(self => walk, place; $type { walk: $($walk)*; skip: $($skip)* });
            }
        })*
    };
}

plain! {
    TypeName { walk: typmods array_bounds; skip: names type_oid setof pct_type typemod location }
    WindowDef {
        walk: partition_clause order_clause start_offset end_offset;
        skip: name refname frame_options location
    }
    CollateClause { walk: arg; skip: collname location }
    OnConflictClause { walk: infer target_list where_clause; skip: action location }
    InferClause { walk: index_elems where_clause; skip: conname location }
    CteCycleClause {
        walk: cycle_mark_value cycle_mark_default;
        skip: cycle_col_list cycle_mark_column cycle_path_column location cycle_mark_type cycle_mark_typmod
            cycle_mark_collation cycle_mark_neop
    }
    PartitionSpec { walk: part_params; skip: strategy location }
    PartitionBoundSpec {
        walk: listdatums lowerdatums upperdatums;
        skip: strategy is_default modulus remainder location
    }
    JsonValueExpr { walk: raw_expr formatted_expr; skip: format }
    JsonArgument { walk: val; skip: name }
    JsonBehavior { walk: expr; skip: btype coerce location }
    JsonKeyValue { walk: key value; skip: }
    JsonAggConstructor { walk: output agg_filter agg_order over; skip: location }
    JsonOutput { walk: type_name; skip: returning }
    JsonTablePathSpec { walk: string; skip: name name_location location }
}
