//! The page of one approval: who requests it, what it grants, everything that will be sent, and the forms
//! below.

use jiff::Timestamp;

use crate::control::noun::gateway::CallerReport;
use crate::control::page::form::LONGEST_REASON;
use crate::control::page::frame;
use crate::control::page::html::Attribute;
use crate::control::page::html::Attribute::Own;
use crate::control::page::html::Html;
use crate::domain::approval::Approval;
use crate::domain::approval::ApprovalState;
use crate::domain::approval::GrantScope;
use crate::domain::approval::Risk;

/// The data of the page.
pub(super) struct View<'a> {
    /// The approval.
    pub(super) approval: &'a Approval,
    /// The signed-in caller.
    pub(super) you: &'a CallerReport,
    /// The hidden value of this browser's forms.
    pub(super) form_key: &'a str,
    /// The current time, in milliseconds since 1970.
    pub(super) now_ms: i64,
}

impl View<'_> {
    /// Renders the page.
    pub(super) fn page(&self) -> String {
        frame::page(Some((&self.you.principal, self.form_key)), |html| {
            let approval = self.approval;
            html.element("h1", &[], |html| html.text(&format!("Approval {}", approval.id)));
            self.state(html);
            html.line();
            html.element("dl", &[], |html| self.facts(html));
            html.line();
            self.payload(html);
            html.line();
            html.element("section", &[Own("class", "decide")], |html| match self.why_not() {
                Some(why) => html.element("p", &[Own("class", "no")], |html| html.text(&why)),
                None => self.forms(html),
            });
        })
    }

    fn waits(&self) -> bool {
        self.approval.state == ApprovalState::Pending && self.approval.expires_ms > self.now_ms
    }

    fn state(&self, html: &mut Html) {
        let approval = self.approval;
        let words = if self.waits() {
            let left = approval.expires_ms.saturating_sub(self.now_ms) / 1000;
            let yes = approval.decisions.iter().filter(|decision| decision.approve).count();
            let (minutes, seconds) = (left / 60, left % 60);
            format!(
                "It needs {} of {}; {yes} approved so far. It expires at {}, in {minutes} min {seconds} s.",
                approval.spec.min.max(1),
                approval.spec.from.join(", "),
                time(approval.expires_ms)
            )
        } else if approval.state == ApprovalState::Pending {
            format!("It is over: it expired at {}.", time(approval.expires_ms))
        } else {
            format!("It is over: {}.", approval.state)
        };
        html.element("p", &[Own("class", "text")], |html| html.text(&words));
    }

    fn facts(&self, html: &mut Html) {
        let approval = self.approval;
        let mut fact = |name: &'static str, text: &str| {
            html.element("dt", &[], |html| html.text(name));
            html.element("dd", &[Own("class", "text")], |html| html.text(text));
            html.line();
        };
        // Text that the requester chose is in a row of its own, never next to ours.
        fact("Who asks, by name", &approval.label);
        fact("Kind", approval.kind.as_str());
        fact("Principal", &approval.principal);
        if approval.groups.is_empty() {
            fact("Groups", "none");
        }
        for group in &approval.groups {
            fact("Group", group);
        }
        fact("From", &approval.source);
        fact("Connection", approval.connection.as_str());
        fact("Held by", &format!("policy {}", approval.rule));
        let risk = approval.risk();
        fact("Class and risk", &format!("{}, risk {}", approval.class.as_str(), risk.as_str()));
        fact("A yes gives", &gives(approval.spec.grant));
        let reason = if approval.reason.is_empty() {
            "none was given".to_owned()
        } else {
            format!("\"{}\"", approval.reason)
        };
        fact("Reason, in the requester's words", &reason);
        for decision in &approval.decisions {
            let word = if decision.approve { "approved" } else { "denied" };
            let why =
                if decision.reason.is_empty() { String::new() } else { format!(": \"{}\"", decision.reason) };
            fact("Said", &format!("{word} by {} at {}{why}", decision.by, time(decision.at_ms)));
        }
        fact("Asked", &time(approval.created_ms));
        fact("SHA-256", &approval.digest);
    }

    /// Writes everything that will be sent, each row with a number that no text can forge.
    fn payload(&self, html: &mut Html) {
        let detail = &self.approval.detail;
        let whole = detail.strip_suffix('\n').unwrap_or(detail);
        let rows = whole.split('\n').count();
        let title = format!("What will be sent: {rows} rows, {} bytes", detail.len());
        html.element("h2", &[], |html| html.text(&title));
        html.element("ol", &[Own("class", "payload")], |html| {
            for line in whole.split('\n') {
                // The number is outside the element that clips the text, or it would be clipped too.
                html.element("li", &[], |html| {
                    html.element("code", &[Own("class", "text")], |html| html.row(line));
                });
                html.line();
            }
        });
        let end = if self.approval.truncated {
            "This is NOT all of it: the rest is too long to be shown. It can be denied, not approved."
        } else {
            "This was all of it. The numbers of the rows are the gateway's; every character between them is the requester's."
        };
        html.element("p", &[Own("class", "no")], |html| html.text(end));
    }

    /// Returns why the signed-in caller cannot decide it, as far as is known here. The gateway enforces this
    /// in any case.
    fn why_not(&self) -> Option<String> {
        let (approval, you) = (self.approval, self.you);
        if !self.waits() {
            return Some("It is over: nothing is decided here any more.".to_owned());
        }
        if approval.principal == you.principal {
            return Some("It is your own request: another approver must decide.".to_owned());
        }
        if !you.decides {
            return Some("You may look, not decide: you are in no group of admin.roles.approver.".to_owned());
        }
        if approval.decisions.iter().any(|decision| decision.by == you.principal) {
            return Some("You have already approved it; another approver is needed.".to_owned());
        }
        if !approval.spec.from.iter().any(|group| you.groups.contains(group)) {
            let from = approval.spec.from.join(", ");
            return Some(format!("Only members of {from} decide it, and you are none."));
        }
        None
    }

    fn forms(&self, html: &mut Html) {
        let approval = self.approval;
        html.element("h2", &[], |html| html.text("Your decision"));
        if !approval.truncated {
            self.form(html, |html| {
                if approval.risk() == Risk::High {
                    html.element("label", &[], |html| {
                        html.text("The risk is high. Type the name of the connection:");
                        let field = [
                            Own("name", "connection"),
                            Own("required", ""),
                            Own("autocomplete", "off"),
                            Own("spellcheck", "false"),
                        ];
                        html.empty("input", &field);
                    });
                }
                self.reason(html, "Reason to approve");
                let more = approval.spec.grant != GrantScope::Once;
                if !more || approval.spec.min <= 1 {
                    yes(html, "Approve this one command", "once");
                }
                match approval.spec.grant {
                    GrantScope::Once => {}
                    GrantScope::Session => yes(html, "Approve all its rule holds in this session", "all"),
                    GrantScope::Window(_) => yes(html, "Approve all its rule holds for a time", "all"),
                }
            });
        }
        self.form(html, |html| {
            self.reason(html, "Reason to deny");
            yes(html, "Deny", "deny");
        });
    }

    fn form(&self, html: &mut Html, inside: impl FnOnce(&mut Html)) {
        let to = [
            Own("method", "post"),
            Attribute::Approval("action", self.approval.id),
            Own("autocomplete", "off"),
        ];
        html.element("form", &to, |html| {
            frame::key(html, self.form_key);
            let digest =
                [Own("type", "hidden"), Own("name", "digest"), Attribute::Value(&self.approval.digest)];
            html.empty("input", &digest);
            inside(html);
        });
        html.line();
    }

    /// Writes the input for a reason. `what`: a different label for each form, also for screen readers.
    fn reason(&self, html: &mut Html, what: &'static str) {
        const _: () = assert!(LONGEST_REASON == 2000, "maxlength below says the same");
        html.element("label", &[], |html| {
            let must = self.approval.spec.reason;
            html.text(what);
            html.text(if must { " (its policy wants one):" } else { " (may be left out):" });
            let field = [Own("name", "reason"), Own("rows", "2"), Own("maxlength", "2000")];
            let must: &[Attribute<'_>] = if must { &[Own("required", "")] } else { &[] };
            html.element("textarea", &[&field, must].concat(), |_html| {});
        });
    }
}

fn yes(html: &mut Html, words: &'static str, decision: &'static str) {
    frame::button(html, words, &[Own("name", "decision"), Own("value", decision)]);
}

/// Describes a grant.
fn gives(scope: GrantScope) -> String {
    match scope {
        GrantScope::Once => "this one command, once".to_owned(),
        GrantScope::Session => "every command that its policy would hold, until the session ends".to_owned(),
        GrantScope::Window(_) => {
            format!("every command of this principal that its policy would hold, for {scope}")
        }
    }
}

/// Formats a time.
fn time(ms: i64) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_out_of_range) => "an unknown time".to_owned(),
    }
}
