//! What is refused whatever the policies say, mostly by the settings of the connection.

use crate::domain::ApprovalMode;
use crate::domain::Denied;
use crate::domain::DenyCode;
use crate::domain::sql::Effects;
use crate::domain::sql::Setting;
use crate::domain::sql::Verb;
use crate::protocol::postgres::judge::runs_text;
use crate::protocol::postgres::session::step::Kind;
use crate::protocol::postgres::session::step::PlannedCommand;

impl PlannedCommand {
    /// Returns the refusal of a command that is forbidden whatever the policies say; `None` for most
    /// commands.
    pub(super) fn forbidden(&self) -> Option<Denied> {
        if matches!(self.kind, Kind::FunctionCall) {
            let detail = "calls of functions by oid (large objects of old drivers) are not passed: there is no SQL to judge";
            return Some(Denied::new(DenyCode::BadRequest, detail).because("function_call"));
        }
        let asked = self.asked.as_ref()?;
        let effects = asked.judged.command.sql().and_then(|sql| sql.effects.as_deref());
        // What the policies deny anyway is refused in their words.
        if asked.exchange.governed().connection.database.readonly
            && !asked.judged.is_denied()
            && effects.is_none_or(frees_from_readonly)
        {
            let detail = "this connection is read-only (readonly = true): settings that would end that, DO blocks and functions that run SQL texts are refused";
            return Some(Denied::new(DenyCode::Denied, detail).because("readonly"));
        }
        if let Some(guess) = self.guess.as_ref().filter(|_| !asked.judged.is_denied()) {
            return Some(Denied::new(DenyCode::Denied, guess.words()).because("masked_predicate"));
        }
        // Nothing runs in a failed transaction, and the approval would count for another one.
        if self.in_failed && !self.definition.ends_transaction() && asked.exchange.waits(&asked.judged) {
            let detail = "this statement needs approval, and its transaction has failed: nobody is asked; end the transaction with ROLLBACK, and send it again";
            return Some(Denied::new(DenyCode::BadRequest, detail).because("failed_transaction"));
        }
        let effects = effects?;
        let unmaskable =
            |detail: &str, audit| Some(Denied::new(DenyCode::UnmaskableReply, detail).because(audit));
        if effects.copies_binary
            && effects.verbs.contains(&Verb::CopyOut)
            && !asked.exchange.governed().plan.is_empty()
        {
            let detail = "COPY … TO in the binary format is refused on a masked connection, since no values can be found in it; use FORMAT text or csv";
            return unmaskable(detail, "copy_binary");
        }
        if self.exposure.made() && (self.exposure.copies(Some(effects)) || self.exposure.keeps(Some(effects)))
        {
            let detail = "the gateway does not know a table that this transaction has made or changed: any of its columns may be a masked one, so nothing of it is copied or written elsewhere; commit first";
            return unmaskable(detail, "made_table");
        }
        if self.exposure.copies(Some(effects)) {
            let detail = "COPY of what may hold masked values is refused, since its columns are not described; use SELECT";
            return unmaskable(detail, "copy_masked");
        }
        if self.exposure.keeps(Some(effects)) {
            let detail = "this statement could write masked values to where they are not masked: it reads masked columns, or takes values out of JSON, and changes or creates something; name only columns that are not masked, and write JSON as whole documents";
            return unmaskable(detail, "keeps_masked");
        }
        // The approval would count for whatever row the cursor is on when it is used.
        let later = asked.exchange.governed().connection.database.approval_mode == ApprovalMode::Retry;
        if later && self.is_at_cursor() && asked.exchange.waits(&asked.judged) {
            let detail = "this statement needs approval and changes the row on which a cursor stands (WHERE CURRENT OF): an approval for later (approval_mode = \"retry\") cannot be bound to that row; name the row by its key";
            return Some(Denied::new(DenyCode::Denied, detail).because("cursor_retry"));
        }
        None
    }
}

/// Returns whether a text would let a read-only session write, or runs code given as text, which nobody has
/// judged and which may do so. The database's own functions and procedures do not count. Nor does `RESET
/// ALL`: it resets one of the two settings to its value at the start of the session, and leaves the other.
fn frees_from_readonly(effects: &Effects) -> bool {
    let frees = |setting: &Setting| {
        let named = matches!(
            setting.name.as_deref(),
            None | Some("transaction_read_only" | "default_transaction_read_only")
        );
        let on = matches!(setting.value.as_deref(), Some("on" | "true" | "1" | "yes"));
        // A reset is no better: it cannot be told apart from a computed value.
        named && !on
    };
    effects.settings.iter().any(frees)
        || effects.verbs.contains(&Verb::Do)
        || effects.functions.iter().any(|function| runs_text(&function.object))
}
