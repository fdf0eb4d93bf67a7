//! The gateway as a whole: its state, reload, issuers, and the audit trail.

use std::time::Instant;

use serde_json::json;

use crate::config;
use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::audit::Audit;
use crate::control::noun::audit::AuditEntry;
use crate::control::noun::audit::AuditFilter;
use crate::control::noun::audit::AuditFrom;
use crate::control::noun::audit::AuditVerification;
use crate::control::noun::bounded;
use crate::control::noun::gateway::CallerReport;
use crate::control::noun::gateway::Counts;
use crate::control::noun::gateway::Explain;
use crate::control::noun::gateway::ExplainReport;
use crate::control::noun::gateway::Gateway;
use crate::control::noun::gateway::IssuerReport;
use crate::control::noun::gateway::ReloadReport;
use crate::control::noun::gateway::StatusReport;
use crate::domain::approval::ApprovalState;
use crate::domain::now_ms;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::fault::fault_of_store;
use crate::gateway::admin::hide::without_texts;
use crate::gateway::admin::session::VERIFY_FOR;
use crate::store;
use crate::store::AuditCheck;

fn count<T>(items: &[T]) -> u64 {
    items.len() as u64
}

impl Admin {
    /// Returns the state as far as the store knows it.
    async fn stored_status(&self) -> Result<StatusReport, ApiError> {
        let config = self.config.load_full();
        let combined = self.combined().await?;
        let waiting = store::ApprovalFilter { state: Some(ApprovalState::Pending), ..Default::default() };
        let counted = self.store.read(move |view| {
            let approvals = count(&view.approvals(&waiting)?);
            Ok((count(&view.locks(now_ms())?), approvals, count(&view.legal_holds()?)))
        });
        let (locks, approvals, held) = counted.await.map_err(|error| fault_of_store(&error))?;
        let counts = Counts {
            connections: count(&combined.connections),
            policies: count(&combined.policies),
            masks: count(&combined.masks),
            sessions: 0,
            approvals,
            locks,
            held,
        };
        Ok(StatusReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            running: false,
            ready: false,
            pid: None,
            started_ms: None,
            config: config::absolute(&config.path).display().to_string(),
            data_dir: config::absolute(&config.storage.data_dir).display().to_string(),
            revision: self.revision().await?,
            listeners: Vec::new(),
            issuers: self.stored_issuers().await?,
            targets: Vec::new(),
            recording_problem: None,
            restart_needed: Box::default(),
            unset: None,
            counts,
            you: None,
        })
    }

    /// Returns the issuers as far as file and store know them: only a running gateway knows whether their
    /// keys are still valid.
    async fn stored_issuers(&self) -> Result<Vec<IssuerReport>, ApiError> {
        let config = self.config.load_full();
        let mut reports = Vec::with_capacity(config.oidc.len());
        for issuer in &config.oidc {
            let key = issuer.issuer.clone();
            let kept = self.store.read(move |view| view.jwks(&key)).await;
            let kept = kept.map_err(|error| fault_of_store(&error))?;
            reports.push(IssuerReport {
                name: issuer.name.clone(),
                issuer: issuer.issuer.clone(),
                keys: 0,
                kids: Vec::new(),
                fetched_ms: kept.map(|(_, fetched_ms)| fetched_ms),
                usable: false,
                stale: false,
                error: Some("the gateway does not run".to_owned()),
            });
        }
        Ok(reports)
    }

    /// Reads file and store again on behalf of `actor`; the result is in the log and in the audit trail,
    /// however it was requested.
    ///
    /// # Errors
    /// `invalid` with the problems, and the old configuration stays in force; or the audit trail could not be
    /// written.
    pub async fn reload_as(&self, actor: &str) -> Result<ReloadReport, ApiError> {
        let running = self.running()?;
        let _turn = self.changing.lock().await;
        let reloaded = running.live.reload(actor).await;
        let error = match &reloaded {
            Ok(report) => {
                let ReloadReport { revision, restart_needed, .. } = report;
                tracing::info!(actor, revision, ?restart_needed, "reloaded");
                self.announce_change(*revision);
                return reloaded;
            }
            Err(error) => error,
        };
        for problem in &error.problems {
            tracing::error!("{problem}");
        }
        tracing::error!(actor, error = %error.message, "not reloaded");
        let detail = json!({ "code": error.code, "problems": error.problems.len() });
        let file = self.config.load().path.display().to_string();
        let by = actor.to_owned();
        let noted =
            self.store.change(move |change| change.append_audit(&by, "config.reload.failed", &file, &detail));
        let noted = noted.await;
        if let Err(error) = &noted {
            tracing::error!(%error, "a reload is not in the audit trail");
        }
        noted.map_err(|error| fault_of_store(&error))?;
        reloaded
    }

    async fn issuer_reports(&self) -> Result<Vec<IssuerReport>, ApiError> {
        match &self.running {
            Some(running) => Ok(running.live.status().issuers),
            None => self.stored_issuers().await,
        }
    }
}

impl Gateway for Acting {
    fn status(&self) -> Answer<'_, StatusReport> {
        Box::pin(async {
            let mut status = match &self.admin.running {
                Some(running) => running.live.status(),
                None => self.admin.stored_status().await?,
            };
            let principal = self.caller.principal();
            status.you = Some(CallerReport {
                principal: principal.id.to_string(),
                groups: principal.groups.iter().map(str::to_owned).collect(),
                manages: self.caller.manages(),
                decides: self.caller.decides(),
            });
            Ok(status)
        })
    }

    fn reload(&self) -> Answer<'_, ReloadReport> {
        Box::pin(async {
            self.must_manage("config.reload", "").await?;
            self.admin.reload_as(self.caller.actor()).await
        })
    }

    fn issuers(&self) -> Answer<'_, List<IssuerReport>> {
        Box::pin(async { Ok(List::all(self.admin.issuer_reports().await?)) })
    }

    fn refresh_issuer(&self, name: String) -> Answer<'_, IssuerReport> {
        Box::pin(async move {
            self.must_manage("issuer.refresh", &name).await?;
            let running = self.admin.running()?;
            let find = |reports: Vec<IssuerReport>| reports.into_iter().find(|report| report.name == name);
            let missing = || ApiError::new(ErrorCode::NotFound, format!("there is no issuer {name:?}"));
            find(running.live.status().issuers).ok_or_else(missing)?;
            running.live.refresh_keys(&name).await?;
            find(running.live.status().issuers).ok_or_else(missing)
        })
    }

    fn explain(&self, explain: Explain) -> Answer<'_, ExplainReport> {
        Box::pin(self.explained(explain))
    }
}

impl Audit for Acting {
    fn audit(&self, filter: AuditFilter) -> Answer<'_, List<AuditEntry>> {
        Box::pin(async move {
            let limit = bounded(filter.limit);
            let after = filter.after.unwrap_or(0);
            let found = self.admin.store.read(move |view| view.audit(after, limit + 1)).await;
            let mut found = found.map_err(|error| fault_of_store(&error))?;
            if self.caller.must_manage().is_err() {
                found = found.into_iter().map(without_texts).collect();
            }
            Ok(List::cut(found, limit))
        })
    }

    fn verify_audit(&self, from: AuditFrom) -> Answer<'_, AuditVerification> {
        Box::pin(async move {
            let bad =
                || ApiError::new(ErrorCode::BadRequest, "after and head must be those of the previous part");
            let mut check = match (from.after, &from.head) {
                (None, None) => AuditCheck::default(),
                (Some(after), Some(head)) => AuditCheck::after(after, head).ok_or_else(bad)?,
                _ => return Err(bad()),
            };
            let stop = Instant::now() + VERIFY_FOR;
            loop {
                // Some entries at a time, so that other jobs of the store can run in between.
                let step = self.admin.store.read(move |view| {
                    let found = view.verify_audit_on(&mut check)?;
                    Ok((check, found))
                });
                let (so_far, found) = step.await.map_err(|error| fault_of_store(&error))?;
                match found {
                    Some(found) => return Ok(found),
                    None if Instant::now() >= stop => return Ok(so_far.part()),
                    None => check = so_far,
                }
            }
        })
    }
}
