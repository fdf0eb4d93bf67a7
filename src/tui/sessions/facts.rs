//! Lays out one session's facts: each in its own row if there is room, else the most useful ones combined.

use crate::control::noun::session::SessionView;
use crate::domain::principal::Kind;
use crate::domain::session::SessionEnd;
use crate::tui::Shared;
use crate::tui::look::Look;
use crate::tui::look::Role;
use crate::tui::sessions::place::SHORT;
use crate::tui::sessions::roster::Known;
use crate::tui::table;
use crate::tui::text::Piece;
use crate::tui::text::long_time;

/// Width of the fact names, in columns.
const LABEL: usize = 11;

/// A row of unescaped pieces, to be fitted.
pub(super) type Fact = Vec<Piece>;

/// Returns at most `rows` rows of facts.
pub(super) fn facts(known: &Known, shared: &Shared, rows: u16) -> Vec<Fact> {
    let about = About { known, now_ms: shared.now.wall_ms, look: &shared.look };
    let all = if rows > SHORT { about.apart() } else { about.together() };
    all.into_iter().take(usize::from(rows)).collect()
}

/// Returns the session's name, with a symbol if its recording is on legal hold.
pub(super) fn name(view: &SessionView, look: &Look) -> String {
    if view.hold.is_some() { format!("{} {}", look.signs.kept, view.label) } else { view.label.clone() }
}

/// Returns the symbol of a caller that is not a human.
pub(super) fn kind_sign(kind: Kind, look: &Look) -> &'static str {
    match kind {
        Kind::Agent | Kind::App => look.signs.machine,
        Kind::Human => " ",
    }
}

struct About<'a> {
    known: &'a Known,
    now_ms: i64,
    look: &'a Look,
}

impl About<'_> {
    fn together(&self) -> Vec<Fact> {
        let view = &self.known.view;
        let mut who = row("who", Role::Title, &self.who());
        who.push((Role::Text, format!("  {}  {}", view.kind, view.principal)));
        let mut from = row("from", Role::Text, &view.source);
        from.push((Role::Dim, format!("  issuer {}", view.issuer)));
        if let Some(client) = &view.client {
            from.push((Role::Dim, format!("  client {client}")));
        }
        let mut state = row("state", Role::Text, "");
        state.extend(self.state());
        state.extend(self.kept());
        state.push((Role::Text, format!("  began {} ago", self.ago(view.started_ms))));
        if let Some(live) = self.known.live().filter(|_| self.known.over.is_none()) {
            state.push((
                Role::Dim,
                format!("  idle {}  ends in {}", self.ago(live.active_ms), self.until(live.expires_ms)),
            ));
        }
        let mut counts = row("commands", Role::Text, "");
        counts.extend(self.counts());
        counts.push((Role::Dim, format!("  {}", self.recorded())));
        vec![who, state, counts, from]
    }

    fn apart(&self) -> Vec<Fact> {
        let view = &self.known.view;
        let mut state = row("state", Role::Text, "");
        state.extend(self.state());
        let mut out = vec![row("id", Role::Accent, &view.id.to_string()), state];
        let mut who = row("who", Role::Title, &self.who());
        who.push((Role::Text, format!("  {}", view.kind)));
        out.push(who);
        out.push(row("principal", Role::Text, &view.principal));
        let mut issuer = row("issuer", Role::Text, &view.issuer);
        if let Some(client) = &view.client {
            issuer.push((Role::Text, format!("  client {client}")));
        }
        let mut from = row("from", Role::Text, &view.source);
        if let Some(kept) = self.kept_apart() {
            // There is no further row.
            out.insert(2, kept);
            from.push((Role::Dim, format!("  issuer {}", view.issuer)));
            from.extend(view.client.as_ref().map(|client| (Role::Dim, format!("  client {client}"))));
            out.push(from);
        } else {
            out.extend([issuer, from]);
        }
        out.push(row("connection", Role::Text, &format!("{} ({})", view.connection, view.protocol)));
        let started = format!("{}  {} ago", long_time(view.started_ms), self.ago(view.started_ms));
        out.push(row("started", Role::Text, &started));
        if let Some(live) = self.known.live() {
            out.push(row(
                "last used",
                Role::Text,
                &format!("{}  {} ago", long_time(live.active_ms), self.ago(live.active_ms)),
            ));
            if self.known.over.is_none() {
                let left = self.until(live.expires_ms);
                out.push(row("ends by", Role::Text, &format!("{}  in {left}", long_time(live.expires_ms))));
            }
        }
        let mut counts = row("commands", Role::Text, "");
        counts.extend(self.counts());
        out.push(counts);
        out.push(row("recorded", Role::Text, &self.recorded()));
        out
    }

    fn who(&self) -> String {
        let view = &self.known.view;
        let sign = kind_sign(view.kind, self.look);
        if sign == " " { view.label.clone() } else { format!("{sign} {}", view.label) }
    }

    fn state(&self) -> Vec<Piece> {
        let signs = self.look.signs;
        match &self.known.over {
            None => {
                let streams = self.known.live().map_or(0, |live| live.streams);
                let streams =
                    if streams > 0 { format!(", {}", count(streams, "stream")) } else { String::new() };
                vec![(Role::Good, format!("{} runs", signs.live)), (Role::Text, streams)]
            }
            Some(over) => {
                vec![(Role::Warn, format!("{} {}", signs.offline, ended(over.why)))]
            }
        }
    }

    fn counts(&self) -> Vec<Piece> {
        let (view, signs) = (&self.known.view, self.look.signs);
        let commands = self.known.live().map_or_else(|| "?".to_owned(), |live| live.commands.to_string());
        let mut out = vec![(Role::Text, commands)];
        out.push(match view.denied {
            0 => (Role::Dim, "  none denied".to_owned()),
            denied => (Role::Bad, format!("  {} {denied} denied", signs.no)),
        });
        out.push(match view.masked {
            0 => (Role::Dim, "  nothing masked".to_owned()),
            masked => (Role::Masked, format!("  {masked} masked")),
        });
        out
    }

    fn recorded(&self) -> String {
        format!("{}, {}", count(self.known.view.events, "event"), size(self.known.view.bytes))
    }

    /// Formats the legal hold of the recording: actor and reason.
    fn kept(&self) -> Option<Piece> {
        let hold = self.known.view.hold.as_ref()?;
        let sign = self.look.signs.kept;
        Some((Role::Warn, format!("  {sign} held by {}: {}", hold.actor, hold.reason)))
    }

    fn kept_apart(&self) -> Option<Fact> {
        let hold = self.known.view.hold.as_ref()?;
        let mut out = row("held", Role::Warn, &format!("{} {}", self.look.signs.kept, hold.reason));
        out.push((Role::Dim, format!("  by {} {} ago", hold.actor, self.ago(hold.since_ms))));
        Some(out)
    }

    fn ago(&self, ms: i64) -> String {
        table::clock(self.now_ms.saturating_sub(ms).max(0))
    }

    fn until(&self, ms: i64) -> String {
        table::clock(ms.saturating_sub(self.now_ms).max(0))
    }
}

/// Formats how a session ended.
pub(super) fn ended(why: Option<SessionEnd>) -> String {
    why.map_or_else(|| "ended".to_owned(), |why| format!("ended: {}", why.as_str().replace('_', " ")))
}

fn row(label: &str, role: Role, value: &str) -> Fact {
    vec![(Role::Dim, format!("{label:LABEL$}")), (role, value.to_owned())]
}

fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => {
            let tenths = (u128::from(bytes) * 10) >> shift;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}
