//! Request headers that never reach a target because of what they claim. A target behind a proxy of its own
//! trusts headers that only that proxy should write; the gateway's clients must not be able to send them.

use std::sync::LazyLock;

/// What they claim, and their names. One that ends with `*` is a family.
const CLAIMS: [(&str, &[&str]); 8] = [
    (
        // RFC 9110, section 7.6.1, and RFC 9113, section 8.2.2.
        "how one hop carries the message",
        &[
            "connection",
            "expect",
            "host",
            "http2-settings",
            "keep-alive",
            "max-forwards",
            // CGI turns it into `HTTP_PROXY`.
            "proxy",
            "proxy-*",
            "sec-websocket-extensions",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "via",
        ],
    ),
    ("who the client is to the gateway", &["authorization", "cookie", "cookie2", "hoopctl-*"]),
    (
        "where the request came from, and by what scheme and name",
        &[
            "akamai-origin-*",
            "cf-connecting-*",
            "cf-ew-*",
            "cf-ipcity",
            "cf-ipcontinent",
            "cf-ipcountry",
            "cf-iplatitude",
            "cf-iplongitude",
            "cf-pseudo-*",
            "cf-ray",
            "cf-region*",
            "cf-timezone",
            "cf-visitor",
            "cf-worker",
            "client-ip",
            "cloudfront-*",
            "do-connecting-ip",
            "fastly-client*",
            "fastly-ff",
            "fastly-ssl",
            "fly-client-ip",
            "fly-forwarded-*",
            "forwarded",
            "forwarded-*",
            "front-end-https",
            "incap-client-ip",
            "true-client-*",
            "wl-proxy-*",
            "x-akamai-edgescape",
            "x-appservice-*",
            "x-arr-*",
            "x-azure-*",
            "x-client-ip",
            "x-client-port",
            "x-cluster-client-ip",
            "x-coming-from",
            "x-custom-ip-*",
            "x-envoy-*",
            "x-forward-*",
            "x-forwarded*",
            "x-forwarder-*",
            "x-from-ip",
            "x-http-host-override",
            "x-https",
            "x-nf-client-*",
            "x-originating-*",
            "x-proxy-*",
            "x-proxyuser-*",
            "x-real-*",
            "x-remote-*",
            "x-scheme",
            "x-source-ip",
            "x-true-*",
            "x-url-scheme",
            "x-vercel-forwarded-*",
            "x-vercel-ip-*",
            "x-vercel-proxied-*",
        ],
    ),
    (
        // RFC 9440, and headers that proxies use for it.
        "which certificate the client has shown",
        &[
            "client-cert",
            "client-cert-*",
            "ssl-*",
            "tls-client-*",
            "x-amzn-mtls-*",
            "x-client-cert*",
            "x-client-dn",
            "x-client-verify",
            "x-mtls-*",
            "x-ssl-*",
            "x-tls-*",
        ],
    ),
    (
        // Headers of proxies that sign users in: Cloudflare Access, Google IAP and Endpoints, Azure, AWS,
        // oauth2-proxy, Authelia, authentik, Kong, APISIX, Pomerium, Vouch, Tailscale, Teleport, ngrok, App
        // Engine, mod_auth_openidc and similar modules, Shibboleth, WebSEAL, SiteMinder, OAM, Kubernetes.
        "who the user is",
        &[
            "auth-user",
            "cf-access-authenticated-*",
            "cf-access-jwt-*",
            "impersonate-*",
            "iv-*",
            "mellon-*",
            "ngrok-auth-*",
            "oam-*",
            "oidc-*",
            "remote-*",
            "shib-*",
            "sm-*",
            "tailscale-*",
            "teleport-*",
            "x-amzn-lambda-context",
            "x-amzn-oidc-*",
            "x-amzn-request-context",
            "x-anonymous-consumer",
            "x-apigateway-api-userinfo",
            "x-appengine-*",
            "x-auth-email",
            "x-auth-groups",
            "x-auth-request-*",
            "x-auth-roles",
            "x-auth-subject",
            "x-auth-user*",
            "x-authelia-*",
            "x-authenticated-*",
            "x-authentik-*",
            "x-consumer-*",
            "x-credential-*",
            "x-endpoint-api-*",
            "x-goog-authenticated-*",
            "x-goog-iap-*",
            "x-jwt-*",
            "x-ms-client-principal*",
            "x-ms-token-*",
            "x-pomerium-*",
            "x-rstudio-*",
            "x-userinfo",
            "x-vouch-*",
            "x-webauth-*",
        ],
    ),
    (
        "which resource or host is meant",
        &[
            "base-url",
            "disguised-host",
            "was-default-hostname",
            "x-backend-host",
            "x-host",
            "x-http-destinationurl",
            "x-http-path-override",
            "x-invoke-*",
            "x-matched-path",
            "x-original-*",
            "x-override-*",
            "x-path-override",
            "x-rewrite-*",
            "x-waws-*",
            "x-wap-profile",
        ],
    ),
    (
        // RFC 3875, section 4.1, and what servers have added to it.
        "what the server in front tells a CGI program",
        &[
            "auth-type",
            "document-root",
            "document-uri",
            "gateway-interface",
            "http-host",
            "https",
            "path-info",
            "path-translated",
            "query-string",
            "request-method",
            "request-scheme",
            "request-uri",
            "script-*",
            "server-*",
            "x-script-*",
        ],
    ),
    (
        // Next.js, Rack.
        "what the proxy has done already",
        &["x-accel-mapping", "x-middleware-*", "x-now-route-*", "x-sendfile-type"],
    ),
];

/// The same headers, sorted: full names, and prefixes without the `*`.
struct Lists {
    names: Vec<&'static str>,
    families: Vec<&'static str>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| {
    let all = CLAIMS.iter().flat_map(|(_, names)| names.iter().copied());
    let (mut families, mut names): (Vec<_>, Vec<_>) = all.partition(|name| name.ends_with('*'));
    for family in &mut families {
        *family = family.trim_end_matches('*');
    }
    names.sort_unstable();
    families.sort_unstable();
    Lists { names, families }
});

/// Whether a header of this name stays at the gateway.
pub fn is_claim(name: &str) -> bool {
    let Lists { names, families } = &*LISTS;
    if names.binary_search(&name).is_ok() {
        return true;
    }
    // A name with a prefix sorts right behind it, and no prefix is a prefix of another.
    let behind = families.partition_point(|family| *family <= name);
    behind.checked_sub(1).and_then(|at| families.get(at)).is_some_and(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_would_say_stays_at_the_gateway() {
        for (about, names) in CLAIMS {
            for name in names {
                let name = name.replace('*', "x");
                assert!(is_claim(&name), "{about}: {name}");
            }
        }
        for name in [
            "proxy",
            "proxy-connection",
            "x-forwarded",
            "x-forwarded-client-cert",
            "forwarded-for",
            "x-originating-ip",
            "x-azure-clientip",
            "cf-access-authenticated-user-email",
            "cf-access-jwt-assertion",
            "cf-connecting-ipv6",
            "x-goog-iap-jwt-assertion",
            "tailscale-user-login",
            "x-consumer-custom-id",
            "x-appengine-user-email",
            "x-pomerium-claim-email",
            "x-authentik-username",
            "x-vouch-user",
            "x-ms-token-aad-access-token",
            "x-ms-client-principal",
            "x-ms-client-principal-name",
            "x-auth-user",
            "x-auth-request-email",
            "remote-groups",
            "x-amzn-oidc-data",
            "x-envoy-original-path",
            "x-override-url",
            "x-http-destinationurl",
            "x-middleware-subrequest",
            "script-name",
            "path-info",
            "server-name",
            "request-method",
            "x-script-name",
        ] {
            assert!(is_claim(name), "{name}");
        }
    }

    #[test]
    fn what_clients_of_a_target_send_passes() {
        for name in [
            "accept",
            "cf-access-client-id",
            "content-type",
            "destination",
            "if-match",
            "origin",
            "proximity",
            "sec-websocket-key",
            "traceparent",
            "user-agent",
            "x-access-token",
            "x-amz-date",
            "x-amz-target",
            "x-api-key",
            "x-auth-token",
            "x-client-version",
            "x-csrf-token",
            "x-goog-api-key",
            "x-goog-user-project",
            "x-ms-version",
            "x-request-id",
            "x-requested-with",
            "x-user-id",
            "x-vault-token",
        ] {
            assert!(!is_claim(name), "{name}");
        }
    }

    #[test]
    fn no_family_begins_with_another_and_nothing_stands_twice() {
        let Lists { names, families } = &*LISTS;
        for (at, family) in families.iter().enumerate() {
            let others = families.iter().enumerate().filter(|(other, _)| *other != at);
            for (_, other) in others {
                assert!(!other.starts_with(family), "{other} {family}");
            }
            assert!(!names.iter().any(|name| name.starts_with(family)), "{family}");
        }
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
