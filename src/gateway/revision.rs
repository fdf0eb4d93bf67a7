//! The revision of the policies: it stands for the store's entities and the configuration file together.

use std::fmt::Write;

use aws_lc_rs::digest;

use crate::config::Config;
use crate::domain::Origin;
use crate::domain::hex;

/// Returns a digest of the file's connections, policies and masks, and of its definitions of groups that
/// policies refer to, regardless of where in which file they are.
pub fn file_digest(config: &Config) -> String {
    let (mut connections, mut policies, mut masks) =
        (config.connections.clone(), config.policies.clone(), config.masks.clone());
    let origins = (connections.iter_mut().map(|connection| &mut connection.origin))
        .chain(policies.iter_mut().map(|policy| &mut policy.origin))
        .chain(masks.iter_mut().map(|mask| &mut mask.origin));
    for origin in origins {
        *origin = Origin::Store;
    }
    let mut said = format!("{connections:?}\n{policies:?}\n{masks:?}");
    for issuer in &config.oidc {
        let apps: Vec<_> = issuer.clients.iter().map(|(id, app)| (id, &app.groups)).collect();
        let groups = (&issuer.name, &issuer.issuer, &issuer.claims, &issuer.group_names, apps);
        let _infallible = write!(said, "\n{groups:?}");
    }
    hex::encode(digest::digest(&digest::SHA256, said.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    #[test]
    fn whom_a_group_means_is_a_part_of_what_the_file_says() {
        let issuer = "version = 1\n[[oidc]]\nname = \"idp\"\nissuer = \"https://idp.example\"\naudiences = [\"hoopctl\"]\n";
        let with =
            |more: &str| file_digest(&parse(&format!("{issuer}{more}"), Path::new("gw.toml")).unwrap());
        let plain = with("");
        let named = with("group_names = { dba = \"g-1\" }\n");
        let app = with("[oidc.clients.etl]\nname = \"etl\"\ngroups = [\"dba\"]\n");
        assert!(plain != named && plain != app && named != app);
        assert_eq!(plain, with("soft_ttl = \"2h\"\n"), "where keys come from is no policy");
    }
}
