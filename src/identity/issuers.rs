//! All issuers: turns a token into a principal.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use aws_lc_rs::digest;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::domain::Principal;
use crate::domain::now_ms;
use crate::domain::sync::get_mut;
use crate::domain::sync::lock;
use crate::identity::claims;
use crate::identity::discovery::Fetch;
use crate::identity::discovery::Web;
use crate::identity::error::IdentityError;
use crate::identity::error::TokenError;
use crate::identity::error::Unverified;
use crate::identity::generation::Generation;
use crate::identity::inspect;
use crate::identity::inspect::Inspection;
use crate::identity::issuer::Issuer;
use crate::identity::keeper::KeyKeeper;
use crate::identity::login::Login;
use crate::identity::login::Portal;
use crate::identity::settings::ClientEntry;
use crate::identity::settings::IssuerSettings;
use crate::identity::source::IssuerStatus;
use crate::identity::source::Lookup;
use crate::identity::source::Source;
use crate::identity::source::Waiter;
use crate::identity::token::Failures;
use crate::identity::token::Token;
use crate::identity::twin::twin;
use crate::transport::tls;

/// How long a request waits for keys that are being fetched.
const KEY_WAIT: Duration = Duration::from_secs(2);
/// How long an operator's refresh waits: two documents with their limits.
const REFRESH_WAIT: Duration = Duration::from_secs(15);

/// A principal with a valid token.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The principal.
    pub principal: Arc<Principal>,
    /// The time from which the token is refused: its `exp` plus the leeway, in milliseconds since 1970.
    pub expires_ms: i64,
    /// The ids that name this token in a lock: its `jti` and `uti`, if present; the SHA-256 of the same token
    /// with the other form of its ECDSA signature; and last the SHA-256 of the whole token. Both in
    /// hexadecimal.
    pub token_ids: Vec<Box<str>>,
    /// The generation of the keys: if [`Issuers::generation`] differs, the token must be verified again.
    pub generation: u64,
    /// The key that signed it.
    pub key: TokenKey,
}

/// A key of an issuer, as a token that it signed remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKey {
    iss: Arc<str>,
    kid: Box<str>,
    fingerprint: [u8; 32],
}

#[cfg(test)]
impl TokenKey {
    /// Creates one that no issuer has.
    pub(crate) fn unknown() -> Self {
        Self { iss: "".into(), kid: "".into(), fingerprint: [0; 32] }
    }
}

/// The configured issuers with their keys.
pub struct Issuers {
    sources: Vec<Arc<Source>>,
    /// The fingerprint of each entry's `ca_file`.
    authorities: Vec<Option<[u8; 32]>>,
    by_iss: HashMap<String, usize>,
    /// Each entry by its name: what it says of all of its callers, and of the clients that it names.
    entries: HashMap<String, ([u8; 32], BTreeMap<String, ClientEntry>)>,
    generation: Arc<Generation>,
    keeper: Arc<dyn KeyKeeper>,
    portals: Vec<Arc<Portal>>,
    login: Option<Arc<Login>>,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// What an entry says that the principals of its tokens come from: a principal of another trust may be
/// somebody else, or of other groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    entry: Option<[u8; 32]>,
    client: Option<ClientEntry>,
}

enum Stop {
    Refused(TokenError),
    Wait(Waiter),
}

impl From<TokenError> for Stop {
    fn from(error: TokenError) -> Self {
        Self::Refused(error)
    }
}

impl Issuers {
    /// Checks the settings and loads stored keys. Uses no network: see [`Self::start`].
    ///
    /// # Errors
    /// Some settings cannot be used, alone or together.
    pub fn new(settings: Vec<IssuerSettings>, keeper: Arc<dyn KeyKeeper>) -> Result<Self, IdentityError> {
        Self::with_fetch(settings, keeper, |settings| {
            let web = Web::new(settings.ca_file.as_deref())
                .map_err(|source| IdentityError::Tls { issuer: settings.name.clone(), source })?;
            Ok(Box::new(web))
        })
    }

    pub(crate) fn with_fetch(
        settings: Vec<IssuerSettings>,
        keeper: Arc<dyn KeyKeeper>,
        mut fetch: impl FnMut(&IssuerSettings) -> Result<Box<dyn Fetch>, IdentityError>,
    ) -> Result<Self, IdentityError> {
        let generation = Arc::new(Generation::new());
        let mut issuers = Self {
            sources: Vec::new(),
            authorities: authorities(&settings),
            by_iss: HashMap::new(),
            entries: settings.iter().map(entry).collect(),
            generation,
            keeper,
            portals: Vec::new(),
            login: None,
            tasks: Mutex::default(),
        };
        let mut names = HashSet::new();
        for settings in settings {
            if let Some(problem) = settings.check().into_iter().next() {
                return Err(IdentityError::Setting { issuer: settings.name, problem });
            }
            if !names.insert(settings.name.clone()) {
                return Err(IdentityError::NameTwice(settings.name));
            }
            for issuer in Issuer::of(settings) {
                let fetch = fetch(&issuer.settings)?;
                issuers.add(issuer, fetch)?;
            }
        }
        Ok(issuers)
    }

    /// On what a principal's session rests: what the entry of its issuer says of all, and of its client.
    pub fn trust_in(&self, principal: &Principal) -> Trust {
        let entry = self.entries.get(&*principal.issuer);
        let client = entry.zip(principal.client.as_deref()).and_then(|((_, clients), id)| clients.get(id));
        Trust { entry: entry.map(|(entry, _)| *entry), client: client.cloned() }
    }

    /// Returns a digest of what the entries say of principals whose ids begin as this one does: while it is
    /// the same, the id means the same principal. SHA-256.
    pub fn digest_of(&self, principal_id: &str) -> [u8; 32] {
        let origin = principal_id.split_once('/').map_or(principal_id, |(origin, _subject)| origin);
        let mut context = digest::Context::new(&digest::SHA256);
        let issuers = self.sources.iter().map(|source| &source.issuer);
        for issuer in issuers.filter(|issuer| issuer.origin() == origin) {
            if let Some((entry, _clients)) = self.entries.get(&*issuer.name) {
                context.update(entry);
            }
        }
        context.finish().as_ref().try_into().unwrap_or_default()
    }

    /// Whether files of authorities that `settings` name hold what they held when these issuers were made.
    pub fn have_authorities_of(&self, settings: &[IssuerSettings]) -> bool {
        self.authorities == authorities(settings)
    }

    fn add(&mut self, issuer: Issuer, fetch: Box<dyn Fetch>) -> Result<(), IdentityError> {
        if self.by_iss.insert(issuer.iss.clone(), self.sources.len()).is_some() {
            return Err(IdentityError::IssuerTwice(issuer.iss));
        }
        // A simulator's principals must not be those of the real tenant.
        let mixed = issuer.entra.as_ref().filter(|entra| {
            let others = self.sources.iter().filter_map(|source| source.issuer.entra.as_ref());
            others.into_iter().any(|other| other.tenant == entra.tenant && other.simulated != entra.simulated)
        });
        if let Some(entra) = mixed {
            return Err(IdentityError::TenantTwice(entra.tenant.clone()));
        }
        let source = Source::new(issuer, fetch, Arc::clone(&self.keeper), Arc::clone(&self.generation));
        let source = Arc::new(source);
        let portal = Arc::new(Portal::new(&source));
        if let Some(login) = Login::of(&portal)
            && self.login.replace(Arc::new(login)).is_some()
        {
            return Err(IdentityError::LoginTwice(source.issuer.name.to_string()));
        }
        if !source.issuer.is_sibling() {
            self.portals.push(portal);
        }
        self.sources.push(source);
        Ok(())
    }

    /// Fetches all key sets now and keeps them up to date, on `runtime`, until this value is dropped. A
    /// second call does nothing.
    pub fn start(&self, runtime: &Handle) {
        let mut tasks = lock(&self.tasks);
        for source in &self.sources {
            if source.claim_start() {
                tasks.push(runtime.spawn(Arc::clone(source).run()).abort_handle());
            }
        }
    }

    /// Verifies a token; waits at most 2 s for keys that are being fetched.
    ///
    /// # Errors
    /// [`TokenError`]; only [`TokenError::IssuerUnavailable`] is not the token's fault.
    pub async fn verify(&self, token: &str) -> Result<Verified, TokenError> {
        match self.attempt(token, true) {
            Ok(verified) => return Ok(verified),
            Err(Stop::Refused(error)) => return Err(error),
            Err(Stop::Wait(waiter)) => waiter.wait(KEY_WAIT).await,
        }
        match self.attempt(token, false) {
            Ok(verified) => Ok(verified),
            Err(Stop::Refused(error)) => Err(error),
            Err(Stop::Wait(_)) => Err(TokenError::IssuerUnavailable),
        }
    }

    /// Verifies a token with the available keys.
    ///
    /// # Errors
    /// [`Unverified::NeedsKeys`] if [`Self::verify`], which waits for a fetch, should be called instead.
    pub fn verify_now(&self, token: &str) -> Result<Verified, Unverified> {
        self.attempt(token, true).map_err(|stop| match stop {
            Stop::Refused(error) => Unverified::Refused(error),
            Stop::Wait(_) => Unverified::NeedsKeys,
        })
    }

    fn attempt(&self, text: &str, may_fetch: bool) -> Result<Verified, Stop> {
        // Read before the keys: if they change in between, the result counts as made with the old ones.
        let generation = self.generation.now();
        let token = Token::read(text)?;
        let iss = token.claims.member("iss").ok_or_else(|| TokenError::claim("iss", "is missing"))?;
        let iss = iss.as_str().ok_or_else(|| TokenError::claim("iss", "is not a string"))?;
        let source = self.source(iss).ok_or(TokenError::UnknownIssuer)?;
        let issuer = &source.issuer;
        if issuer.entra.is_some() && token.header.nonce {
            return Err(TokenError::GraphToken.into());
        }
        if !issuer.settings.algorithms.contains(&token.header.algorithm) {
            return Err(TokenError::Algorithm.into());
        }
        let keys = match source.look_up(&token.header.kid, may_fetch) {
            Lookup::Found(keys) => keys,
            Lookup::Unknown => return Err(TokenError::UnknownKid.into()),
            Lookup::Unavailable => return Err(TokenError::IssuerUnavailable.into()),
            Lookup::Pending(waiter) => return Err(Stop::Wait(waiter)),
        };
        let key = keys.find(&token.header.kid).ok_or(TokenError::UnknownKid)?;
        if key.algorithm() != token.header.algorithm {
            return Err(TokenError::Algorithm.into());
        }
        if !key.verifies(token.signed, &token.signature) {
            return Err(TokenError::Signature.into());
        }
        let now_s = now_ms().div_euclid(1000);
        let judged = claims::judge(issuer, &token.header, &token.claims, now_s, &mut Failures::first())?;
        let judged = judged.ok_or(TokenError::Malformed("its claims say nothing"))?;
        let mut token_ids = judged.ids;
        // A lock that names one form of the token is for the other, too.
        token_ids.extend(twin(text, token.header.algorithm, &token.signature).as_deref().map(fingerprint));
        token_ids.push(fingerprint(text));
        let principal = Principal {
            id: judged.id,
            kind: judged.kind,
            issuer: Arc::clone(&issuer.name),
            client: judged.client,
            display: judged.display,
            groups: judged.groups,
            claims: token.claims,
        };
        let key = TokenKey {
            iss: issuer.iss.as_str().into(),
            kid: token.header.kid,
            fingerprint: *key.fingerprint(),
        };
        let principal = Arc::new(principal);
        Ok(Verified { principal, expires_ms: judged.expires_ms, token_ids, generation, key })
    }

    pub(crate) fn source(&self, iss: &str) -> Option<&Arc<Source>> {
        self.sources.get(*self.by_iss.get(iss)?)
    }

    pub(crate) fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// Returns a number that increases whenever a key is added, replaced or dropped, or an issuer's keys
    /// become too old.
    pub fn generation(&self) -> u64 {
        self.generation.now()
    }

    /// Returns whether the issuer is known to list the key of a token no longer, so that the token would be
    /// refused now. While no keys are known, such as during a long outage, tokens that were verified before
    /// count.
    pub fn has_withdrawn(&self, verified: &Verified) -> bool {
        if self.generation() == verified.generation {
            return false;
        }
        let TokenKey { iss, kid, fingerprint } = &verified.key;
        let Some(source) = self.source(iss) else { return true };
        source.keys().is_some_and(|keys| keys.find(kid).is_none_or(|key| key.fingerprint() != fingerprint))
    }

    /// Returns the login endpoints of the entry with that name; `None` if there is none.
    pub fn portal(&self, name: &str) -> Option<&Arc<Portal>> {
        self.portals.iter().find(|portal| *portal.source().issuer.name == *name)
    }

    /// Returns the login of people's MCP clients; `None` if no entry has one.
    pub fn login(&self) -> Option<&Arc<Login>> {
        self.login.as_ref()
    }

    /// Returns the scopes to ask for, one of which a person's token needs: those of all issuers, each once.
    pub fn scopes(&self) -> Vec<String> {
        let mut scopes = Vec::new();
        for scope in self.sources.iter().flat_map(|source| source.issuer.asked_scopes()) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        scopes
    }

    /// Returns the scope to ask for; `None` if the required scopes belong to several issuers, or there are
    /// none.
    pub fn scope_to_ask_for(&self) -> Option<String> {
        let mut names: Vec<&str> = Vec::new();
        let mut found = None;
        for issuer in self.sources.iter().map(|source| &source.issuer) {
            let Some(scope) = issuer.asked_scopes().into_iter().next() else { continue };
            if !names.contains(&&*issuer.name) {
                names.push(&issuer.name);
                found = found.or(Some(scope));
            }
        }
        found.filter(|_| names.len() == 1)
    }

    /// Returns the accepted issuers, each entry once.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = Vec::new();
        self.sources.iter().filter_map(move |source| {
            // An entry that accepts v1 beside v2 has two: clients are sent to the first.
            let issuer = &source.issuer;
            if names.contains(&&*issuer.name) {
                return None;
            }
            names.push(&issuer.name);
            Some(&*issuer.iss)
        })
    }

    /// Returns the status of each issuer, in the order of the configuration.
    pub fn status(&self) -> Vec<IssuerStatus> {
        self.sources.iter().map(|source| source.status()).collect()
    }

    /// Fetches the keys of one entry, or of all, now, and drops keys at once that the issuer no longer lists.
    /// Waits at most 15 s and returns the status of these entries: empty if no entry has the name.
    pub async fn refresh(&self, name: Option<&str>) -> Vec<IssuerStatus> {
        let asked = |source: &&Arc<Source>| name.is_none_or(|name| *source.issuer.name == *name);
        let chosen: Vec<_> = self.sources.iter().filter(asked).collect();
        let waiters: Vec<_> = chosen.iter().filter_map(|source| source.want_now()).collect();
        let wait = async {
            for waiter in waiters {
                waiter.wait(REFRESH_WAIT).await;
            }
        };
        // Each fetch runs by itself; the limit is for all of them.
        drop(tokio::time::timeout(REFRESH_WAIT, wait).await);
        chosen.into_iter().map(|source| source.status()).collect()
    }

    /// Decodes a token and finds the reasons why it would be refused here, as far as possible.
    pub fn inspect(&self, token: &str) -> Inspection {
        inspect::against(self, token)
    }
}

/// An entry's name, and what it says: its clients one by one, and all else as one digest.
fn entry(settings: &IssuerSettings) -> (String, ([u8; 32], BTreeMap<String, ClientEntry>)) {
    let rest = IssuerSettings { clients: BTreeMap::new(), mcp_login: None, ..settings.clone() };
    let digest = digest::digest(&digest::SHA256, format!("{rest:?}").as_bytes());
    let digest = digest.as_ref().try_into().unwrap_or_default();
    (settings.name.clone(), (digest, settings.clients.clone()))
}

fn authorities(settings: &[IssuerSettings]) -> Vec<Option<[u8; 32]>> {
    settings.iter().map(|settings| settings.ca_file.as_deref().and_then(tls::fingerprint)).collect()
}

impl Drop for Issuers {
    fn drop(&mut self) {
        for task in get_mut(&mut self.tasks) {
            task.abort();
        }
    }
}

/// Returns the SHA-256 in lower-case hexadecimal.
fn fingerprint(text: &str) -> Box<str> {
    crate::domain::hex::encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref()).into()
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;
