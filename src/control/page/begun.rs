//! Sign-ins in progress: each is valid for one callback, for ten minutes. Their number is limited, also per
//! address, because anybody can start one. A browser holds one id for all of its sign-ins, so that tabs do
//! not interfere with each other and no cookies pile up in it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::control::page::random;
use crate::control::page::random::Kept;
use crate::domain::id::ApprovalId;
use crate::domain::sync::lock;
use crate::transport::strangers::Place;

/// How long a person may take to sign in at the issuer.
pub(super) const WITHIN: Duration = Duration::from_mins(10);
/// Maximum number of sign-ins in progress.
const MOST: usize = 10_000;
/// Maximum number per address; beyond it the oldest is dropped.
const MOST_OF_ONE: usize = 32;

/// One sign-in in progress.
#[derive(Debug)]
pub(super) struct Begun {
    /// The hash of the id that its browser holds.
    browser: Kept,
    /// The PKCE verifier, which proves to the issuer that the code was requested by this gateway.
    pub(super) verifier: Zeroizing<String>,
    /// The nonce that the issuer's token must repeat.
    pub(super) nonce: String,
    /// The issuer.
    pub(super) iss: String,
    /// Whether the issuer promised to identify itself in its answer.
    pub(super) names_itself: bool,
    /// Where the browser continues afterwards.
    pub(super) next: ApprovalId,
    place: Place,
    at: Instant,
}

/// A sign-in before it begins.
pub(super) struct Beginning {
    pub(super) verifier: Zeroizing<String>,
    pub(super) nonce: String,
    pub(super) iss: String,
    pub(super) names_itself: bool,
    pub(super) next: ApprovalId,
}

/// Why a browser's callback belongs to no valid sign-in of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// It has others in progress: this one may have been displaced by others from the same address.
    HasOthers,
    /// It has none in progress, whatever id it holds.
    HasNone,
}

/// All of them, keyed by the SHA-256 of their state.
#[derive(Debug, Default)]
pub(super) struct SignIns(Mutex<HashMap<Kept, Begun>>);

impl SignIns {
    /// Locks those still valid. Expired verifiers are dropped here, as long as anybody looks.
    fn all(&self) -> MutexGuard<'_, HashMap<Kept, Begun>> {
        let mut all = lock(&self.0);
        let now = Instant::now();
        all.retain(|_, begun| now.duration_since(begun.at) < WITHIN);
        all
    }

    /// Stores a sign-in under its state. Returns the id that its browser must hold: `held`, if that belongs
    /// to another of its sign-ins in progress, otherwise a new one. If there are too many, the address with
    /// the most loses its oldest.
    pub(super) fn begin(
        &self,
        state: &str,
        beginning: Beginning,
        from: IpAddr,
        held: Option<&str>,
    ) -> String {
        let (now, place) = (Instant::now(), Place::of(from));
        let mut all = self.all();
        let held = held.filter(|held| has_any(&all, held));
        let browser = held.map_or_else(random::secret, str::to_owned);
        let of_it =
            |all: &HashMap<Kept, Begun>, place| all.values().filter(|begun| begun.place == place).count();
        let crowded = if of_it(&all, place) >= MOST_OF_ONE {
            Some(place)
        } else if all.len() >= MOST {
            let mut counts: HashMap<Place, usize> = HashMap::new();
            for begun in all.values() {
                *counts.entry(begun.place).or_default() += 1;
            }
            counts.into_iter().max_by_key(|(_, count)| *count).map(|(place, _)| place)
        } else {
            None
        };
        if let Some(crowded) = crowded {
            let own = all.iter().filter(|(_, begun)| begun.place == crowded);
            let oldest = own.min_by_key(|(_, begun)| begun.at).map(|(key, _)| *key);
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        let Beginning { verifier, nonce, iss, names_itself, next } = beginning;
        let kept = random::kept(&browser);
        let begun = Begun { browser: kept, verifier, nonce, iss, names_itself, next, place, at: now };
        all.insert(random::kept(state), begun);
        browser
    }

    /// Removes and returns the sign-in with that state. Those of other browsers stay.
    ///
    /// # Errors
    /// It belongs to another browser, has expired, or does not exist.
    pub(super) fn take(&self, state: &str, browser: &str) -> Result<Begun, Missed> {
        let key = random::kept(state);
        let mut all = self.all();
        if all.get(&key).is_some_and(|begun| begun.browser == random::kept(browser))
            && let Some(begun) = all.remove(&key)
        {
            return Ok(begun);
        }
        Err(if has_any(&all, browser) { Missed::HasOthers } else { Missed::HasNone })
    }
}

/// Returns whether this browser has any of these.
fn has_any(all: &HashMap<Kept, Begun>, browser: &str) -> bool {
    let browser = random::kept(browser);
    all.values().any(|begun| begun.browser == browser)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beginning() -> Beginning {
        Beginning {
            verifier: Zeroizing::new("v".to_owned()),
            nonce: "n".to_owned(),
            iss: "i".to_owned(),
            names_itself: false,
            next: ApprovalId::new(),
        }
    }

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test(start_paused = true)]
    async fn it_is_its_browsers_once_and_for_ten_minutes() {
        let all = SignIns::default();
        let (mine, theirs) =
            (all.begin("s1", beginning(), HERE, None), all.begin("s2", beginning(), HERE, None));
        assert_ne!(mine, theirs);
        let missed = |state: &str, browser: &str| all.take(state, browser).unwrap_err();
        assert_eq!((missed("s1", &theirs), missed("s3", &mine)), (Missed::HasOthers, Missed::HasOthers));
        assert_eq!(missed("s1", ""), Missed::HasNone);
        assert_eq!(missed("s1", &random::secret()), Missed::HasNone);
        assert!(all.take("s1", &mine).is_ok(), "another browser has not taken it away");
        assert_eq!(missed("s1", &mine), Missed::HasNone, "once");
        tokio::time::advance(WITHIN).await;
        assert_eq!(missed("s2", &theirs), Missed::HasNone);
    }

    type Look = fn(&SignIns);

    #[tokio::test(start_paused = true)]
    async fn whoever_looks_sweeps_what_is_too_old() {
        let kept = |all: &SignIns| all.0.lock().unwrap().len();
        let looks: [Look; 2] = [
            |all| assert!(all.take("other", "b").is_err()),
            |all| drop(all.begin("next", beginning(), HERE, None)),
        ];
        for (look, left) in looks.into_iter().zip([0, 1]) {
            let all = SignIns::default();
            let browser = all.begin("old", beginning(), HERE, None);
            tokio::time::advance(WITHIN).await;
            assert_eq!(kept(&all), 1);
            look(&all);
            assert_eq!(kept(&all), left, "no verifier is left of it");
            assert!(all.take("old", &browser).is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_holds_one_id_for_all_of_its_own_and_none_that_it_brought() {
        let all = SignIns::default();
        let id = all.begin("s1", beginning(), HERE, None);
        assert_eq!(all.begin("s2", beginning(), HERE, Some(&id)), id);
        let planted = random::secret();
        assert_ne!(all.begin("s3", beginning(), HERE, Some(&planted)), planted);
        // Two tabs continue, in any order.
        assert!(all.take("s2", &id).is_ok());
        assert!(all.take("s1", &id).is_ok());
        assert_ne!(all.begin("s4", beginning(), HERE, Some(&id)), id, "it is over with the last of them");
        let old = all.begin("s5", beginning(), HERE, None);
        tokio::time::advance(WITHIN).await;
        assert_ne!(all.begin("s6", beginning(), HERE, Some(&old)), old);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_begins_many_loses_its_own_only() {
        let all = SignIns::default();
        let other = all.begin("other", beginning(), "10.0.0.1".parse().unwrap(), None);
        let mut first = None;
        for number in 0..=MOST_OF_ONE {
            tokio::time::advance(Duration::from_millis(1)).await;
            // One network, whatever its addresses.
            let from = format!("2001:db8::{number:x}").parse().unwrap();
            let browser = all.begin(&format!("s{number}"), beginning(), from, None);
            first.get_or_insert(browser);
        }
        assert_eq!(all.all().len(), MOST_OF_ONE + 1);
        assert!(all.take("s0", &first.unwrap()).is_err());
        assert!(all.take("other", &other).is_ok());
    }

    #[test]
    fn where_there_are_too_many_those_lose_one_who_have_most() {
        let all = SignIns::default();
        let mine = all.begin("mine", beginning(), HERE, None);
        for number in 1..MOST {
            let from = std::net::Ipv4Addr::from_bits(u32::try_from(number / 16).unwrap());
            all.begin(&number.to_string(), beginning(), from.into(), None);
        }
        assert_eq!(all.all().len(), MOST);
        // However many are begun: an existing one stays valid, and a new one is accepted.
        for number in 0..100 {
            let from = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
            all.begin(&format!("more{number}"), beginning(), from.into(), None);
        }
        let next = all.begin("next", beginning(), "192.0.2.1".parse().unwrap(), None);
        assert_eq!(all.all().len(), MOST);
        assert!(all.take("mine", &mine).is_ok() && all.take("next", &next).is_ok());
    }
}
