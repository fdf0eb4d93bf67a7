//! Tokens for calls to a remote gateway: `HOOPCTL_TOKEN` as it is, or stored ones, renewed before they
//! expire.

use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use crate::cli::access;
use crate::cli::login::fresh::Revocation;
use crate::cli::login::interrupts;
use crate::cli::login::issuer;
use crate::cli::login::issuer::Given;
use crate::cli::login::issuer::Said;
use crate::cli::login::issuer::Unanswered;
use crate::cli::login::tokens::Entry;
use crate::cli::login::tokens::Held;
use crate::cli::login::tokens::Hidden;
use crate::cli::login::tokens::KeepError;
use crate::cli::login::tokens::TokenFile;
use crate::cli::login::tokens::Tokens;
use crate::cli::remote::Remote;
use crate::cli::report::Exit;
use crate::cli::report::Failure;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::Bearer;
use crate::control::ErrorCode;
use crate::domain::Secret;
use crate::domain::now_ms;
use crate::domain::principal::MAX_TOKEN;
use crate::domain::sync::get_mut;
use crate::domain::sync::lock;

/// How long before its expiry a token is renewed, in milliseconds. One that cannot be renewed is used to its
/// end.
const EARLY_MS: i64 = 60_000;
/// How long the end of a command waits for a renewal before it says so, and how long after that. The exchange
/// with the issuer is over by then ([`issuer::LIMITS`]), and its result is stored unless the disk hangs.
const LAST_WAIT: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(14)];
const _: () = assert!(LAST_WAIT[1].as_secs() > issuer::LIMITS.timeout.as_secs(), "no refresh token is lost");
/// The environment variable with a token, for unattended programs.
const VARIABLE: &str = "HOOPCTL_TOKEN";

/// Returns the credentials for a gateway, and the authorities for its certificate.
///
/// # Errors
/// The variable holds an invalid token, or stored tokens are not kept safely.
pub fn of(remote: &Remote) -> Result<(Arc<dyn Bearer>, Option<PathBuf>), Failure> {
    if let Some(token) = std::env::var_os(VARIABLE).filter(|token| !token.is_empty()) {
        return Ok((Arc::new(Fixed::new(token.to_str())?), remote.ca_file.clone()));
    }
    let file = TokenFile::usual()?;
    let kept = KeptTokens::new(remote.clone(), file)?;
    let ca_file = kept.remote.ca_file.clone();
    Ok((Arc::new(Person::new(kept)), ca_file))
}

/// Returns whether `HOOPCTL_TOKEN` is used instead of the stored tokens.
pub fn is_overridden() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|token| !token.is_empty())
}

/// Returns the credentials of the person who signed in at a gateway.
///
/// # Errors
/// Stored tokens are not kept safely.
pub fn person(remote: Remote, file: TokenFile) -> Result<Arc<dyn Bearer>, Failure> {
    Ok(Arc::new(Person::new(KeptTokens::new(remote, file)?)))
}

/// A token from the environment. Never stored, never renewed.
#[derive(Debug)]
pub(super) struct Fixed(Arc<Secret>);

impl Fixed {
    pub(super) fn new(token: Option<&str>) -> Result<Self, Failure> {
        let token = token.map(str::trim).filter(|token| issuer::is_token(token));
        let token = token.ok_or_else(|| {
            Failure::new(Exit::Refused, format!("{VARIABLE} holds no token"))
                .hint("it must be the access token as the issuer returned it, and nothing else")
        })?;
        if token.len() > MAX_TOKEN {
            let length = token.len();
            let message = format!(
                "{VARIABLE} holds a token of {length} bytes, and no gateway takes one above {MAX_TOKEN}"
            );
            return Err(Failure::new(Exit::Refused, message).code("token_too_long").hint(issuer::SHORTER));
        }
        Ok(Self(Arc::new(Secret::new(token.as_bytes().to_vec()))))
    }
}

impl Bearer for Fixed {
    fn token(&self) -> Answer<'_, Arc<Secret>> {
        Box::pin(async { Ok(Arc::clone(&self.0)) })
    }

    fn another(&self, _refused: Arc<Secret>) -> Answer<'_, Option<Arc<Secret>>> {
        Box::pin(async { Ok(None) })
    }

    fn advice(&self) -> String {
        format!(
            "{VARIABLE} holds a token that this gateway does not take; hoopctl token inspect --env {VARIABLE} shows it"
        )
    }
}

/// The result of a renewal.
type Outcome = Result<Arc<Secret>, Failure>;

/// A person with stored tokens.
#[derive(Debug)]
struct Person {
    kept: Arc<KeptTokens>,
    /// The newest renewal. Everybody who needs a token waits for the same one; separate renewals would wait
    /// for the file in turn.
    renewal: Mutex<Option<Renewal>>,
}

/// A renewal, on a thread of its own.
#[derive(Debug)]
struct Renewal {
    stage: Arc<watch::Sender<Stage>>,
    /// Nothing is ever sent: the channel closes when the thread ends.
    ended: mpsc::Receiver<()>,
}

/// The state of a renewal.
#[derive(Debug)]
enum Stage {
    /// In progress.
    Runs,
    /// Abandoned before anything was sent, as nobody waited for it any more.
    GivenUp,
    /// Done.
    Done(Outcome),
}

/// The file that stores the tokens, and the gateway they are for.
#[derive(Debug)]
struct KeptTokens {
    remote: Remote,
    file: TokenFile,
}

impl Bearer for Person {
    fn token(&self) -> Answer<'_, Arc<Secret>> {
        Box::pin(async {
            let tokens = self.kept.tokens().map_err(to_api_error)?;
            if !runs_out(&tokens, now_ms()) {
                return Ok(tokens.access.secret());
            }
            match self.renewed(None).await {
                // The last minute of the old token is still valid. The clock is read again: the renewal may
                // have taken longer than that.
                Err(failure) if failure.exit == Exit::Unreachable && !is_over(&tokens, now_ms()) => {
                    Ok(tokens.access.secret())
                }
                other => other.map_err(to_api_error),
            }
        })
    }

    fn another(&self, refused: Arc<Secret>) -> Answer<'_, Option<Arc<Secret>>> {
        Box::pin(async move {
            let tokens = self.kept.tokens().map_err(to_api_error)?;
            if tokens.refresh.is_none() {
                // Another process may have signed in again.
                let now = tokens.access.secret();
                return Ok((now.expose() != refused.expose()).then_some(now));
            }
            self.renewed(Some(refused)).await.map(Some).map_err(to_api_error)
        })
    }

    fn advice(&self) -> String {
        login(&self.kept.remote.location.origin())
    }
}

impl Person {
    fn new(kept: KeptTokens) -> Self {
        Self { kept: Arc::new(kept), renewal: Mutex::default() }
    }

    /// Renews on a thread of its own: a caller that stops waiting, or blocks this program's other thread on a
    /// pipe or a terminal, must not lose a refresh token that is already used up.
    async fn renewed(&self, refused: Option<Arc<Secret>>) -> Outcome {
        loop {
            let (stage, is_own) = self.joined(refused.as_ref())?;
            let refused = refused.as_ref().filter(|_| !is_own);
            match outcome(stage).await {
                // Another renewal may have returned the very token that was refused here.
                Some(Ok(token)) if refused.is_some_and(|refused| refused.expose() == token.expose()) => {}
                Some(outcome) => return outcome,
                // It was abandoned just before.
                None => {}
            }
        }
    }

    /// Returns the renewal in progress, or a new one, and whether it is new.
    fn joined(&self, refused: Option<&Arc<Secret>>) -> Result<(watch::Receiver<Stage>, bool), Failure> {
        let mut renewal = lock(&self.renewal);
        if let Some(renewal) = &*renewal {
            let stage = renewal.stage.subscribe();
            let runs = matches!(*stage.borrow(), Stage::Runs);
            if runs {
                return Ok((stage, false));
            }
        }
        let (told, stage) = watch::channel(Stage::Runs);
        let (told, kept, refused) = (Arc::new(told), Arc::clone(&self.kept), refused.cloned());
        let (ends, ended) = mpsc::channel::<()>();
        let own = Arc::clone(&told);
        thread::Builder::new()
            .name("renewal".to_owned())
            .spawn(move || {
                renew(&kept, refused.as_deref(), &own);
                drop(ends);
            })
            .map_err(|error| failed(&error))?;
        *renewal = Some(Renewal { stage: told, ended });
        Ok((stage, true))
    }
}

/// Returns the result of a renewal; `None` if it was abandoned.
async fn outcome(mut stage: watch::Receiver<Stage>) -> Option<Outcome> {
    match stage.wait_for(|stage| !matches!(stage, Stage::Runs)).await.as_deref() {
        Ok(Stage::Done(outcome)) => Some(outcome.clone()),
        Ok(Stage::Runs | Stage::GivenUp) => None,
        Err(_gone) => Some(Err(failed(&"its thread has ended"))),
    }
}

fn failed(problem: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format!("the token could not be renewed: {problem}"))
}

/// Waits at the end of a command for a renewal whose refresh token was sent; earlier ones are abandoned.
impl Drop for Person {
    fn drop(&mut self) {
        let renewal = get_mut(&mut self.renewal).take();
        if let Some(Renewal { ended, .. }) = renewal {
            last_wait(&ended, LAST_WAIT, || {
                // For users only: scripts do not want messages.
                let mut err = io::stderr().lock();
                if err.is_terminal() {
                    writeln!(err, "waiting for a token that is being renewed").ok();
                }
            });
        }
    }
}

/// Waits until a renewal's thread has ended: a while silently, then says so, then a while longer. A thread
/// that hangs on its disk is left behind.
pub(super) fn last_wait(ended: &mpsc::Receiver<()>, [quiet, longer]: [Duration; 2], say: impl FnOnce()) {
    if ended.recv_timeout(quiet) == Err(RecvTimeoutError::Timeout) {
        say();
        ended.recv_timeout(longer).ok();
    }
}

/// Marks a renewal as over in any case: a panic has printed its message, and nobody may wait for ever.
struct Over<'a>(&'a watch::Sender<Stage>);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.send_if_modified(|stage| {
            let runs = matches!(stage, Stage::Runs);
            if runs {
                *stage = Stage::Done(Err(failed(&"its thread has ended")));
            }
            runs
        });
    }
}

fn renew(kept: &KeptTokens, refused: Option<&Secret>, told: &watch::Sender<Stage>) {
    let _over = Over(told);
    let stage = access::runtime().map(|runtime| {
        let stage = runtime.block_on(kept.renew(refused, told));
        // A name lookup that is still running for an abandoned renewal is not waited for.
        runtime.shutdown_background();
        stage
    });
    told.send_replace(stage.unwrap_or_else(|failure| Stage::Done(Err(failure))));
}

/// The result of checking the tokens while no other process changes them.
enum Ready<'a> {
    /// There is a valid one.
    Have(Arc<Secret>),
    /// A new one must be requested.
    Ask(Box<Due<'a>>),
}

/// A renewal that must be requested.
struct Due<'a> {
    origin: String,
    held: Held<'a>,
    entry: Entry,
    refresh: Hidden,
}

impl KeptTokens {
    /// Uses the authorities of the login if none are given.
    fn new(remote: Remote, file: TokenFile) -> Result<Self, Failure> {
        let old = file.read()?.gateways.remove(&remote.location.origin());
        let ca_file = remote.ca_file.or_else(|| old.and_then(|entry| entry.ca_file));
        Ok(Self { remote: Remote { ca_file, ..remote }, file })
    }

    fn entry(&self) -> Result<Entry, Failure> {
        let origin = self.remote.location.origin();
        let entry = self.file.read()?.gateways.remove(&origin);
        entry.ok_or_else(|| out(&origin, format!("not signed in at {origin}")))
    }

    fn tokens(&self) -> Result<Tokens, Failure> {
        let origin = self.remote.location.origin();
        self.entry()?.tokens.ok_or_else(|| out(&origin, format!("signed out at {origin}")))
    }

    /// Returns the newest token other than `refused`. Abandoned when nobody waits for it any more, as long as
    /// nothing is lost.
    async fn renew(&self, refused: Option<&Secret>, told: &watch::Sender<Stage>) -> Stage {
        let ready = tokio::select! {
            biased;
            () = told.closed() => return Stage::GivenUp,
            ready = self.ready(refused) => ready,
        };
        Stage::Done(match ready {
            Ok(Ready::Have(token)) => Ok(token),
            Ok(Ready::Ask(due)) => due.ask().await,
            Err(failure) => Err(failure),
        })
    }

    /// Waits for the turn to renew. One process at a time: a refresh token that is used twice is treated as
    /// stolen.
    async fn ready(&self, refused: Option<&Secret>) -> Result<Ready<'_>, Failure> {
        let origin = self.remote.location.origin();
        let held = self.file.hold().await?;
        // Read again: another process may have renewed it meanwhile.
        let entry = self.entry()?;
        let tokens = self.tokens()?;
        let is_refused = refused.is_some_and(|refused| refused.expose() == tokens.access.expose().as_bytes());
        if !is_refused && !runs_out(&tokens, now_ms()) {
            return Ok(Ready::Have(tokens.access.secret()));
        }
        let refresh = tokens.refresh.ok_or_else(|| {
            out(
                &origin,
                format!("the token for {origin} has run out, and the issuer gave none to renew it with"),
            )
        })?;
        let named = issuer::terms(&self.remote, self.remote.ca_file.as_deref()).await?;
        if named != entry.terms {
            return Err(out(
                &origin,
                format!(
                    "{origin} now names another issuer, client or scopes than you confirmed; the token is not renewed"
                ),
            ));
        }
        Ok(Ready::Ask(Box::new(Due { origin, held, entry, refresh })))
    }
}

impl Due<'_> {
    /// Sends the renewal. From here on the refresh token may be used up: only the limits of the exchange end
    /// this.
    async fn ask(self) -> Outcome {
        let waits = interrupts::hold_off()?;
        let asked_ms = now_ms();
        let origin = &*self.origin;
        let (outcome, lost) = match self.send().await? {
            Said::Yes(body) => self.keep(Given::read(&body)?, asked_ms),
            Said::No(word, _) if word == "invalid_grant" => {
                self.set(None)?;
                (Err(out(origin, format!("the issuer has ended your login at {origin}"))), None)
            }
            Said::No(word, description) => {
                let message =
                    format!("the issuer does not renew the token for {origin}: {word}: {description}");
                (Err(out(origin, message)), None)
            }
        };
        let Self { origin, held, entry, .. } = self;
        // The lock on the file is released before this process may end, and before the issuer is asked once
        // more.
        drop(held);
        let outcome = match (outcome, lost) {
            (Err(mut failure), Some(tokens)) => {
                let end = Revocation::of(&entry).end(Some(&tokens)).await;
                failure.message =
                    format!("{}; with that your login at {origin} is over: {end}", failure.message);
                failure.hint.get_or_insert_with(|| login(&origin));
                Err(failure)
            }
            (outcome, _) => outcome,
        };
        drop(waits);
        outcome
    }

    async fn send(&self) -> Result<Said, Unanswered> {
        let entry = &self.entry;
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", self.refresh.expose()),
            ("client_id", &*entry.terms.client_id),
        ];
        form.extend(entry.resource.as_deref().map(|resource| ("resource", resource)));
        issuer::post(&entry.token_endpoint, &form, entry.issuer_ca_file.as_deref()).await
    }

    /// Stores the issuer's answer. If that fails, and the old refresh token is used up, nothing is kept: an
    /// old one that is used again is treated as stolen. The tokens to revoke are then returned too.
    fn keep(&self, given: Given, asked_ms: i64) -> (Outcome, Option<Tokens>) {
        let is_used_up = given.replaces(&self.refresh);
        let checked = given.check(&self.entry.terms, None);
        let tokens = given.tokens(asked_ms, Some(self.refresh.clone()));
        let kept = checked.and_then(|()| Ok(self.set(Some(tokens.clone()))?));
        match kept {
            Ok(()) => (Ok(tokens.access.secret()), None),
            Err(failure) if is_used_up => {
                // If not even this can be written, the issuer's answer ends the login the next time.
                self.set(None).ok();
                (Err(failure), Some(tokens))
            }
            Err(failure) => (Err(failure), None),
        }
    }

    fn set(&self, tokens: Option<Tokens>) -> Result<(), KeepError> {
        self.held.change(|all| {
            if let Some(entry) = all.get_mut(&self.origin) {
                entry.tokens = tokens;
            }
        })
    }
}

/// Returns whether a token should be renewed now; for one that cannot be renewed, whether it has expired.
fn runs_out(tokens: &Tokens, now_ms: i64) -> bool {
    let early = if tokens.refresh.is_some() { EARLY_MS } else { 0 };
    is_over(tokens, now_ms.saturating_add(early))
}

fn is_over(tokens: &Tokens, now_ms: i64) -> bool {
    tokens.expires_ms.is_some_and(|end| end <= now_ms)
}

/// Returns the command that helps.
fn login(origin: &str) -> String {
    format!("hoopctl login --url {origin}")
}

fn out(origin: &str, message: impl Into<String>) -> Failure {
    Failure::new(Exit::Refused, message).hint(login(origin))
}

/// Converts a failure to an error of the admin API, with the same exit code.
fn to_api_error(failure: Failure) -> ApiError {
    let code = match failure.exit {
        Exit::Refused => ErrorCode::Unauthenticated,
        Exit::Unreachable => ErrorCode::Unavailable,
        _ => ErrorCode::Failed,
    };
    let error = ApiError::new(code, failure.message);
    match failure.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
