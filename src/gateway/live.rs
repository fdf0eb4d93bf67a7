//! The operations of a running gateway for the admin API.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::UNIX_EPOCH;

use crate::config;
use crate::config::PageSettings;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::gateway::Counts;
use crate::control::noun::gateway::IssuerReport;
use crate::control::noun::gateway::ListenerReport;
use crate::control::noun::gateway::ReloadReport;
use crate::control::noun::gateway::StatusReport;
use crate::control::noun::gateway::TargetReport;
use crate::control::noun::session::LiveSession;
use crate::control::page::issuer::Onward;
use crate::domain::Connection;
use crate::domain::ConnectionName;
use crate::domain::Denied;
use crate::domain::Lock;
use crate::domain::Pin;
use crate::domain::SecretRef;
use crate::domain::SessionId;
use crate::domain::now_ms;
use crate::domain::with_causes;
use crate::gateway::admin::Admin;
use crate::gateway::admin::Identified;
use crate::gateway::admin::Live;
use crate::gateway::admin::Parts;
use crate::gateway::error::GatewayError;
use crate::gateway::running::Reloaded;
use crate::gateway::running::Running;
use crate::identity::OAuthGrant;
use crate::identity::Portal;
use crate::identity::Redeemed;
use crate::identity::Verified;
use crate::identity::Via;
use crate::pipeline;
use crate::pipeline::locks::LockSet;
use crate::policy::PolicySet;
use crate::secret;

/// Creates the service layer of a running gateway.
pub fn service(running: &Arc<Running>, stopping: &Arc<AtomicBool>) -> Arc<Admin> {
    Admin::online(Parts {
        store: running.store.clone(),
        config: Arc::clone(&running.config),
        approvals: running.approvals.clone(),
        approvers: Arc::clone(&running.approvers),
        journal: running.gate.journal().clone(),
        sealer: Arc::clone(&running.sealer),
        vault: Arc::clone(&running.vault),
        live: Arc::new(Gateway { running: Arc::clone(running), stopping: Arc::clone(stopping) }),
    })
}

struct Gateway {
    running: Arc<Running>,
    stopping: Arc<AtomicBool>,
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Returns the error for an issuer that cannot be reached.
fn not_asked(denied: &Denied) -> ApiError {
    ApiError::new(ErrorCode::Unavailable, denied.detail.clone())
}

fn not_applied(error: GatewayError) -> ApiError {
    match error {
        GatewayError::Config { problems } => {
            let problems = problems.iter().map(ToString::to_string).collect();
            ApiError::new(ErrorCode::Invalid, "the configuration is invalid; the old one stays in force")
                .problems(problems)
        }
        GatewayError::Policies { problems } => {
            let problems = problems.iter().map(ToString::to_string).collect();
            ApiError::new(ErrorCode::Invalid, "the policies do not compile; the old ones stay in force")
                .problems(problems)
        }
        other => {
            let message = with_causes(&other);
            ApiError::new(ErrorCode::Internal, format!("{message}; the old configuration stays in force"))
        }
    }
}

impl Gateway {
    fn portal(&self, issuer: &str) -> Result<Arc<Portal>, ApiError> {
        let none = || {
            ApiError::new(ErrorCode::Unavailable, "the issuer of the approval page is no longer configured")
        };
        self.running.gate.portal(issuer).ok_or_else(none)
    }

    fn counts(&self) -> Counts {
        let snapshot = self.running.gate.snapshot();
        Counts {
            connections: count(snapshot.connections().count()),
            policies: count(snapshot.policies().rules().len()),
            masks: count(snapshot.masks()),
            sessions: count(self.running.gate.sessions().list().len()),
            approvals: self.running.pending.load(Ordering::Relaxed),
            locks: count(self.running.gate.locks().locks().len()),
            held: count(self.running.gate.journal().legal_holds()),
        }
    }

    /// Returns the health of each connection's target.
    fn targets(&self) -> Vec<TargetReport> {
        let metrics = self.running.gate.metrics();
        let target = |name: &ConnectionName| {
            let health = metrics.target(name);
            TargetReport {
                connection: name.to_string(),
                answered_ms: health.answered_ms,
                failed_ms: health.failed.map(|(at_ms, _)| at_ms),
                error: health.failed.map(|(_, code)| code.to_string()),
            }
        };
        let snapshot = self.running.gate.snapshot();
        snapshot.connections().map(|governed| target(&governed.connection.name)).collect()
    }

    /// Returns the variables that are named as sources but give nothing usable.
    fn unset(&self) -> Box<[String]> {
        let (config, snapshot) = (self.running.config.load(), self.running.gate.snapshot());
        let of_connections = snapshot.connections().flat_map(|governed| governed.connection.secrets());
        let names = config.secrets().chain(of_connections).filter_map(|source| match source {
            SecretRef::Env(name) => secret::unusable(source).map(|_why| name.clone()),
            _ => None,
        });
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn report(&self, reloaded: &Reloaded) -> ReloadReport {
        ReloadReport {
            revision: reloaded.revision,
            counts: self.counts(),
            restart_needed: reloaded.restart_needed.clone(),
            warnings: reloaded.entities.warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Live for Gateway {
    fn reload<'a>(&'a self, actor: &'a str) -> Answer<'a, ReloadReport> {
        Box::pin(async move {
            let reloaded = self.running.reload(actor).await.map_err(not_applied)?;
            Ok(self.report(&reloaded))
        })
    }

    fn entities_changed(&self) -> Answer<'_, ()> {
        Box::pin(async { self.running.entities_changed().await.map(drop).map_err(not_applied) })
    }

    fn locks_changed(&self, locks: Vec<Lock>) {
        self.running.gate.replace_locks(LockSet::new(locks));
    }

    fn only_reads(&self, connection: &Connection, tool: &str) -> Option<bool> {
        self.running.tools.only_reads(connection, tool)
    }

    fn pins_accepted(&self, pins: Vec<Pin>) {
        self.running.pins.accepted(pins, now_ms());
    }

    fn pins_forgotten(&self, pins: &[Pin]) {
        self.running.pins.forgotten(pins);
    }

    fn flush_pins(&self) {
        self.running.pins.flush();
    }

    fn sessions(&self) -> Vec<LiveSession> {
        let sessions = self.running.gate.sessions().list();
        sessions
            .iter()
            .map(|session| LiveSession {
                id: session.id,
                streams: count(session.running_exchanges()),
                commands: session.commands(),
                active_ms: session.active_ms(),
                expires_ms: session.latest_end_ms(),
            })
            .collect()
    }

    fn kill(&self, id: SessionId) -> bool {
        self.running.gate.sessions().kill(id, self.running.gate.journal())
    }

    fn in_force(&self) -> (Vec<Connection>, PolicySet) {
        let snapshot = self.running.gate.snapshot();
        let connections = snapshot.connections().map(|governed| governed.connection.clone()).collect();
        (connections, snapshot.policies().clone())
    }

    fn status(&self) -> StatusReport {
        let running = &self.running;
        let config = running.config.load();
        let recording = running.gate.journal().healthy();
        let scheme = if running.tls.load().is_some() { "https" } else { "http" };
        let started = running.started.duration_since(UNIX_EPOCH).ok();
        let issuers = running.gate.issuers().status().into_iter().map(|issuer| IssuerReport {
            name: issuer.name,
            issuer: issuer.issuer,
            keys: count(issuer.kids.len()),
            kids: issuer.kids,
            fetched_ms: issuer.fetched_ms,
            usable: issuer.available,
            stale: issuer.stale,
            error: issuer.last_error,
        });
        StatusReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            running: true,
            ready: recording.is_ok() && !self.stopping.load(Ordering::Relaxed),
            pid: Some(std::process::id()),
            started_ms: started.and_then(|since| i64::try_from(since.as_millis()).ok()),
            config: config::absolute(&config.path).display().to_string(),
            data_dir: config::absolute(&config.storage.data_dir).display().to_string(),
            revision: running.gate.snapshot().revision(),
            listeners: std::iter::once((running.listener, scheme))
                .chain(running.databases.map(|address| (address, "postgres")))
                .chain(
                    running.remote.map(|address| {
                        (address, if scheme == "https" { "admin+https" } else { "admin+http" })
                    }),
                )
                .map(|(address, scheme)| ListenerReport {
                    address: address.to_string(),
                    scheme: scheme.to_owned(),
                })
                .collect(),
            issuers: issuers.collect(),
            targets: self.targets(),
            recording_problem: recording.err().map(|error| error.to_string()),
            restart_needed: running.due.keys().as_slice().into(),
            unset: Some(self.unset()),
            counts: self.counts(),
            you: None,
        }
    }

    fn identify<'a>(&'a self, token: &'a str) -> Identified<'a> {
        Box::pin(self.running.gate.identify(token))
    }

    fn still_holds(&self, verified: &Verified) -> bool {
        self.running.gate.still_holds(verified)
    }

    fn refresh_keys<'a>(&'a self, issuer: &'a str) -> Answer<'a, ()> {
        Box::pin(async move {
            self.running.gate.issuers().refresh(Some(issuer)).await;
            Ok(())
        })
    }

    fn onward<'a>(&'a self, issuer: &'a str, parameters: &'a [(String, String)]) -> Answer<'a, Onward> {
        Box::pin(async move {
            let portal = self.portal(issuer)?;
            let url = pipeline::login_url(&portal, parameters).await.map_err(|denied| not_asked(&denied))?;
            let names_itself = pipeline::names_itself(&portal).await.map_err(|denied| not_asked(&denied))?;
            Ok(Onward { url, iss: portal.iss().to_owned(), names_itself })
        })
    }

    fn redeem<'a>(
        &'a self,
        page: &'a PageSettings,
        iss: &'a str,
        grant: &'a OAuthGrant,
    ) -> Answer<'a, Redeemed> {
        Box::pin(async move {
            let portal = self.portal(&page.issuer)?;
            if portal.iss() != iss {
                let text = "the gateway's issuer has changed since the sign-in began";
                return Err(ApiError::new(ErrorCode::Unauthenticated, text));
            }
            let (client_id, secret) = (&page.client.client_id, page.secret.as_ref());
            let redeemed = self.running.gate.redeem_as(&portal, Via::Browser, grant, client_id, secret).await;
            redeemed.map_err(|denied| not_asked(&denied))
        })
    }
}
