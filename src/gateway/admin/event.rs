//! The live stream: fed from the journal and the approvals while somebody follows.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::approval::Change;
use crate::control::Answer;
use crate::control::noun::event::EventFilter;
use crate::control::noun::event::EventSource;
use crate::control::noun::event::Events;
use crate::control::noun::event::Topic;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::Running;
use crate::recording::StoredEvent;
use crate::recording::replay::Mark;

/// How often it is looked whether somebody still follows.
const LOOK: Duration = Duration::from_secs(10);
/// After so many looks without a follower the feed rests; who comes back before takes up where it left.
const QUIET_LOOKS: u32 = 6;

/// Whether the feed is being fed.
#[derive(Debug, Default)]
pub(super) struct Pump {
    runs: bool,
}

impl Admin {
    /// Opens a stream for a follower, and has the feed fed.
    fn follow(
        self: &Arc<Self>,
        running: &Running,
        filter: EventFilter,
        after: Option<&str>,
    ) -> Box<dyn EventSource> {
        // Held until the follower counts, so that the feed does not go to rest in between.
        let mut pump = self.pump.lock().unwrap_or_else(PoisonError::into_inner);
        if !pump.runs {
            pump.runs = true;
            let sources = (running.journal.subscribe(), self.approvals.subscribe());
            tokio::spawn(feed(Arc::clone(self), sources));
        }
        Box::new(self.feed.follow(filter, after))
    }

    /// Whether nobody follows any more; the feed then rests.
    fn may_rest(&self) -> bool {
        let mut pump = self.pump.lock().unwrap_or_else(PoisonError::into_inner);
        let nobody = self.feed.followers() == 0;
        if nobody {
            self.feed.rest();
            pump.runs = false;
        }
        nobody
    }

    fn pass_on_event(&self, event: &StoredEvent) {
        let session = Some(event.event.session);
        self.feed.publish(Topic::Session, session, &*event.line);
        if Mark::Denied.is_on(event) {
            self.feed.publish(Topic::Denied, session, &*event.line);
        }
    }

    fn pass_on_change(&self, change: &Change) {
        let (topic, json) = match change {
            Change::Approval(approval) => (Topic::Approval, serde_json::to_string(&**approval)),
            Change::Grant(grant) => (Topic::Change, serde_json::to_string(&json!({ "grant": **grant }))),
        };
        match json {
            Ok(json) => self.feed.publish(topic, None, json),
            Err(_unwritable) => self.feed.gap(),
        }
    }
}

type Sources = (broadcast::Receiver<Arc<StoredEvent>>, broadcast::Receiver<Change>);

async fn feed(admin: Arc<Admin>, (mut events, mut changes): Sources) {
    let mut look = tokio::time::interval(LOOK);
    let mut quiet = 0;
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => admin.pass_on_event(&event),
                Err(RecvError::Lagged(_)) => admin.feed.gap(),
                Err(RecvError::Closed) => break,
            },
            change = changes.recv() => match change {
                Ok(change) => admin.pass_on_change(&change),
                Err(RecvError::Lagged(_)) => admin.feed.gap(),
                Err(RecvError::Closed) => break,
            },
            _ = look.tick() => {
                quiet = if admin.feed.followers() == 0 { quiet + 1 } else { 0 };
                if quiet > QUIET_LOOKS {
                    if admin.may_rest() {
                        return;
                    }
                    quiet = 0;
                }
            }
        }
    }
    // A source is gone: the gateway stops.
    admin.feed.stop();
}

impl Events for Acting {
    fn events(&self, filter: EventFilter, after: Option<String>) -> Answer<'_, Box<dyn EventSource>> {
        Box::pin(async move {
            let running = self.admin.running()?;
            self.guarded(|| self.admin.follow(running, filter, after.as_deref()))
        })
    }
}
