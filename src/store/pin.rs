//! The table `pin`: targets' definitions of what they offer, as accepted and as they are now.

use rusqlite::OptionalExtension;
use rusqlite::Row;
use rusqlite::params;
use serde_json::json;

use crate::domain::pin::Pin;
use crate::domain::pin::PinKind;
use crate::domain::pin::PinNote;
use crate::domain::pin::PinState;
use crate::domain::pin::PinVersion;
use crate::store::db::Change;
use crate::store::db::View;
use crate::store::db::from_json;
use crate::store::db::parsed;
use crate::store::db::to_json;
use crate::store::db::word;
use crate::store::error::During;
use crate::store::error::StoreError;

/// A pin to accept, as it was reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedAt {
    /// The kind of the pinned item.
    pub kind: PinKind,
    /// Its name.
    pub name: String,
    /// The fingerprint of the target's latest definition.
    pub digest: String,
}

impl View {
    /// Lists the pins of one connection, or all, by connection, kind and name.
    pub fn pins(&self, connection: Option<&str>) -> Result<Vec<Pin>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT * FROM pin WHERE ?1 IS NULL OR connection = ?1 ORDER BY connection, kind, name",
            )
            .and_then(|mut select| select.query_map([connection], read)?.collect())
            .during("list the pins")
    }

    fn pin(&self, connection: &str, kind: PinKind, name: &str) -> Result<Option<Pin>, StoreError> {
        self.connection
            .prepare_cached("SELECT * FROM pin WHERE connection = ?1 AND kind = ?2 AND name = ?3")
            .and_then(|mut select| {
                select.query_row(params![connection, kind.as_str(), name], read).optional()
            })
            .during("read a pin")
    }
}

impl Change<'_> {
    /// Stores new pins, and the latest definitions of existing ones. Their accepted definitions are
    /// unchanged.
    pub fn save_pins(&self, pins: &[Pin]) -> Result<(), StoreError> {
        for pin in pins {
            self.write_pin(
                pin,
                "INSERT INTO pin VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (connection, kind, name) DO UPDATE SET current = ?8, changed_ms = ?9",
            )?;
        }
        Ok(())
    }

    /// Adds audit entries about pins, with the gateway as the actor.
    pub fn note_pins(&self, notes: &[PinNote]) -> Result<(), StoreError> {
        for note in notes {
            let detail = json!({
                "kind": note.kind, "count": note.count, "name": note.name, "members": note.members, "digest": note.digest,
            });
            self.append_audit("hoopctl", note.action, note.connection.as_str(), &detail)?;
        }
        Ok(())
    }

    /// Accepts the latest definitions, all of these or none, each with `pin.accept` in the audit trail.
    /// Returns the pins as they are now.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Changed`] if the target has changed its definition since it was
    /// reviewed.
    pub fn accept_pins(
        &self,
        connection: &str,
        looked_at: &[LookedAt],
        actor: &str,
    ) -> Result<Vec<Pin>, StoreError> {
        let mut accepted = Vec::with_capacity(looked_at.len());
        for LookedAt { kind, name, digest } in looked_at {
            let mut pin = self
                .pin(connection, *kind, name)?
                .ok_or_else(|| StoreError::Missing { kind: "pin", name: name.clone() })?;
            if pin.seen().digest != *digest {
                return Err(StoreError::Changed { kind: "pin", name: name.clone() });
            }
            if pin.state() != PinState::Pinned || pin.accepted_by.is_none() {
                let members: Vec<String> = pin.changes().into_iter().map(|change| change.member).collect();
                let detail = json!({ "kind": kind, "name": name, "members": members, "digest": digest });
                pin.accept(actor, self.now_ms);
                self.write_pin(&pin, "REPLACE INTO pin VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
                self.append_audit(actor, "pin.accept", connection, &detail)?;
            }
            accepted.push(pin);
        }
        Ok(accepted)
    }

    /// Forgets pins, all of these or none, each with `pin.forget` in the audit trail. Returns the forgotten
    /// pins.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    pub fn forget_pins(
        &self,
        connection: &str,
        names: &[(PinKind, String)],
        actor: &str,
    ) -> Result<Vec<Pin>, StoreError> {
        let mut forgotten = Vec::with_capacity(names.len());
        for (kind, name) in names {
            let pin = self
                .pin(connection, *kind, name)?
                .ok_or_else(|| StoreError::Missing { kind: "pin", name: name.clone() })?;
            self.connection
                .prepare_cached("DELETE FROM pin WHERE connection = ?1 AND kind = ?2 AND name = ?3")
                .and_then(|mut delete| delete.execute(params![connection, kind.as_str(), name]))
                .during("forget a pin")?;
            let detail = json!({
                "kind": kind, "name": name, "digest": pin.seen().digest, "accepted_by": pin.accepted_by,
            });
            self.append_audit(actor, "pin.forget", connection, &detail)?;
            forgotten.push(pin);
        }
        Ok(forgotten)
    }

    fn write_pin(&self, pin: &Pin, sql: &str) -> Result<(), StoreError> {
        let accepted = to_json(&pin.accepted)?;
        let current = pin.current.as_ref().map(to_json).transpose()?;
        self.connection
            .prepare_cached(sql)
            .and_then(|mut write| {
                write.execute(params![
                    pin.connection.as_str(),
                    pin.kind.as_str(),
                    pin.name,
                    accepted,
                    pin.accepted_ms,
                    pin.accepted_by,
                    pin.fresh,
                    current,
                    pin.changed_ms,
                ])
            })
            .during("write a pin")
            .map(drop)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pin> {
    let current: Option<String> = row.get("current")?;
    let current: Option<PinVersion> = match current {
        None => None,
        Some(_) => Some(from_json(row, "current")?),
    };
    Ok(Pin {
        connection: parsed(row, "connection")?,
        kind: word(row, "kind", PinKind::of_word)?,
        name: row.get("name")?,
        accepted: from_json(row, "accepted")?,
        accepted_ms: row.get("accepted_ms")?,
        accepted_by: row.get("accepted_by")?,
        fresh: row.get("fresh")?,
        current,
        changed_ms: row.get("changed_ms")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pin::PinMember;
    use crate::store::Store;

    fn version(text: &str) -> PinVersion {
        let member = PinMember {
            name: "description".into(),
            digest: format!("d{text}"),
            text: text.into(),
            cut: false,
        };
        PinVersion { digest: format!("v{text}"), members: vec![member], flags: Vec::new() }
    }

    fn pin(name: &str, current: Option<&str>) -> Pin {
        Pin {
            connection: "tools".parse().unwrap(),
            kind: PinKind::Tool,
            name: name.into(),
            accepted: version("first"),
            accepted_ms: 5,
            accepted_by: None,
            fresh: false,
            current: current.map(version),
            changed_ms: current.map(|_| 7),
        }
    }

    fn looked_at(name: &str, digest: &str) -> LookedAt {
        LookedAt { kind: PinKind::Tool, name: name.into(), digest: digest.into() }
    }

    #[tokio::test]
    async fn what_was_looked_at_is_what_is_accepted_and_what_comes_later_does_not_undo_it() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("data")).unwrap();
        let pins = [pin("send", None), pin("read", Some("second"))];
        store.change(move |change| change.save_pins(&pins)).await.unwrap();
        let pins = store.read(|view| view.pins(Some("tools"))).await.unwrap();
        assert_eq!(pins, [pin("read", Some("second")), pin("send", None)]);
        assert_eq!(store.read(|view| view.pins(Some("other"))).await.unwrap(), []);

        let accept =
            |list: Vec<LookedAt>| store.change(move |change| change.accept_pins("tools", &list, "local:ann"));
        let missing = accept(vec![looked_at("read", "vsecond"), looked_at("none", "v")]).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
        // The target changed the definition meanwhile.
        let changed = accept(vec![looked_at("read", "vfirst")]).await;
        assert!(matches!(changed, Err(StoreError::Changed { .. })), "{changed:?}");
        assert_eq!(store.read(|view| view.pins(None)).await.unwrap(), pins, "all or none");

        let accepted = accept(vec![looked_at("read", "vsecond"), looked_at("send", "vfirst")]).await.unwrap();
        let [read, send] = accepted.as_slice() else { panic!("{accepted:?}") };
        assert_eq!(
            (read.accepted.digest.as_str(), read.accepted_by.as_deref()),
            ("vsecond", Some("local:ann"))
        );
        // What was only trusted as first seen is accepted by somebody now.
        assert_eq!(
            (send.accepted.digest.as_str(), send.accepted_by.as_deref()),
            ("vfirst", Some("local:ann"))
        );
        let again = accept(vec![looked_at("send", "vfirst")]).await.unwrap();
        assert_eq!(again.as_slice(), std::slice::from_ref(send), "nothing to accept, nothing written");

        // A listing that is saved later leaves the acceptance unchanged.
        let late = [pin("read", Some("third"))];
        store.change(move |change| change.save_pins(&late)).await.unwrap();
        let read = store.read(|view| view.pins(None)).await.unwrap().remove(0);
        assert_eq!((read.accepted.digest.as_str(), read.seen().digest.as_str()), ("vsecond", "vthird"));
        assert_eq!(read.accepted_by.as_deref(), Some("local:ann"));
        let audit = store.read(|view| view.audit(0, 10)).await.unwrap();
        let told: Vec<_> = audit.iter().map(|entry| (&*entry.actor, &*entry.action)).collect();
        assert_eq!(told, [("local:ann", "pin.accept"), ("local:ann", "pin.accept")]);
    }

    #[tokio::test]
    async fn what_is_forgotten_is_gone_and_the_audit_trail_says_so() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("data")).unwrap();
        let pins = [pin("send", None), pin("read", None)];
        store.change(move |change| change.save_pins(&pins)).await.unwrap();
        let forget = |names: Vec<&'static str>| {
            let names: Vec<_> = names.into_iter().map(|name| (PinKind::Tool, name.to_owned())).collect();
            store.change(move |change| change.forget_pins("tools", &names, "local:ann"))
        };
        let missing = forget(vec!["send", "none"]).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
        assert_eq!(store.read(|view| view.pins(None)).await.unwrap().len(), 2, "all or none");
        assert_eq!(forget(vec!["send"]).await.unwrap(), [pin("send", None)]);
        assert_eq!(store.read(|view| view.pins(None)).await.unwrap(), [pin("read", None)]);
        let audit = store.read(|view| view.audit(0, 10)).await.unwrap();
        let told: Vec<_> = audit.iter().map(|entry| (&*entry.actor, &*entry.action)).collect();
        assert_eq!(told, [("local:ann", "pin.forget")]);
    }
}
