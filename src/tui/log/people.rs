//! The owners of the denials' sessions: requested on demand, and bounded.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::control::ApiError;
use crate::control::noun::session::SessionView;
use crate::domain::id::SessionId;
use crate::domain::principal::Kind;

/// Maximum number of sessions kept.
pub(super) const MOST: usize = 500;
/// Maximum number of requests in flight.
const AT_ONCE: usize = 16;

/// The owner of a session. All texts are not escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) principal: String,
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) connection: String,
}

#[derive(Debug)]
enum Known {
    Asked,
    Person(Person),
    Nobody,
}

/// The known owners by session.
#[derive(Debug, Default)]
pub(super) struct People {
    known: BTreeMap<SessionId, Known>,
}

impl People {
    /// Returns the owner of a session, if known.
    pub(super) fn of(&self, session: SessionId) -> Option<&Person> {
        match self.known.get(&session)? {
            Known::Person(person) => Some(person),
            Known::Asked | Known::Nobody => None,
        }
    }

    /// Returns which of the `wanted` sessions to request now, in their order. Sessions that are not wanted
    /// may be evicted.
    pub(super) fn ask(&mut self, wanted: impl IntoIterator<Item = SessionId>) -> Vec<SessionId> {
        let (mut order, mut wanted_set) = (Vec::new(), BTreeSet::new());
        for session in wanted {
            if wanted_set.len() < MOST && wanted_set.insert(session) {
                order.push(session);
            }
        }
        let on_their_way = self.known.values().filter(|known| matches!(known, Known::Asked)).count();
        let free = AT_ONCE.saturating_sub(on_their_way);
        let new: Vec<SessionId> =
            order.into_iter().filter(|session| !self.known.contains_key(session)).take(free).collect();
        if self.known.len() + new.len() > MOST {
            self.known.retain(|session, known| wanted_set.contains(session) || matches!(known, Known::Asked));
        }
        self.known.extend(new.iter().map(|session| (*session, Known::Asked)));
        new
    }

    /// Takes a reply to any request for a session. Returns whether it was one of these.
    pub(super) fn answer(&mut self, name: &str, found: &Result<Box<SessionView>, ApiError>) -> bool {
        let Ok(session) = name.parse::<SessionId>() else { return false };
        let Some(known) = self.known.get_mut(&session) else { return false };
        *known = match found {
            Ok(view) => Known::Person(Person {
                principal: view.principal.clone(),
                label: view.label.clone(),
                kind: view.kind,
                connection: view.connection.clone(),
            }),
            Err(_gone) => Known::Nobody,
        };
        true
    }

    /// Requests failed and lost replies again, after the connection broke.
    pub(super) fn forget_failures(&mut self) {
        self.known.retain(|_, known| matches!(known, Known::Person(_)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ErrorCode;

    #[test]
    fn a_flood_of_sessions_is_asked_for_in_turn_and_kept_within_bounds() {
        let mut people = People::default();
        let sessions: Vec<SessionId> = (0..2 * MOST).map(|_| SessionId::new()).collect();
        let gone = Err(ApiError::new(ErrorCode::NotFound, "gone"));
        for _ in 0..200 {
            let asked = people.ask(sessions.iter().copied());
            assert!(asked.len() <= AT_ONCE);
            // All are in flight: no more are requested.
            assert!(asked.len() < AT_ONCE || people.ask(sessions.iter().copied()).is_empty());
            for session in asked {
                assert!(people.answer(&session.to_string(), &gone));
            }
        }
        assert_eq!(people.known.len(), MOST);
        assert!(
            people.ask(sessions.iter().copied()).is_empty(),
            "what does not fit is not asked for again and again"
        );
        let others: Vec<SessionId> = (0..8).map(|_| SessionId::new()).collect();
        assert_eq!(people.ask(others.iter().copied()), others);
        assert!(people.known.len() <= MOST);
        assert!(!people.answer(&sessions[0].to_string(), &gone), "nobody wants it any more");
        assert!(!people.answer("last", &gone));
    }
}
