//! The live stream: fed from the journal and the approvals while it has followers.

use std::sync::Arc;
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
use crate::domain::sync::lock;
use crate::gateway::admin::Acting;
use crate::gateway::admin::Admin;
use crate::gateway::admin::Running;
use crate::recording::StoredEvent;
use crate::recording::replay::Mark;

/// How often to check whether there are followers.
const LOOK: Duration = Duration::from_secs(10);
/// After this many checks without followers the feed rests; a follower that returns before resumes where it
/// left.
const QUIET_LOOKS: u32 = 6;

/// Whether the feed is running.
#[derive(Debug, Default)]
pub(super) struct Pump {
    runs: bool,
}

impl Admin {
    /// Opens a stream for a follower, and starts the feed if needed.
    fn follow(
        self: &Arc<Self>,
        running: &Running,
        filter: EventFilter,
        after: Option<&str>,
    ) -> Box<dyn EventSource> {
        // Held until the follower is counted, so that the feed does not stop in between.
        let mut pump = lock(&self.pump);
        if !pump.runs {
            pump.runs = true;
            let sources = (running.journal.subscribe(), self.approvals.subscribe());
            tokio::spawn(feed(Arc::clone(self), sources));
        }
        Box::new(self.feed.follow(filter, after))
    }

    /// Stops the feed if there are no followers; returns whether it did.
    fn may_rest(&self) -> bool {
        let mut pump = lock(&self.pump);
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
    // A source is gone: the gateway is stopping.
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
