//! The class of a change of a setting.

use crate::domain::command::Class;
use crate::domain::sql::is_space;

/// How a setting is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change<'a> {
    /// It is set to constants, joined with commas.
    To(&'a str),
    /// It is reset to its value at the start of the session.
    Reset,
    /// It is set to a computed value.
    Computed,
}

/// Settings that clients change all the time: they affect durations, the format of values, or what is
/// reported.
const HARMLESS: &[&str] = &[
    "all",
    "application_name",
    "bytea_output",
    "check_function_bodies",
    "client_min_messages",
    "cursor_tuple_fraction",
    "datestyle",
    "deadlock_timeout",
    "default_table_access_method",
    "default_tablespace",
    "default_text_search_config",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "effective_cache_size",
    "extra_float_digits",
    "from_collapse_limit",
    "geqo",
    "hash_mem_multiplier",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "join_collapse_limit",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "maintenance_work_mem",
    "max_parallel_workers_per_gather",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "plan_cache_mode",
    "quote_all_identifiers",
    "random_page_cost",
    "row_security",
    "seq_page_cost",
    "statement_timeout",
    "synchronize_seqscans",
    "temp_buffers",
    "timezone",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_timeout",
    "work_mem",
    "xmlbinary",
    "xmloption",
];

/// The setting that keeps a session from using non-system relations, and the value that covers all of them.
pub(super) const RESTRICTS: &str = "restrict_nonsystem_relation_kind";
pub(super) const RESTRICTED: &str = "view, foreign-table";

/// Former names of settings that the server still accepts, with the current ones.
const OLD: [(&str, &str); 3] =
    [("sort_mem", "work_mem"), ("ssl_ecdh_curve", "ssl_groups"), ("vacuum_mem", "maintenance_work_mem")];

/// Returns the name of a setting as the server reads it: in lower case, and with its current name.
pub(super) fn named(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let now = OLD.iter().find(|(old, _)| *old == name).map(|(_, now)| (*now).to_owned());
    now.unwrap_or(name)
}

/// Returns the class of a change of the setting `name`, in lower case.
///
/// Settings that are not listed are admin: some of them disable triggers, load libraries or change the role.
pub(super) fn class(name: &str, change: Change<'_>) -> Class {
    match name {
        "client_encoding" => match change {
            Change::To(value) if is_utf8(value) => Class::Read,
            // The session began with UTF-8; otherwise it would not have begun.
            Change::Reset => Class::Read,
            Change::To(_) | Change::Computed => Class::Admin,
        },
        "standard_conforming_strings" => match change {
            Change::To(value) if is_on(value) => Class::Read,
            Change::To(_) | Change::Reset | Change::Computed => Class::Admin,
        },
        "default_transaction_read_only" => match change {
            Change::To(value) if is_on(value) => Class::Read,
            Change::Reset => Class::Read,
            Change::To(_) | Change::Computed => Class::Write,
        },
        // A reset turns it off, instead of restoring the value the session began with; servers before
        // PostgreSQL 16 do this without checking whether they may.
        "transaction_read_only" => match change {
            Change::To(value) if is_on(value) => Class::Read,
            Change::To(_) | Change::Reset | Change::Computed => Class::Write,
        },
        "search_path" => match change {
            Change::To(path) => search_path(path),
            Change::Reset => Class::Read,
            Change::Computed => Class::Admin,
        },
        // `pg_dump` begins with this: it keeps itself from views and foreign tables that somebody may have
        // created.
        RESTRICTS => match change {
            Change::To(RESTRICTED) => Class::Read,
            Change::To(_) | Change::Reset | Change::Computed => Class::Admin,
        },
        // Applications keep the identity of their user in these, and row policies read it.
        name if name.contains('.') => Class::Write,
        name if HARMLESS.contains(&name) || name.starts_with("enable_") => Class::Read,
        _ => Class::Admin,
    }
}

/// Returns the class of a search path. One with only the usual schemas changes nothing. One that puts a
/// schema before `pg_catalog` can redirect the name of any harmless function. Any other changes what names in
/// later SQL mean.
fn search_path(path: &str) -> Class {
    let mut worst = Class::Read;
    for (place, schema) in path.split(',').enumerate() {
        let schema = schema.trim_matches(is_space);
        let schema = schema.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(schema);
        // Quotes are lost at this point: `"Public"` and `PUBLIC` cannot be told apart, so neither counts as
        // usual.
        worst = worst.max(match schema {
            _ if place > 0 && schema.to_ascii_lowercase().contains("pg_catalog") => Class::Admin,
            "" | "pg_catalog" | "public" | "$user" | "pg_temp" => Class::Read,
            _ => Class::Write,
        });
    }
    worst
}

/// Returns whether the name of a schema means the same with and without quotes.
pub(super) fn is_plain(schema: &str) -> bool {
    schema
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'$'))
}

fn is_on(value: &str) -> bool {
    ["on", "true", "t", "yes", "y", "1"].iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn is_utf8(value: &str) -> bool {
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.eq_ignore_ascii_case("utf8") || plain.eq_ignore_ascii_case("unicode")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_mean_what_they_change() {
        for (name, change, expected) in [
            ("application_name", Change::To("psql"), Class::Read),
            ("enable_seqscan", Change::To("off"), Class::Read),
            ("role", Change::To("postgres"), Class::Admin),
            ("role", Change::Reset, Class::Admin),
            ("session_authorization", Change::Reset, Class::Admin),
            ("session_replication_role", Change::To("replica"), Class::Admin),
            ("client_encoding", Change::To("UTF-8"), Class::Read),
            ("client_encoding", Change::To("SJIS"), Class::Admin),
            ("client_encoding", Change::Computed, Class::Admin),
            ("standard_conforming_strings", Change::To("ON"), Class::Read),
            ("standard_conforming_strings", Change::To("off"), Class::Admin),
            ("standard_conforming_strings", Change::Reset, Class::Admin),
            ("default_transaction_read_only", Change::To("on"), Class::Read),
            ("default_transaction_read_only", Change::To("off"), Class::Write),
            ("default_transaction_read_only", Change::Reset, Class::Read),
            ("transaction_read_only", Change::To("on"), Class::Read),
            ("transaction_read_only", Change::To("off"), Class::Write),
            ("transaction_read_only", Change::Reset, Class::Write),
            (RESTRICTS, Change::To("view, foreign-table"), Class::Read),
            (RESTRICTS, Change::To("view"), Class::Admin),
            (RESTRICTS, Change::Reset, Class::Admin),
            ("search_path", Change::To(""), Class::Read),
            ("search_path", Change::To("\"$user\", public"), Class::Read),
            ("search_path", Change::To("pg_catalog, public"), Class::Read),
            ("search_path", Change::To("public, pg_catalog"), Class::Admin),
            ("search_path", Change::To("public, \"pg_catalog\""), Class::Admin),
            ("search_path", Change::To("PUBLIC"), Class::Write),
            ("search_path", Change::To("\u{a0}public"), Class::Write),
            ("search_path", Change::To("\u{2003}public, pg_temp"), Class::Write),
            ("search_path", Change::To("\" public\""), Class::Write),
            ("search_path", Change::To("\"\"public\"\""), Class::Write),
            ("enable_rls.tenant", Change::To("7"), Class::Write),
            ("search_path", Change::To("evil, public"), Class::Write),
            ("search_path", Change::Computed, Class::Admin),
            ("app.tenant", Change::To("7"), Class::Write),
            ("local_preload_libraries", Change::To("x"), Class::Admin),
        ] {
            assert_eq!(class(name, change), expected, "{name} {change:?}");
        }
    }
}
