//! Sign-ins that browsers have begun: each for one way back, for ten minutes. How many there are is bounded, for each address too, because
//! anybody can begin one. A browser holds one id for all of its own, so that tabs do not hinder each other and nothing piles up in it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::control::page::random;
use crate::control::page::random::Kept;
use crate::domain::id::ApprovalId;
use crate::transport::strangers::Place;

/// How long a person may take to sign in at the issuer.
pub(super) const WITHIN: Duration = Duration::from_mins(10);
/// How many there may be.
const MOST: usize = 10_000;
/// How many one address may have; its oldest goes first.
const MOST_OF_ONE: usize = 32;

/// One of them.
#[derive(Debug)]
pub(super) struct Begun {
    /// What the browser that began it holds.
    browser: Kept,
    /// What proves to the issuer that it was this gateway.
    pub(super) verifier: Zeroizing<String>,
    /// What the issuer's word must repeat.
    pub(super) nonce: String,
    /// Which issuer.
    pub(super) iss: String,
    /// Whether that issuer promised to say who it is.
    pub(super) names_itself: bool,
    /// Where it goes on to.
    pub(super) next: ApprovalId,
    place: Place,
    at: Instant,
}

/// What is known of a sign-in before it begins.
pub(super) struct Beginning {
    pub(super) verifier: Zeroizing<String>,
    pub(super) nonce: String,
    pub(super) iss: String,
    pub(super) names_itself: bool,
    pub(super) next: ApprovalId,
}

/// Why a browser's answer is of no sign-in that it began and that may still go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// It has begun others that may: that one may have been lost to others of the same address.
    HasOthers,
    /// It has begun none that may, whatever it holds.
    HasNone,
}

/// All of them, by the SHA-256 of their state.
#[derive(Debug, Default)]
pub(super) struct SignIns(Mutex<HashMap<Kept, Begun>>);

impl SignIns {
    /// Those that still may go on: no verifier stays in memory for longer, as long as anybody looks.
    fn all(&self) -> MutexGuard<'_, HashMap<Kept, Begun>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        all.retain(|_, begun| now.duration_since(begun.at) < WITHIN);
        all
    }

    /// Keeps one in mind, by its state. Gives what its browser is to hold: `held`, where that was given to it for another one that still may
    /// go on, and else what nobody held before. Where there are too many, the address that has most loses its oldest.
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

    /// The sign-in of that state, which is over with this. What another browser began stays as it is.
    ///
    /// # Errors
    /// It is not this browser's, too old, or there is none.
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

/// Whether this browser has any among these.
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
        // Two tabs go on, in any order.
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
        // However many come: who has one keeps it, and who comes next gets one.
        for number in 0..100 {
            let from = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
            all.begin(&format!("more{number}"), beginning(), from.into(), None);
        }
        let next = all.begin("next", beginning(), "192.0.2.1".parse().unwrap(), None);
        assert_eq!(all.all().len(), MOST);
        assert!(all.take("mine", &mine).is_ok() && all.take("next", &next).is_ok());
    }
}
