//! Keys of a database connection.

use crate::config::connection::Spoken;
use crate::config::connection::key_of;
use crate::config::reader::Table;
use crate::config::reader::Value;
use crate::domain::connection::ApprovalMode;
use crate::domain::connection::DatabaseOptions;
use crate::domain::connection::Notifications;
use crate::domain::connection::Protocol;
use crate::domain::connection::Weaker;

/// Reads the keys of a database connection; `tls` says whether it uses TLS.
pub(super) fn read(table: &mut Table<'_>, spoken: Option<Spoken>, tls: bool) -> DatabaseOptions {
    let mut flag = |key| database_key(table, key, spoken).and_then(|value| value.flag()).unwrap_or_default();
    let readonly = flag("readonly");
    let (accept_md5, accept_trust) = (flag("accept_md5"), flag("accept_trust"));
    let cleartext = database_key(table, "accept_cleartext", spoken);
    let accept_cleartext = cleartext.as_ref().and_then(Value::flag).unwrap_or_default();
    if let (Some(value), true, false) = (&cleartext, accept_cleartext, tls) {
        value.warning(
            "no use with sslmode=disable: a password in the clear is sent inside TLS only",
            "leave it out, or take sslmode out of upstream".to_owned(),
        );
    }
    let modes = [ApprovalMode::Wait, ApprovalMode::Retry].map(|mode| (mode.as_str(), mode));
    let approval_mode = database_key(table, "approval_mode", spoken).and_then(|value| value.word(&modes));
    let choices = [Notifications::Redact, Notifications::Pass].map(|choice| (choice.as_str(), choice));
    let notifications = database_key(table, "notifications", spoken).and_then(|value| value.word(&choices));
    DatabaseOptions {
        readonly,
        approval_mode: approval_mode.unwrap_or_default(),
        notifications: notifications.unwrap_or_default(),
        accept: Weaker { accept_cleartext, accept_md5, accept_trust },
    }
}

/// Returns the value of a key that only applies to databases.
pub(super) fn database_key<'d>(
    table: &mut Table<'d>,
    key: &'static str,
    spoken: Option<Spoken>,
) -> Option<Value<'d>> {
    key_of(table, key, spoken, Protocol::Postgres, "only for postgres://")
}
