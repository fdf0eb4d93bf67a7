//! Which functions are taken for harmless.

use super::*;

#[test]
fn a_function_is_harmless_if_all_that_its_name_can_mean_are() {
    let catalog = catalog();
    for (name, harmless, computes) in [
        ("getssn", true, false),
        ("public.getssn", true, false),
        ("other.getssn", false, false),
        ("st_astext", true, true),
        // A stable one in C can read tables.
        ("crosses", true, false),
        // One of the functions an aggregate is made of is volatile.
        ("mysum", false, false),
        // Without a schema the one of the server is called, whatever the other says of itself.
        ("pg_sleep", false, false),
        ("public.pg_sleep", true, false),
        ("pg_catalog.pg_sleep", false, false),
        ("pg_catalog.nobody", false, false),
        ("owned", false, false),
        ("purge", false, false),
        ("py", false, false),
        ("two", false, false),
        ("public.two", true, false),
        ("private.two", false, false),
        ("nobody", false, false),
    ] {
        assert_eq!(catalog.harmless(&object(name)), harmless, "{name}");
        assert_eq!(catalog.computes(&object(name)), computes, "{name}");
    }
    assert!(catalog.has_function("getssn") && !catalog.has_function("nobody"));
}
