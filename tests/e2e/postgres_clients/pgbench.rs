//! pgbench: many short transactions at a time, whose sums must agree in the end.

use super::DATABASE_PASSWORD;
use super::Database;
use super::World;
use super::peer;
use super::peer::At;
use super::recorded;
use crate::support::process::run;

/// As the one who fills the tables; and TPC-B's own statements change data only.
const RULES: &str = r#"
[[policy]]
id = "all"
effect = "allow"
match = { groups = ["etl"], connections = ["db"], operations = ["read", "write", "ddl", "admin"] }
"#;
/// Transactions of each of the four clients.
const EACH: u32 = 50;

#[test]
fn pgbench_loses_no_transaction_and_no_money() {
    let world = World::with_database(Database::new(""), RULES);
    let token = world.token("writer");
    let pgbench = |arguments: &[&str]| -> String {
        let mut pgbench = peer::command("pgbench");
        pgbench.args(arguments);
        peer::point(&world, &mut pgbench, At::Gateway(&token));
        let (code, out, err) = run(&mut pgbench);
        assert_eq!(code, 0, "{arguments:?} {out} {err} {}", world.log());
        format!("{out}{err}")
    };
    pgbench(&["-i", "-q", "-s", "1"]);
    assert_eq!(world.direct("SELECT count(*) FROM pgbench_accounts"), "100000");
    let each = EACH.to_string();
    for mode in ["simple", "extended", "prepared"] {
        for script in ["select-only", "tpcb-like"] {
            let script = format!("--builtin={script}");
            let told = pgbench(&["-n", "-c", "4", "-j", "2", "-t", &each, "-M", mode, &script]);
            let all = EACH * 4;
            assert!(told.contains(&format!("processed: {all}/{all}")), "{mode} {script}: {told}");
            assert!(told.contains("failed transactions: 0 "), "{mode} {script}: {told}");
        }
    }
    let sums = world.direct(
        "SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history), \
         (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT sum(delta) FROM pgbench_history), \
         (SELECT sum(bbalance) FROM pgbench_branches) = (SELECT sum(delta) FROM pgbench_history), \
         (SELECT count(*) FROM pgbench_history)",
    );
    assert_eq!(sums, format!("t|t|t|{}", EACH * 4 * 3));
    recorded::check(&world, &[&token, DATABASE_PASSWORD]);
}
