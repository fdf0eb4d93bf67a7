//! Identifies the holder of a token for requests that are not commands: the admin API over the network.

use std::sync::Arc;

use crate::domain::Denied;
use crate::domain::now_ms;
use crate::identity::Verified;
use crate::pipeline::Gate;
use crate::pipeline::enter::locked;

impl Gate {
    /// Verifies a token and checks the locks. A lock on everybody is ignored, so that an operator can log in
    /// to remove it.
    pub async fn identify(&self, token: &str) -> Result<Arc<Verified>, Denied> {
        let identified = async {
            let (verified, _snapshot) = self.authenticate(token).await?;
            if self.0.locks.load().names(&verified.principal, &verified.token_ids) {
                return Err(locked());
            }
            Ok(verified)
        };
        identified.await.inspect_err(|denied| self.0.metrics.refused(denied.code))
    }

    /// Returns whether an identified caller is still valid: its token has not expired, and no lock names it.
    /// The token itself is not verified again.
    pub fn still_holds(&self, verified: &Verified) -> bool {
        let locks = self.0.locks.load();
        verified.expires_ms > now_ms() && !locks.names(&verified.principal, &verified.token_ids)
    }
}
