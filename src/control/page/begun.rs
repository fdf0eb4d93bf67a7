//! Sign-ins that browsers have begun: each of one browser, for one way back, for ten minutes. How many there are is bounded, for each
//! address too, because anybody can begin one.

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

/// All of them, by the SHA-256 of their state.
#[derive(Debug, Default)]
pub(super) struct SignIns(Mutex<HashMap<Kept, Begun>>);

impl SignIns {
    fn all(&self) -> MutexGuard<'_, HashMap<Kept, Begun>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps one in mind, by its state. Gives what its browser is to hold. Where there are too many, the address that has most loses its
    /// oldest.
    pub(super) fn begin(&self, state: &str, beginning: Beginning, from: IpAddr) -> String {
        let (now, place, browser) = (Instant::now(), Place::of(from), random::secret());
        let mut all = self.all();
        all.retain(|_, begun| now.duration_since(begun.at) < WITHIN);
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

    /// The sign-in of that state, which is over with this; `None`: it is not this browser's, too old, or there is none. What another
    /// browser began stays as it is.
    pub(super) fn take(&self, state: &str, browser: &str) -> Option<Begun> {
        let key = random::kept(state);
        let mut all = self.all();
        all.get(&key).filter(|begun| begun.browser == random::kept(browser))?;
        all.remove(&key).filter(|begun| begun.at.elapsed() < WITHIN)
    }
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
        let (mine, theirs) = (all.begin("s1", beginning(), HERE), all.begin("s2", beginning(), HERE));
        assert_ne!(mine, theirs);
        assert!(all.take("s1", &theirs).is_none() && all.take("s3", &mine).is_none());
        assert!(all.take("s1", "").is_none());
        assert!(all.take("s1", &mine).is_some(), "another browser has not taken it away");
        assert!(all.take("s1", &mine).is_none(), "once");
        tokio::time::advance(WITHIN).await;
        assert!(all.take("s2", &theirs).is_none());
        assert!(all.all().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_begins_many_loses_its_own_only() {
        let all = SignIns::default();
        let other = all.begin("other", beginning(), "10.0.0.1".parse().unwrap());
        let mut first = None;
        for number in 0..=MOST_OF_ONE {
            tokio::time::advance(Duration::from_millis(1)).await;
            // One network, whatever its addresses.
            let from = format!("2001:db8::{number:x}").parse().unwrap();
            let browser = all.begin(&format!("s{number}"), beginning(), from);
            first.get_or_insert(browser);
        }
        assert_eq!(all.all().len(), MOST_OF_ONE + 1);
        assert!(all.take("s0", &first.unwrap()).is_none());
        assert!(all.take("other", &other).is_some());
    }

    #[test]
    fn where_there_are_too_many_those_lose_one_who_have_most() {
        let all = SignIns::default();
        let mine = all.begin("mine", beginning(), HERE);
        for number in 1..MOST {
            let from = std::net::Ipv4Addr::from_bits(u32::try_from(number / 16).unwrap());
            all.begin(&number.to_string(), beginning(), from.into());
        }
        assert_eq!(all.all().len(), MOST);
        // However many come: who has one keeps it, and who comes next gets one.
        for number in 0..100 {
            let from = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number);
            all.begin(&format!("more{number}"), beginning(), from.into());
        }
        let next = all.begin("next", beginning(), "192.0.2.1".parse().unwrap());
        assert_eq!(all.all().len(), MOST);
        assert!(all.take("mine", &mine).is_some() && all.take("next", &next).is_some());
    }
}
