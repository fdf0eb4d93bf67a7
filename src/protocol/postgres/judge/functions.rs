//! The functions and operators of PostgreSQL that only compute or read.
//!
//! A function is known by its name alone, since SQL does not show argument types. So a name counts as
//! harmless only if all its overloads in `pg_catalog` are. Whoever may create functions can put one with the
//! same name and better matching argument types on the search path. That is a change of structure, judged
//! where it happens, and seen in the target's catalog
//! ([`Catalog::opaque`](crate::protocol::postgres::catalog::Catalog::opaque)).

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::domain::command::Class;

/// The names without a volatile overload, one a line; `schema.name` outside `pg_catalog`.
const SAFE: &str = include_str!("functions/safe.txt");
/// The names of the operators of `pg_catalog`, one a line.
const OPERATORS: &str = include_str!("functions/operators.txt");

/// Functions that are volatile in the catalog but only report something.
const TELLS: &[&str] = &[
    "clock_timestamp",
    "currval",
    "gen_random_uuid",
    "lastval",
    "pg_blocking_pids",
    "pg_current_wal_flush_lsn",
    "pg_current_wal_insert_lsn",
    "pg_current_wal_lsn",
    "pg_database_size",
    "pg_export_snapshot",
    "pg_get_wal_replay_pause_state",
    "pg_indexes_size",
    "pg_is_in_backup",
    "pg_is_in_recovery",
    "pg_is_wal_replay_paused",
    "pg_last_committed_xact",
    "pg_last_wal_receive_lsn",
    "pg_last_wal_replay_lsn",
    "pg_last_xact_replay_timestamp",
    "pg_lock_status",
    "pg_notification_queue_usage",
    "pg_partition_ancestors",
    "pg_partition_tree",
    "pg_prepared_xact",
    "pg_relation_size",
    "pg_safe_snapshot_blocking_pids",
    "pg_sequence_last_value",
    "pg_table_size",
    "pg_tablespace_size",
    "pg_total_relation_size",
    "pg_xact_commit_timestamp",
    "random",
    "timeofday",
];

/// Harmless functions that are newer than the version the list was made from.
const NEWER: &[&str] = &[
    "any_value",
    "array_reverse",
    "array_sample",
    "array_shuffle",
    "array_sort",
    "casefold",
    "crc32",
    "crc32c",
    "date_add",
    "date_subtract",
    "erf",
    "erfc",
    "gamma",
    "lgamma",
    "pg_get_sequence_data",
    "pg_input_error_info",
    "pg_input_is_valid",
    "pg_stat_get_lastscan",
    "random_normal",
    "system_user",
    "to_bin",
    "to_oct",
    "unicode_assigned",
    "uuid_extract_timestamp",
    "uuid_extract_version",
    "uuidv4",
    "uuidv7",
    "xmltext",
];

/// Functions that change data, or use up a transaction id, or notify others.
const WRITES: &[&str] = &["nextval", "pg_current_xact_id", "pg_notify", "setval", "txid_current"];

/// Functions that run SQL given as text, reach files, other servers or other sessions, or change the server.
const DANGEROUS: &[&str] = &[
    "be_lo_unlink",
    "connectby",
    "gin_clean_pending_list",
    "heap_force_freeze",
    "heap_force_kill",
    "lo",
    "loread",
    "lowrite",
    "pg_cancel_backend",
    "pg_current_logfile",
    "pg_extension_config_dump",
    "pg_hba_file_rules",
    "pg_ident_file_mappings",
    "pg_import_system_collations",
    "pg_log_backend_memory_contexts",
    "pg_nextoid",
    "pg_promote",
    "pg_reload_conf",
    "pg_restore_attribute_stats",
    "pg_restore_relation_stats",
    "pg_rotate_logfile",
    "pg_show_all_file_settings",
    "pg_start_backup",
    "pg_stat_file",
    "pg_stat_statements_reset",
    "pg_stop_backup",
    "pg_switch_wal",
    "pg_switch_xlog",
    "pg_terminate_backend",
    "pg_truncate_visibility_map",
    "plpgsql_call_handler",
    "plpgsql_inline_handler",
    "ts_rewrite",
    "ts_stat",
    "xpath_table",
];

/// The beginnings of the names of families of such functions.
const DANGEROUS_STARTS: &[&str] = &[
    "binary_upgrade_",
    "brin_desummarize_",
    "brin_summarize_",
    "crosstab",
    "dblink",
    "fmgr_",
    "lo_",
    "pg_backup_",
    "pg_clear_",
    "pg_copy_",
    "pg_create_",
    "pg_drop_",
    "pg_file_",
    "pg_logdir_",
    "pg_logical_",
    "pg_ls_",
    "pg_read_",
    "pg_replication_",
    "pg_stat_reset",
    "pg_sync_",
    "pg_wal_replay_",
    "postgres_fdw_",
    "xslt_",
];

/// The functions of large objects, which can be called as `(x).name`.
const LARGE_OBJECTS: &[&str] = &[
    "lo_close",
    "lo_creat",
    "lo_create",
    "lo_export",
    "lo_from_bytea",
    "lo_get",
    "lo_import",
    "lo_lseek",
    "lo_lseek64",
    "lo_open",
    "lo_put",
    "lo_tell",
    "lo_tell64",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
];

/// Functions that take one argument of any type and return what is in it.
const ROW_TELLERS: &[&str] = &[
    "any_out",
    "any_value",
    "anycompatible_out",
    "anycompatiblenonarray_out",
    "anyelement_out",
    "anynonarray_out",
    "array_agg",
    "concat",
    "hash_record",
    "json_agg",
    "json_agg_strict",
    "json_build_array",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_build_array",
    "max",
    "min",
    "quote_literal",
    "quote_nullable",
    "record_out",
    "record_send",
    "row_to_json",
    "to_json",
    "to_jsonb",
];

/// Returns whether a function takes the name of a sequence.
pub(super) fn takes_sequence(schema: Option<&str>, name: &str) -> bool {
    matches!(schema, None | Some("pg_catalog")) && matches!(name, "currval" | "nextval" | "setval")
}

/// What calling a function means, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// It computes or reads.
    Safe,
    /// It changes data.
    Writes,
    /// It takes a lock that outlasts the call.
    Locks,
    /// It releases locks that the session itself has taken.
    Releases,
    /// It changes a setting; the class depends on its arguments.
    SetConfig,
    /// It can do anything.
    Dangerous,
    /// Nothing is known about it.
    Opaque,
}

impl Call {
    /// Returns the class of a call. For [`Call::SetConfig`] it applies if the arguments are not constants.
    pub(super) const fn class(self) -> Class {
        match self {
            Self::Safe | Self::Releases => Class::Read,
            Self::Writes | Self::Locks => Class::Write,
            Self::SetConfig | Self::Dangerous => Class::Admin,
            Self::Opaque => Class::Unknown,
        }
    }
}

/// Returns the entries of a list, without its heading.
fn lines(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("-- "))
}

/// Returns what is known of a function. A dangerous name is dangerous in any schema, because extensions can
/// be installed anywhere.
pub(super) fn call(schema: Option<&str>, name: &str) -> Call {
    static NAMES: LazyLock<HashSet<&str>> =
        LazyLock::new(|| lines(SAFE).chain(TELLS.iter().copied()).chain(NEWER.iter().copied()).collect());
    let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    let dumps = ["_to_xml", "_to_xmlschema", "_to_xml_and_xmlschema"].iter().any(|end| name.ends_with(end));
    if dumps || DANGEROUS.contains(&name) || starts(DANGEROUS_STARTS) {
        return Call::Dangerous;
    }
    match schema {
        None | Some("pg_catalog") => match name {
            "set_config" => Call::SetConfig,
            _ if WRITES.contains(&name) => Call::Writes,
            _ if starts(&["pg_advisory_unlock"]) => Call::Releases,
            _ if starts(&["pg_advisory_", "pg_try_advisory_"]) => Call::Locks,
            // In the list a name with a dot names another schema; in SQL it is somebody's quoted name.
            _ if NAMES.contains(name) && !name.contains('.') => Call::Safe,
            _ => Call::Opaque,
        },
        Some(schema) if NAMES.contains(format!("{schema}.{name}").as_str()) => Call::Safe,
        Some(_) => Call::Opaque,
    }
}

/// Returns what `x.name` does if it is the call `name(x)`, which works on a row without a column of that
/// name, and on any value in `(x).name`. `None` for functions that only compute, and for unknown ones: it is
/// almost always a column.
pub(super) fn attribute(name: &str) -> Option<Call> {
    // Columns have such names, and the functions behind them do nothing.
    let column = name == "lo" || (name.starts_with("lo_") && !LARGE_OBJECTS.contains(&name));
    if column {
        return None;
    }
    match call(None, name) {
        Call::Safe => None,
        Call::Opaque => (name.starts_with("pg_") || name == "setseed").then_some(Call::Opaque),
        known => Some(known),
    }
}

/// Returns whether a function runs SQL that it is given, or SQL built from its arguments.
pub(super) fn runs_text(name: &str) -> bool {
    ["connectby", "ts_rewrite", "ts_stat", "xpath_table"].contains(&name)
        || ["crosstab", "dblink", "query_to_xml"].iter().any(|start| name.starts_with(start))
}

/// Returns whether `x.name` can be a call that returns the whole row `x`.
pub(super) fn tells_row(name: &str) -> bool {
    ROW_TELLERS.contains(&name)
}

/// Returns whether reading a view runs a function that [`call`] rates dangerous: it shows the content of
/// server files.
pub(super) fn tells_files(schema: Option<&str>, view: &str) -> bool {
    matches!(schema, None | Some("pg_catalog"))
        && ["pg_file_settings", "pg_hba_file_rules", "pg_ident_file_mappings"].contains(&view)
}

/// Returns whether an operator is one of PostgreSQL's own: a known name, with no schema but `pg_catalog`.
///
/// Which function it runs depends on the types of its operands, which SQL does not show.
pub(super) fn known_operator(schema: Option<&str>, name: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| lines(OPERATORS).collect());
    matches!(schema, None | Some("pg_catalog")) && NAMES.contains(name)
}

/// Functions that give several rows for one, by how their names begin or end: with them a text would make a
/// table of guesses for itself.
const GIVE_ROWS: [&str; 11] = [
    "_pg_expandarray",
    "aclexplode",
    "generate_",
    "regexp_matches",
    "string_to_table",
    "ts_debug",
    "ts_parse",
    "ts_token_type",
    "txid_snapshot_xip",
    "unnest",
    "jsonb_path_query",
];
const GIVE_ROWS_ENDS: [&str; 7] =
    ["_split_to_table", "recordset", "_elements", "_elements_text", "_each", "_each_text", "_object_keys"];

/// Returns whether one of PostgreSQL's functions that only compute gives several rows for one.
pub(super) fn gives_rows(name: &str) -> bool {
    GIVE_ROWS.iter().any(|start| name.starts_with(start))
        || GIVE_ROWS_ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_do() {
        for (schema, name, call_is) in [
            (None, "lower", Call::Safe),
            (Some("pg_catalog"), "count", Call::Safe),
            (None, "now", Call::Safe),
            (None, "random", Call::Safe),
            (None, "array_agg", Call::Safe),
            (None, "row_number", Call::Safe),
            (None, "generate_series", Call::Safe),
            (Some("information_schema"), "_pg_expandarray", Call::Safe),
            (Some("public"), "lower", Call::Opaque),
            (None, "_pg_expandarray", Call::Opaque),
            (None, "purge", Call::Opaque),
            (None, "pg_sleep", Call::Opaque),
            (None, "nextval", Call::Writes),
            (None, "pg_notify", Call::Writes),
            (None, "pg_try_advisory_xact_lock", Call::Locks),
            (None, "pg_advisory_unlock", Call::Releases),
            (None, "pg_advisory_unlock_shared", Call::Releases),
            (Some("pg_catalog"), "pg_advisory_unlock_all", Call::Releases),
            (Some("evil"), "pg_advisory_unlock_all", Call::Opaque),
            (None, "set_config", Call::SetConfig),
            (None, "txid_current", Call::Writes),
            (None, "txid_current_if_assigned", Call::Safe),
            (None, "pg_export_snapshot", Call::Safe),
            (Some("evil"), "pg_export_snapshot", Call::Opaque),
            (None, "query_to_xml", Call::Dangerous),
            (None, "table_to_xml", Call::Dangerous),
            (None, "database_to_xml_and_xmlschema", Call::Dangerous),
            (None, "ts_rewrite", Call::Dangerous),
            (Some("ext"), "dblink_exec", Call::Dangerous),
            (Some("ext"), "crosstab4", Call::Dangerous),
            (None, "lo_import", Call::Dangerous),
            (None, "pg_read_binary_file", Call::Dangerous),
            (None, "--", Call::Opaque),
            (None, "information_schema._pg_expandarray", Call::Opaque),
            (Some("pg_catalog"), "information_schema._pg_expandarray", Call::Opaque),
            (None, "fmgr_c_validator", Call::Dangerous),
        ] {
            assert_eq!(call(schema, name), call_is, "{schema:?}.{name}");
        }
    }

    #[test]
    fn operators_are_known_by_name_and_schema() {
        assert!(known_operator(None, "+") && known_operator(Some("pg_catalog"), "~*"));
        assert!(known_operator(None, "->>"), "an operator whose name begins like a comment");
        assert!(!known_operator(Some("evil"), "+") && !known_operator(None, "@#@"));
    }

    #[test]
    fn no_list_names_what_another_calls_dangerous() {
        for name in TELLS.iter().chain(NEWER) {
            assert_eq!(call(None, name), Call::Safe, "{name}");
        }
        for name in WRITES {
            assert!(!lines(SAFE).any(|safe| safe == *name), "{name}");
        }
        assert!(lines(SAFE).count() > 1_000 && lines(OPERATORS).count() > 50);
    }
}
