//! Pins of what MCP servers offer, listed and accepted.

use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::MAX_LIMIT;
use crate::control::noun::entity::Entities;
use crate::control::noun::entity::EntityKind;
use crate::control::noun::pin::AcceptPins;
use crate::control::noun::pin::MAX_ACCEPT;
use crate::control::noun::pin::PinView;
use crate::control::noun::pin::Pins;
use crate::gateway::admin::Acting;
use crate::gateway::admin::fault::fault_of_store;
use crate::store::LookedAt;

impl Pins for Acting {
    fn pins(&self, connection: String) -> Answer<'_, List<PinView>> {
        Box::pin(async move {
            let name = connection.clone();
            let pins = self.admin.store.read(move |view| view.pins(Some(&name))).await;
            let pins = pins.map_err(|error| fault_of_store(&error))?;
            if pins.is_empty() {
                // Pins outlive their connection: only without any it matters whether there is one.
                self.entity(EntityKind::Connection, connection).await?;
            }
            let mut views: Vec<PinView> = pins.iter().map(PinView::from).collect();
            views.sort_by_key(|view| view.state);
            Ok(List::cut(views, MAX_LIMIT))
        })
    }

    fn accept_pins(&self, connection: String, accept: AcceptPins) -> Answer<'_, List<PinView>> {
        Box::pin(async move {
            self.must_manage("pin.accept", &connection).await?;
            if !(1..=MAX_ACCEPT).contains(&accept.pins.len()) {
                let text = format!("{} pins at once, not 1 to {MAX_ACCEPT}", accept.pins.len());
                return Err(ApiError::new(ErrorCode::BadRequest, text));
            }
            let looked_at: Vec<LookedAt> = accept
                .pins
                .into_iter()
                .map(|pin| LookedAt { kind: pin.kind, name: pin.name, digest: pin.digest })
                .collect();
            let actor = self.actor();
            let _turn = self.admin.changing.lock().await;
            let accepted =
                self.admin.store.change(move |change| change.accept_pins(&connection, &looked_at, &actor));
            let accepted = accepted.await.map_err(|error| fault_of_store(&error))?;
            let views = accepted.iter().map(PinView::from).collect();
            if let Some(running) = &self.admin.running {
                running.live.pins_accepted(accepted);
            }
            Ok(List::all(views))
        })
    }
}
