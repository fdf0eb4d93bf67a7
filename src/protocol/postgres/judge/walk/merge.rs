//! `MERGE`.

use pg_query::NodeEnum;
use pg_query::protobuf::{CmdType, MergeMatchKind, MergeStmt, MergeWhenClause};

use super::documents;
use super::parts::{Part, parts};
use super::query::writing;
use super::{Place, Walk};
use crate::domain::command::Class;
use crate::domain::sql::{Access, Object, Verb};

impl<'t> Walk<'t> {
    pub(super) fn merge(&mut self, merge: &'t MergeStmt, place: &Place<'t>) {
        let inner = self.with(merge.with_clause.as_ref(), &writing(place));
        parts!(merge => self, &inner; MergeStmt {
            walk: source_relation;
            keep: relation join_condition merge_when_clauses returning_clause;
            skip: with_clause
        });
        returning_clause.walk(self, &inner.returning());
        join_condition.walk(self, &inner.conditional());
        self.act(Verb::Merge, Class::Write, place);
        let target = self.target(relation.as_ref(), Access::Write, place);
        let inner = inner.changing(target.as_ref());
        self.old_and_new(merge.returning_clause.as_ref(), target.as_ref());
        let all = match self.constant(join_condition.as_deref()) {
            Some(true) => Some(MergeMatchKind::MergeWhenMatched),
            Some(false) => Some(MergeMatchKind::MergeWhenNotMatchedBySource),
            None => None,
        };
        for clause in merge_when_clauses {
            match &clause.node {
                Some(NodeEnum::MergeWhenClause(clause)) => {
                    self.merge_when(clause, target.as_ref(), all, &inner);
                }
                _ => clause.walk(self, &inner),
            }
        }
    }

    /// Visits one `WHEN` clause of a `MERGE`. `all` is the kind that all rows of the target are, if there is
    /// one.
    pub(super) fn merge_when(
        &mut self,
        clause: &'t MergeWhenClause,
        target: Option<&Object>,
        all: Option<MergeMatchKind>,
        place: &Place<'t>,
    ) {
        parts!(clause => self, place; MergeWhenClause {
            walk: ;
            keep: condition values command_type target_list match_kind;
            skip: r#override
        });
        condition.walk(self, place);
        let always = condition.is_none() || self.constant(condition.as_deref()) == Some(true);
        let all = always && all.is_some() && MergeMatchKind::try_from(*match_kind).ok() == all;
        for (number, value) in values.iter().enumerate().rev() {
            value.walk(self, &place.taken(target_list.get(number).and_then(documents::target_of)));
        }
        match CmdType::try_from(*command_type) {
            Ok(CmdType::CmdInsert) => {
                self.act(Verb::Insert, Class::Write, place);
                if target_list.is_empty() {
                    self.changed(target, None);
                }
            }
            Ok(CmdType::CmdUpdate) => {
                self.act(Verb::Update, Class::Write, place);
                self.changes(all, place);
            }
            Ok(CmdType::CmdDelete) => {
                self.act(Verb::Delete, Class::Write, place);
                self.changes(all, place);
            }
            Ok(CmdType::CmdNothing) => {}
            _ => self.class(Class::Unknown, || "an action of MERGE that is not known".into()),
        }
        self.targets(target_list, target, place);
    }
}
