//! What the configuration file had in it last: kept, so that the audit trail tells what has changed.

use aws_lc_rs::digest;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::domain::hex;
use crate::store::db::Change;
use crate::store::db::to_json;
use crate::store::error::StoreError;

/// The fact that holds what was noted last.
const NOTED: &str = "file_noted";
/// So many bytes of texts stand in one entry; of those that come after, the digests.
const MOST_TEXT: usize = 64 << 10;

/// One thing that the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// What it is: `connection`, `policy`, `mask` or `issuer`.
    pub kind: String,
    /// Its name or id; unique within its kind.
    pub name: String,
    /// The body of its TOML table.
    pub body: String,
}

/// What the file says of policies, and of what they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// A digest of what is said: another one is another revision.
    pub digest: String,
    /// The digest of the file as it is written.
    pub file_digest: String,
    /// All that it says.
    pub parts: Vec<FileEntry>,
}

/// The entry of the audit trail that tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNote {
    /// Who had the file read.
    pub actor: String,
    /// What was done: `config.start` or `config.reload`.
    pub action: &'static str,
    /// The file.
    pub file: String,
    /// That there is one also where nothing is said otherwise.
    pub always: bool,
}

/// What the audit trail has of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Noted {
    digest: String,
    parts: Vec<FileEntry>,
}

impl Change<'_> {
    /// As [`Change::revision_with`]; and adds to the audit trail what the file says otherwise than it did
    /// when it was noted last.
    ///
    /// # Errors
    /// As [`Change::append_audit`].
    pub fn take_file(&self, content: &FileContent, note: &FileNote) -> Result<u64, StoreError> {
        let noted = self.fact_left(NOTED)?.and_then(|noted| serde_json::from_str::<Noted>(&noted).ok());
        // A number was given before, by a version or a command that does not note.
        let first = noted.is_none() && !self.fact("file")?.is_empty();
        let noted = noted.unwrap_or_default();
        let revision = self.revision_with(&content.digest)?;
        let is_new = noted.digest != content.digest;
        if !is_new && !note.always {
            return Ok(revision);
        }
        let changes = if is_new { changes(&noted.parts, &content.parts, first) } else { Vec::new() };
        let detail = json!({ "revision": revision, "file_digest": content.file_digest, "changes": changes });
        self.append_audit(&note.actor, note.action, &note.file, &detail)?;
        if is_new {
            let noted = Noted { digest: content.digest.clone(), parts: content.parts.clone() };
            self.put_fact(NOTED, &to_json(&noted)?)?;
        }
        Ok(revision)
    }
}

/// What differs, in the order of the new file, what is gone last. `first`: nothing is known of what was
/// before.
fn changes(before: &[FileEntry], after: &[FileEntry], first: bool) -> Vec<Value> {
    let find = |parts: &[FileEntry], like: &FileEntry| {
        parts.iter().find(|part| part.kind == like.kind && part.name == like.name).cloned()
    };
    let mut room = MOST_TEXT;
    let mut told = Vec::new();
    for part in after {
        match find(before, part) {
            Some(old) if old.body == part.body => {}
            Some(old) => told.push(told_of(part, "changed", Some(&part.body), Some(&old.body), &mut room)),
            None => {
                let outcome = if first { "found" } else { "added" };
                told.push(told_of(part, outcome, Some(&part.body), None, &mut room));
            }
        }
    }
    for part in before.iter().filter(|part| find(after, part).is_none()) {
        told.push(told_of(part, "removed", None, Some(&part.body), &mut room));
    }
    told
}

fn told_of(
    part: &FileEntry,
    outcome: &str,
    body: Option<&String>,
    was: Option<&String>,
    room: &mut usize,
) -> Value {
    let mut told = Map::new();
    told.insert("kind".to_owned(), part.kind.as_str().into());
    told.insert("name".to_owned(), part.name.as_str().into());
    told.insert("outcome".to_owned(), outcome.into());
    for (key, text) in [("body", body), ("was", was)] {
        let Some(text) = text else { continue };
        if let Some(left) = room.checked_sub(text.len()) {
            *room = left;
            told.insert(key.to_owned(), text.as_str().into());
        } else {
            let digest = digest::digest(&digest::SHA256, text.as_bytes());
            told.insert(format!("{key}_digest"), hex::encode(digest.as_ref()).into());
        }
    }
    Value::Object(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn part(name: &str, body: &str) -> FileEntry {
        FileEntry { kind: "policy".to_owned(), name: name.to_owned(), body: body.to_owned() }
    }

    async fn take(store: &Store, digest: &str, parts: Vec<FileEntry>, always: bool) -> u64 {
        let content = FileContent { digest: digest.to_owned(), file_digest: format!("of {digest}"), parts };
        let (actor, file) = ("hoopctl".to_owned(), "gw.toml".to_owned());
        let note = FileNote { actor, action: "config.start", file, always };
        store.change(move |change| change.take_file(&content, &note)).await.unwrap()
    }

    async fn last(store: &Store) -> (u64, Value) {
        let trail = store.read(|view| view.audit(0, 100)).await.unwrap();
        trail.last().map(|entry| (entry.seq, entry.detail.clone())).unwrap()
    }

    #[tokio::test]
    async fn what_a_file_says_otherwise_is_told_with_its_texts_and_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        crate::store::private_folder(&data).unwrap();
        let store = Store::open(&data).unwrap();
        let one = take(&store, "1", vec![part("a", "A"), part("b", "B")], false).await;
        let (_, detail) = last(&store).await;
        assert_eq!((&detail["revision"], &detail["file_digest"]), (&one.into(), &"of 1".into()));
        assert_eq!(detail["changes"][0], json!({"kind":"policy","name":"a","outcome":"added","body":"A"}));
        // The same again is no change, and no entry unless one is wanted.
        assert_eq!(take(&store, "1", vec![part("a", "A"), part("b", "B")], false).await, one);
        assert_eq!(last(&store).await.0, 1);
        take(&store, "1", vec![part("a", "A"), part("b", "B")], true).await;
        assert_eq!((last(&store).await.0, &last(&store).await.1["changes"]), (2, &json!([])));
        drop(store);
        let store = Store::open(&data).unwrap();
        // A number that was given without a note is noted later.
        let given = store.change(|change| change.revision_with("2")).await.unwrap();
        let two = take(&store, "2", vec![part("b", "B2"), part("c", "C")], false).await;
        assert!(two > one && two == given);
        let (_, detail) = last(&store).await;
        assert_eq!(
            detail["changes"],
            json!([
                {"kind":"policy","name":"b","outcome":"changed","body":"B2","was":"B"},
                {"kind":"policy","name":"c","outcome":"added","body":"C"},
                {"kind":"policy","name":"a","outcome":"removed","was":"A"},
            ])
        );
        assert_eq!(store.read(crate::store::View::verify_audit).await.unwrap().broken, None);
    }

    #[test]
    fn names_are_always_told_and_texts_up_to_a_bound() {
        let long = "x".repeat(40 << 10);
        let told = changes(&[], &[part("a", &long), part("b", &long), part("c", "C")], true);
        assert_eq!((&told[0]["body"], &told[0]["outcome"]), (&long.clone().into(), &"found".into()));
        let digest = hex::encode(digest::digest(&digest::SHA256, long.as_bytes()).as_ref());
        assert_eq!(told[1], json!({"kind":"policy","name":"b","outcome":"found","body_digest":digest}));
        assert_eq!(told[2]["body"], "C");
    }
}
