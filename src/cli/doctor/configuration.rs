//! Checks the configuration, and finds the part of it that is valid.

use std::path::Path;

use toml::Table;

use crate::cli::doctor::finding::Checks;
use crate::cli::doctor::mode;
use crate::cli::place::Place;
use crate::config;
use crate::config::Config;
use crate::config::Problems;

/// Maximum number of problems shown.
const SHOWN: usize = 10;
/// Maximum rounds of leaving parts out: the rest may depend on a part that was left out.
const TRIES: usize = 5;

/// The valid part of a configuration.
pub struct Found {
    /// The valid settings, with defaults for the rest.
    pub config: Config,
    /// Keys of the parts that were left out.
    pub left_out: Vec<String>,
}

/// Checks the file. `None`: there is nothing to go on with.
pub fn check(checks: &mut Checks, place: &Place) -> Option<Found> {
    let what = "configuration";
    let named = match place.config_file() {
        Ok(file) => file,
        Err(failure) => {
            checks.wrong(what, failure.message, "hoopctl init");
            return None;
        }
    };
    let file = config::absolute(&named);
    if file.exists() {
        mode(checks, "configuration file", &file, 0o022, "chmod go-w");
    }
    let (config, left_out) = match place.load(&named) {
        Ok(config) => {
            checks.good(what, format!("{} is valid", file.display()));
            (config, Vec::new())
        }
        Err(problems) => {
            tell(checks, place, &problems);
            let (config, left_out) = what_holds(&file, problems)?;
            let found = format!("looked at without what is wrong: {}", left_out.join(", "));
            checks.doubtful(what, found, "mend what is wrong, then hoopctl doctor again");
            (config, left_out)
        }
    };
    let config = place.over(config);
    for warning in &config.warnings {
        let warning = warning.to_string();
        checks.doubtful(what, warning, format!("hoopctl config check{}", place.option()));
    }
    if let Some(issuer) = &config.dev_issuer {
        let found =
            format!("the development issuer on {} gives anybody on this machine any token", issuer.listen);
        checks.doubtful("development issuer", found, "remove [dev_issuer] before real use");
    }
    if config.oidc.is_empty() && !left_out.iter().any(|part| part == "oidc") {
        checks.wrong(
            "issuers",
            "there is no [[oidc]], so that no token is accepted",
            "add one, with name, issuer and audiences; hoopctl init --dir DIR writes an example elsewhere",
        );
    }
    Some(Found { config, left_out })
}

fn tell(checks: &mut Checks, place: &Place, problems: &Problems) {
    let all = format!("hoopctl config check{}", place.option());
    for problem in problems.iter().take(SHOWN) {
        let whole = problem.to_string();
        let found = match &problem.hint {
            Some(hint) => whole.strip_suffix(hint).map_or(&*whole, |text| text.trim_end_matches("; ")),
            None => &whole,
        };
        checks.wrong("configuration", found, problem.hint.as_ref().unwrap_or(&all));
    }
    if problems.len() > SHOWN {
        checks.wrong("configuration", format!("and {} more", problems.len() - SHOWN), all);
    }
}

/// Parses the file without the tables that have problems.
fn what_holds(file: &Path, problems: Problems) -> Option<(Config, Vec<String>)> {
    let text = std::fs::read_to_string(file).ok()?;
    let mut table: Table = text.parse().ok()?;
    let mut left_out = Vec::new();
    let mut problems = problems;
    for _ in 0..TRIES {
        let parts: Vec<String> = problems
            .iter()
            .filter_map(|problem| problem.key.split('.').next())
            .filter(|part| table.remove(*part).is_some())
            .map(str::to_owned)
            .collect();
        if parts.is_empty() {
            return None;
        }
        left_out.extend(parts);
        // A file of another version cannot be parsed here.
        match config::parse(&table.to_string(), file) {
            Ok(config) => return Some((config, left_out)),
            Err(found) => problems = found,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::finding::State;

    fn looked_at(text: &str) -> (Checks, Option<Found>) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("hoopctl.toml");
        std::fs::write(&file, text).unwrap();
        let mut checks = Checks::default();
        let found = check(&mut checks, &Place::of(file));
        (checks, found)
    }

    #[test]
    fn problems_are_shown_and_the_rest_of_the_file_is_looked_at() {
        let text = "version = 1\nspeling = 2\n[storage]\ndata_dir = \"/srv/here\"\n\
                    [[policy]]\nid = \"p\"\neffect = \"maybe\"\nmatch = {}\n";
        let (checks, found) = looked_at(text);
        let wrong: Vec<&str> =
            checks.0.iter().filter(|one| one.state == State::Wrong).map(|one| &*one.found).collect();
        assert!(wrong.iter().any(|found| found.contains(":2:1: speling")), "{wrong:?}");
        assert!(wrong.iter().any(|found| found.contains("maybe")), "{wrong:?}");
        let Found { config, mut left_out } = found.unwrap();
        left_out.sort();
        assert_eq!(left_out, ["policy", "speling"]);
        assert_eq!(config.storage.data_dir, Path::new("/srv/here"));
    }

    #[test]
    fn what_was_left_out_is_not_said_to_be_missing() {
        let (checks, found) =
            looked_at("version = 1\n[storage]\ndata_dir = \"/srv/here\"\n[[oidc]]\nname = \"a\"\n");
        assert!(found.is_some() && !checks.0.iter().any(|one| one.found.contains("there is no [[oidc]]")));
        let (checks, found) = looked_at("version = 1\n[storage]\ndata_dir = \"/srv/here\"\n");
        let fix = checks.0.iter().find(|one| one.found.contains("there is no [[oidc]]")).unwrap();
        assert!(found.is_some() && !fix.fix.as_ref().unwrap().contains("--force"), "{fix:?}");
        let (checks, found) = looked_at("this is no TOML");
        assert!(found.is_none() && checks.any_wrong());
    }
}
