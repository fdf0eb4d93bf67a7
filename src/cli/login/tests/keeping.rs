//! The file of tokens, and deleting its entries.

use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;

use super::super::tokens::KeepError;
use super::*;

#[tokio::test]
async fn tokens_are_kept_for_their_owner_only() {
    let served = Served::start().await;
    let (_folder, file) = kept(&served, None).await;
    let path = file.path();
    let folder = path.parent().unwrap();
    let mode = |path: &std::path::Path| std::fs::symlink_metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&path), mode(folder)), (0o600, 0o700));
    let names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    // A file that others can read is closed to them by the next change.
    let set = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(folder, 0o755);
    file.hold().await.unwrap().change(|_| ()).unwrap();
    assert_eq!(mode(folder), 0o700);
    for bad in [0o644, 0o640, 0o604, 0o620, 0o660] {
        set(&path, bad);
        let error = file.read().unwrap_err();
        assert!(matches!(error, KeepError::Unsafe { .. }), "{bad:o} {error}");
        assert!(matches!(file.hold().await.unwrap().change(|_| ()), Err(KeepError::Unsafe { .. })));
    }
    set(&path, 0o600);
    for bad in [0o777, 0o770, 0o720, 0o702] {
        set(folder, bad);
        assert!(matches!(file.read(), Err(KeepError::Unsafe { .. })), "{bad:o}");
    }
    set(folder, 0o700);
    assert!(file.read().is_ok());
    let shown = format!("{:?}", file.read().unwrap());
    assert!(!shown.contains("old-access") && !shown.contains("old-refresh"), "{shown}");

    let elsewhere = folder.join("elsewhere.json");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    let error = file.read().unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert!(file.hold().await.unwrap().change(|_| ()).is_err(), "and nothing is put in its place");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    set(&path, 0o700);
    assert!(file.read().is_err());
    std::fs::remove_dir(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
    assert!(file.read().is_err(), "and it does not wait");
    std::fs::remove_file(&path).unwrap();
    for text in ["", "{", "{\"version\":2,\"gateways\":{}}", "[]"] {
        std::fs::write(&path, text).unwrap();
        set(&path, 0o600);
        assert!(matches!(file.read(), Err(KeepError::Unreadable { .. })), "{text}");
    }
}

#[tokio::test]
async fn signing_out_revokes_and_forgets_even_where_the_issuer_is_away() {
    let served = Served::start().await;
    let terminal = Terminal { quiet: true, ..Terminal::new(output::Format::Table, true) };
    for status in [200, 503, 400] {
        let (_folder, file) = kept(&served, None).await;
        served.set("/revoke", status, &json!({"error": "unsupported_token_type"}));
        sign_out(terminal, &file, &served.origin).await.unwrap();
        assert!(file.read().unwrap().gateways.is_empty(), "{status}");
    }
    let forms = served.asked("/revoke");
    assert_eq!(forms.len(), 3);
    assert_eq!(forms[0], "token=old-refresh&token_type_hint=refresh_token&client_id=cli");
}
