//! What a person says yes to.

use super::*;

#[test]
fn a_person_confirms_what_is_new_and_nothing_twice() {
    let terms = |issuer: &str, scope: &str| Terms {
        issuer: issuer.to_owned(),
        client_id: "cli".to_owned(),
        scopes: vec![scope.to_owned()],
    };
    let terminal = Terminal { dialog: false, ..Terminal::new(output::Format::Table, true) };
    let own = terms("https://idp.example", "use");
    let asked =
        |confirmed: Option<&Terms>, yes| confirm(terminal, yes, "https://gw.example", &own, confirmed);
    assert_eq!(asked(None, false).unwrap_err().exit, Exit::Usage);
    assert_eq!(asked(None, true), Ok(()));
    assert_eq!(asked(Some(&own), false), Ok(()));
    for other in [terms("https://idp.example", "more"), terms("https://evil.example", "use")] {
        assert_eq!(asked(Some(&other), false).unwrap_err().exit, Exit::Usage);
    }
}
