//! The configuration: TOML in, checked settings out, and every problem with its position.
//!
//! [`load`] reads the file, [`combine()`] adds the entities of the store. Nothing here reads a secret or a
//! certificate, or uses the network.

mod admin;
mod combine;
mod connection;
mod entity;
mod find;
mod mask;
mod oidc;
mod parse;
mod policy;
mod problem;
mod reader;
mod references;
mod render;
mod schema;
mod settings;
mod source;
mod text;
mod url;
mod value;
mod words;
mod written;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use admin::AdminSettings;
pub use admin::PageSettings;
pub use admin::RemoteSettings;
pub use combine::Entities;
pub use combine::combine;
pub use entity::Entity;
pub use entity::parse_entity;
pub use find::absolute;
pub use find::default_data_dir;
pub use find::find;
pub use parse::OTHERS_WRITE;
pub use parse::load;
pub use parse::load_found;
pub use parse::parse;
pub use parse::read_file;
pub use problem::Problem;
pub use problem::Problems;
pub use render::render_entity;
pub use schema::schema;
pub use settings::DevIssuerSettings;
pub use settings::GatewayLimits;
pub use settings::GatewaySettings;
pub use settings::StorageSettings;
pub use text::Template;
pub use text::template;
pub use words::nearest;
pub use written::Written;
pub use written::parse_bundle;
pub use written::place_in;

use crate::domain::connection::Connection;
use crate::domain::mask::MaskRule;
use crate::domain::secret::SecretRef;
use crate::identity::IssuerSettings;
use crate::policy::PolicyRule;
use crate::recording;

/// A checked configuration file.
#[derive(Debug, Clone)]
pub struct Config {
    /// Path of the file.
    pub path: PathBuf,
    /// Whether the file was found, and not named by the user: see [`load_found`].
    pub found: bool,
    /// `[gateway]`
    pub gateway: GatewaySettings,
    /// `[admin]`
    pub admin: AdminSettings,
    /// `[[oidc]]`, in the order of the file. If empty, nobody is admitted.
    pub oidc: Vec<IssuerSettings>,
    /// `[storage]`
    pub storage: StorageSettings,
    /// `[recording]`
    pub recording: recording::Settings,
    /// `[[connection]]`, in the order of the file.
    pub connections: Vec<Connection>,
    /// `[[policy]]`, in the order of the file, which has no effect.
    pub policies: Vec<PolicyRule>,
    /// `[[mask]]`, in the order of the file.
    pub masks: Vec<MaskRule>,
    /// `[dev_issuer]`, if present.
    pub dev_issuer: Option<DevIssuerSettings>,
    /// Valid settings that are probably mistakes. Those that depend on the store are in
    /// [`Entities::warnings`].
    pub warnings: Vec<Problem>,
    text: Text,
}

impl Config {
    /// The text of the file.
    pub fn text(&self) -> &str {
        &self.text.0
    }

    /// Returns the sources of the gateway's own secrets, without those of connections.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretRef> {
        let key = self.gateway.tls.as_ref().map(|tls| &tls.key);
        let page = self.admin.remote.as_ref().and_then(|remote| remote.page.as_ref());
        let logins = self.oidc.iter().filter_map(|issuer| issuer.mcp_login.as_ref()?.secret.as_ref());
        key.into_iter().chain(page.and_then(|page| page.secret.as_ref())).chain(logins)
    }
}

/// The text of the file, for locating later findings. It holds no secret: those are refused.
#[derive(Clone)]
struct Text(Arc<str>);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
