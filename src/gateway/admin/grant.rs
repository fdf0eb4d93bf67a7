//! Lists and revokes grants.

use crate::control::Answer;
use crate::control::noun::List;
use crate::control::noun::bounded;
use crate::control::noun::grant::GrantFilter;
use crate::control::noun::grant::Grants;
use crate::domain::approval::Grant;
use crate::domain::id::GrantId;
use crate::gateway::admin::Acting;
use crate::gateway::admin::fault::fault_of_revoking;
use crate::gateway::admin::fault::fault_of_store;

/// The reason recorded on the approval of a revoked grant.
const REASON: &str = "the grant was revoked";

impl Grants for Acting {
    fn grants(&self, filter: GrantFilter) -> Answer<'_, List<Grant>> {
        Box::pin(async move {
            let ended = filter.ended.unwrap_or(false);
            // Who may approve over the network, only a running gateway knows.
            let grants = match &self.admin.running {
                Some(_running) => self.admin.approvals.judged_grants(ended).await,
                None => self.admin.approvals.grants(ended).await,
            };
            let mut grants = grants.map_err(|error| fault_of_store(&error))?;
            grants.retain(|grant| {
                filter.principal.as_ref().is_none_or(|principal| grant.principal == *principal)
                    && filter.connection.as_ref().is_none_or(|name| grant.connection.as_str() == name)
            });
            Ok(List::cut(grants, bounded(filter.limit)))
        })
    }

    fn revoke_grant(&self, id: GrantId) -> Answer<'_, Grant> {
        Box::pin(async move {
            self.must_manage("grant.revoke", &id.to_string()).await?;
            let revoked = self.admin.approvals.revoke(id, self.caller.actor(), REASON).await;
            revoked.map_err(|error| fault_of_revoking(&error))
        })
    }
}
