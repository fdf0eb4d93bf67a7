//! Files and directories that nobody else may access.

use std::fs;
use std::fs::Metadata;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::store::error::StoreError;

/// Permission bits of a directory that only its owner may enter.
const FOLDER_MODE: u32 = 0o700;
/// Permission bits of a file that only its owner may read and write.
const FILE_MODE: u32 = 0o600;
/// Permission bits for everybody except the owner.
const OTHERS: u32 = 0o077;

/// Creates `path` (and missing parents) with mode 0700, or checks that an existing directory is ours and not
/// more open.
///
/// # Errors
/// [`StoreError::WrongType`], [`StoreError::WrongOwner`], [`StoreError::TooWide`] (with the `chmod` to run)
/// and [`StoreError::Io`]. An existing directory is never changed.
pub fn private_folder(path: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .map_err(|source| StoreError::Io { operation: "make the folder", path: path.to_owned(), source })?;
    let metadata = fs::metadata(path).map_err(|source| StoreError::Io {
        operation: "look at",
        path: path.to_owned(),
        source,
    })?;
    if !metadata.is_dir() {
        return Err(StoreError::WrongType { path: path.to_owned(), wanted: "a folder" });
    }
    check_owner_and_mode(path, &metadata, FOLDER_MODE)
}

/// Checks that the file at `path` is a regular file (not a symbolic link) of ours that nobody else can read
/// or write.
///
/// # Errors
/// As [`private_folder`]; [`StoreError::ReadOnly`] if not even the owner may write it.
pub fn check_private_file(path: &Path) -> Result<(), StoreError> {
    let metadata = fs::symlink_metadata(path).map_err(|source| StoreError::Io {
        operation: "look at",
        path: path.to_owned(),
        source,
    })?;
    if !metadata.is_file() {
        return Err(StoreError::WrongType { path: path.to_owned(), wanted: "a regular file" });
    }
    check_owner_and_mode(path, &metadata, FILE_MODE)?;
    if metadata.mode() & 0o200 == 0 {
        return Err(StoreError::ReadOnly { path: path.to_owned() });
    }
    Ok(())
}

fn check_owner_and_mode(path: &Path, metadata: &Metadata, wanted: u32) -> Result<(), StoreError> {
    let us = nix::unistd::geteuid().as_raw();
    if metadata.uid() != us {
        return Err(StoreError::WrongOwner { path: path.to_owned(), owner: metadata.uid(), us });
    }
    let mode = metadata.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(StoreError::TooWide { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

/// Makes a completed creation or renaming inside `folder` survive a power loss.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    fs::File::open(folder).and_then(|handle| handle.sync_all()).map_err(|source| StoreError::Io {
        operation: "sync",
        path: folder.to_owned(),
        source,
    })
}
