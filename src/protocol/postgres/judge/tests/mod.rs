//! The corpus: what texts do, and what no text may do to the judge.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::cache::Limits;
use super::{Effects, Judge, Judgement, Lexing, Unread};
use crate::domain::command::Class;
use crate::domain::sql::Access;

mod alike;
mod bypasses;
mod depth;
mod details;
mod garbage;
mod harmless;
mod looked;
mod notation;

/// `standard_conforming_strings = off`.
const OFF: Lexing = Lexing { standard_conforming_strings: false };

static JUDGE: LazyLock<Judge> = LazyLock::new(|| Judge::start(2, Limits::default()).unwrap());

fn judge_bytes(sql: &[u8], lexing: Lexing) -> Arc<Judgement> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(JUDGE.judge(sql, lexing))
}

fn judge(sql: &str) -> Arc<Judgement> {
    judge_bytes(sql.as_bytes(), Lexing::default())
}

fn effects(sql: &str) -> Effects {
    let judgement = judge(sql);
    judgement.effects().unwrap_or_else(|| panic!("{sql}: {judgement:?}")).as_ref().clone()
}

fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn verbs(effects: &Effects) -> BTreeSet<String> {
    effects.verbs.iter().map(|verb| verb.as_str().to_owned()).collect()
}

/// Returns the relations of a text: `r:` read, `w:` written, `d:` changed in structure.
fn relations(effects: &Effects) -> BTreeSet<String> {
    let mark = |access| match access {
        Access::Read => 'r',
        Access::Write => 'w',
        Access::Ddl => 'd',
    };
    effects
        .relations
        .iter()
        .map(|relation| format!("{}:{}", mark(relation.access), relation.object))
        .collect()
}

/// Returns the columns of a text: `relation.column`, `*` for all, `?` for a relation that is not written; `=`
/// if it is changed, `~` if it is part of a definition.
fn columns(effects: &Effects) -> BTreeSet<String> {
    let shown = |column: &crate::domain::sql::Column| {
        let relation = column.relation.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
        let mark = match column.access {
            Access::Read => "",
            Access::Write => "=",
            Access::Ddl => "~",
        };
        format!("{relation}.{}{mark}", column.name.as_deref().unwrap_or("*"))
    };
    effects.columns.iter().map(shown).collect()
}
