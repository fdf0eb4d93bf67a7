//! Names in a statement as its recording may show them: a name can be a masked value, too.

use std::borrow::Cow;

use crate::mask::Notes;
use crate::mask::Plan;

/// The text in place of a name that is not shown.
const MASKED: &str = "(masked)";

/// Decides which names are shown.
pub(super) struct Shown<'a> {
    plan: &'a Plan,
    /// The masked SQL that the names come from, in lower case; `None` if nothing in it was masked.
    masked: Option<String>,
}

impl<'a> Shown<'a> {
    /// Prepares for the names in these SQL texts.
    pub(super) fn new<'t>(plan: &'a Plan, texts: impl Iterator<Item = &'t [u8]>) -> Self {
        let (mut all, mut any) = (String::new(), false);
        if !plan.is_empty() {
            for text in texts {
                let text = String::from_utf8_lossy(text);
                let masked = plan.text(&text, "sql", &mut Notes::default());
                any |= masked.is_some();
                all.push_str(masked.as_deref().unwrap_or(&text));
                all.push('\n');
            }
        }
        Self { plan, masked: any.then(|| all.to_lowercase()) }
    }

    /// Returns a name of the SQL as it may be shown. The SQL may spell it in another form than `name`, so if
    /// the SQL was masked, only names that the masked SQL still shows are shown.
    pub(super) fn written<'n>(&self, name: &'n str, notes: &mut Notes) -> Cow<'n, str> {
        match &self.masked {
            Some(text) if !text.contains(&name.to_lowercase()) => Cow::Borrowed(MASKED),
            _ => self.given(name, notes),
        }
    }

    /// Returns a name that is not part of the SQL, of a prepared statement or portal, as it may be shown.
    pub(super) fn given<'n>(&self, name: &'n str, notes: &mut Notes) -> Cow<'n, str> {
        self.plan.text(name, "name", notes).map_or(Cow::Borrowed(name), Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::mask::Entity;
    use crate::domain::mask::MaskOp;
    use crate::protocol::postgres::catalog::tests::plan;

    use super::*;

    const CARD: &str = "4111 1111 1111 1111";

    #[test]
    fn a_name_that_is_a_masked_value_is_not_shown() {
        let plan =
            plan(&[(&["ssn"], &[Entity::CreditCard, Entity::EmailAddress], MaskOp::KeepLast { n: 4 })]);
        let shown = |text: &str, name: &str| {
            let shown = Shown::new(&plan, std::iter::once(text.as_bytes()));
            shown.written(name, &mut Notes::default()).into_owned()
        };
        assert!(!shown(&format!("SELECT \"{CARD}\"()"), CARD).contains("4111"));
        // Its parts, and a form in which nothing is detected.
        assert_eq!(shown(&format!("SELECT \"{CARD}\""), "4111"), MASKED);
        assert_eq!(shown("SELECT * FROM Ann@example.COM", "ann@example.com"), MASKED);
        // The SQL hides it, the name does not.
        assert!(!shown(r#"SELECT U&"\0034111 1111 1111 1111"()"#, CARD).contains("4111"));
        // Other names are shown.
        assert_eq!(shown(&format!("SELECT '{CARD}' FROM Customers"), "customers"), "customers");
        assert_eq!(shown("SELECT f()", "f"), "f");
        let of_statement = Shown::new(&plan, std::iter::once(CARD.as_bytes()));
        assert_eq!(of_statement.given("_pg3_0", &mut Notes::default()), "_pg3_0");
        assert!(!of_statement.given(CARD, &mut Notes::default()).contains("4111"));
    }
}
