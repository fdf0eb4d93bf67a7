//! Lists, accepts and forgets the pins of what MCP servers offer.

use std::sync::Arc;

use crate::control::Answer;
use crate::control::ApiError;
use crate::control::ErrorCode;
use crate::control::noun::List;
use crate::control::noun::MAX_LIMIT;
use crate::control::noun::entity::Entities;
use crate::control::noun::pin::AcceptPins;
use crate::control::noun::pin::ForgetPins;
use crate::control::noun::pin::MAX_ACCEPT;
use crate::control::noun::pin::PinFilter;
use crate::control::noun::pin::PinView;
use crate::control::noun::pin::Pins;
use crate::domain::entity::EntityKind;
use crate::domain::pin::Pin;
use crate::gateway::admin::Acting;
use crate::gateway::admin::fault::fault_of_store;
use crate::store::LookedAt;

/// How many bytes of text one list contains, approximately: there is room for JSON escapes besides.
const MOST_TEXT: usize = 8 << 20;

fn must_be_some(count: usize) -> Result<(), ApiError> {
    if (1..=MAX_ACCEPT).contains(&count) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::BadRequest, format!("{count} pins at once, not 1 to {MAX_ACCEPT}")))
}

/// Returns the first of them, with as much text as one answer may contain.
fn cut(pins: &[Pin], named: bool) -> List<PinView> {
    let mut room = MOST_TEXT;
    let mut views = Vec::new();
    for pin in pins {
        let full = views.len() >= usize::try_from(MAX_LIMIT).unwrap_or(usize::MAX);
        if full || room == 0 {
            return List { items: views, more: true };
        }
        let view = PinView::new(pin, named);
        room = room.saturating_sub(view.text_bytes());
        views.push(view);
    }
    List::all(views)
}

impl Pins for Acting {
    fn pins(&self, connection: String, filter: PinFilter) -> Answer<'_, List<PinView>> {
        Box::pin(async move {
            if let Some(running) = &self.admin.running {
                running.live.flush_pins();
            }
            let name = connection.clone();
            let pins = self.admin.store.read(move |view| view.pins(Some(&name))).await;
            let mut pins = pins.map_err(|error| fault_of_store(&error))?;
            if pins.is_empty() {
                // Pins outlive their connection: only without any pins it matters whether the connection
                // exists.
                self.entity(EntityKind::Connection, connection).await?;
            }
            pins.retain(|pin| filter.shows(pin));
            pins.sort_by_key(Pin::state);
            Ok(cut(&pins, filter.name.is_some()))
        })
    }

    fn accept_pins(&self, connection: String, accept: AcceptPins) -> Answer<'_, List<PinView>> {
        Box::pin(async move {
            self.must_manage("pin.accept", &connection).await?;
            must_be_some(accept.pins.len())?;
            let looked_at: Vec<LookedAt> = accept
                .pins
                .into_iter()
                .map(|pin| LookedAt { kind: pin.kind, name: pin.name, digest: pin.digest })
                .collect();
            let actor = self.actor();
            let _turn = self.admin.changing.lock().await;
            if let Some(running) = &self.admin.running {
                running.live.flush_pins();
            }
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

    fn forget_pins(&self, connection: String, forget: ForgetPins) -> Answer<'_, List<PinView>> {
        Box::pin(async move {
            self.must_manage("pin.forget", &connection).await?;
            must_be_some(forget.pins.len())?;
            let names: Vec<_> = forget.pins.into_iter().map(|pin| (pin.kind, pin.name)).collect();
            let actor = self.actor();
            let _turn = self.admin.changing.lock().await;
            let live = self.admin.running.as_ref().map(|running| Arc::clone(&running.live));
            let forgotten = self.admin.store.change(move |change| {
                let forgotten = change.forget_pins(&connection, &names, &actor)?;
                // On the store's thread, so that none of them is written in between.
                if let Some(live) = live {
                    live.pins_forgotten(&forgotten);
                }
                Ok(forgotten)
            });
            let forgotten = forgotten.await.map_err(|error| fault_of_store(&error))?;
            Ok(List::all(forgotten.iter().map(PinView::from).collect()))
        })
    }
}
