//! `hoopctl.db`: entities, locks, sealed secrets, key sets, approvals, pins and the audit trail, in one
//! SQLite file.
//!
//! One thread owns the connection; [`Store::call`] sends it jobs. A change of an entity, lock, secret or
//! grant and its audit entry are in the same transaction. `serve` or the offline CLI holds [`DataDirLock`]
//! meanwhile, so there is never a second writer.

mod approval;
mod approval_decision;
mod approval_grant;
mod audit;
pub mod database;
mod db;
mod entity;
mod error;
mod file_content;
mod folder;
mod journal_notes;
mod jwks;
mod legal_hold;
mod lock;
mod lock_file;
mod meta;
mod pin;
mod secret;
#[cfg(test)]
mod tests;
mod thread;

pub use approval::ApprovalFilter;
pub use approval::Same;
pub use audit::AuditCheck;
pub use audit::AuditEntry;
pub use audit::AuditVerification;
pub use db::Change;
pub use db::Db;
pub use db::View;
pub use entity::NewEntity;
pub use entity::Put;
pub use entity::StoredEntity;
pub use error::StoreError;
pub use file_content::FileContent;
pub use file_content::FileEntry;
pub use file_content::FileNote;
pub use folder::check_private_file;
pub use folder::private_folder;
pub use journal_notes::JournalLook;
pub use journal_notes::JournalNotes;
pub use journal_notes::JournalRemoval;
pub use journal_notes::SeenRows;
pub use journal_notes::SeenSession;
pub use legal_hold::AcknowledgedLegalHold;
pub use legal_hold::LegalHold;
pub use legal_hold::LegalHoldFault;
pub use legal_hold::LegalHoldNotes;
pub use lock_file::BETWEEN;
pub use lock_file::DataDirLock;
pub use lock_file::WAITS;
pub use lock_file::lock_data_dir;
pub use lock_file::lock_data_dir_soon;
pub use pin::LookedAt;
pub use secret::StoredSecret;
pub use thread::Store;

/// The name of the store's file in the data directory.
pub const DB_FILE: &str = "hoopctl.db";
