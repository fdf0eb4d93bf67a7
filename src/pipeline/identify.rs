//! Who holds a token, for what is no command: the admin API over the network.

use std::sync::Arc;

use crate::domain::Denied;
use crate::domain::now_ms;
use crate::identity::Verified;
use crate::pipeline::Gate;
use crate::pipeline::enter::locked;

impl Gate {
    /// Verifies a token as each request's, and asks the locks. A lock on everybody does not count: who takes it away must get in.
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

    /// Whether who was identified would be so now, as far as that can be told without its token: no lock has come, its time is not over.
    pub fn still_holds(&self, verified: &Verified) -> bool {
        let locks = self.0.locks.load();
        verified.expires_ms > now_ms() && !locks.names(&verified.principal, &verified.token_ids)
    }
}
