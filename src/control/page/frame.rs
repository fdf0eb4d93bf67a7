//! Common parts of all pages: the layout, the style sheet, and headers that prevent a browser from loading,
//! running or leaking anything.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderName;
use http::Response;
use http::StatusCode;
use http::header;
use http::header::HeaderValue;

use crate::control::page::html::Attribute;
use crate::control::page::html::Attribute::Own;
use crate::control::page::html::Html;
use crate::domain::id::ApprovalId;

/// The only style sheet. External texts keep the order of their characters, wrap instead of overflowing, and
/// paint nothing outside of their box, however many combining marks a letter has.
const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1rem; }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; border-bottom: 1px solid; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { opacity: .75; }
dd { margin: 0; }
.text { unicode-bidi: bidi-override; direction: ltr; white-space: pre-wrap; overflow-wrap: anywhere; overflow: hidden; }
.payload { font: 14px/1.5 ui-monospace, monospace; border: 2px solid; padding: .5rem .5rem .5rem 5rem; margin: 0; tab-size: 4; }
.payload .text { display: block; border-left: 1px dashed; padding-left: .75rem; min-height: 1.5em; font: inherit; }
.high, .no { font-weight: bold; }
form { margin: 1rem 0; } .decide form { border: 1px solid; padding: .75rem; max-width: 40rem; }
label { display: block; margin: .5rem 0; }
textarea, input { font: inherit; display: block; width: 100%; box-sizing: border-box; }
button { font: inherit; padding: .3rem 1rem; margin-right: .5rem; }
header form { margin: 0 0 0 auto; }
bdo { overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  dl { display: block; } dd { margin-bottom: .5rem; }
  .payload { padding-left: 4.5rem; }
}
";

/// Nothing is loaded or run; forms are only sent to the page itself; no other page can frame it.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// Returns a whole page. `inside`: its content, below the line that shows who is signed in.
pub(super) fn page(who: Option<(&str, &str)>, inside: impl FnOnce(&mut Html)) -> String {
    let mut html = Html::default();
    html.element("html", &[Own("lang", "en")], |html| {
        html.element("head", &[], |html| {
            html.empty("meta", &[Own("charset", "utf-8")]);
            let sized = "width=device-width, initial-scale=1";
            html.empty("meta", &[Own("name", "viewport"), Own("content", sized)]);
            // Never an external text: a tab shows only the title.
            html.element("title", &[], |html| html.text("hoopctl approval"));
            html.style(STYLE);
        });
        html.line();
        html.element("body", &[], |html| {
            html.element("header", &[], |html| {
                html.element("strong", &[], |html| html.text("hoopctl"));
                if let Some((name, form_key)) = who {
                    html.element("span", &[], |html| {
                        html.text("signed in as ");
                        html.element("bdo", &[Own("dir", "ltr")], |html| html.text(name));
                    });
                    let to = [Own("method", "post"), Own("action", "/sign-out")];
                    html.element("form", &to, |html| {
                        key(html, form_key);
                        button(html, "Sign out", &[]);
                    });
                }
            });
            html.line();
            html.element("main", &[], inside);
        });
    });
    html.document()
}

/// Writes the hidden field whose value no other page knows.
pub(super) fn key(html: &mut Html, form_key: &str) {
    html.empty("input", &[Own("type", "hidden"), Own("name", "key"), Attribute::Value(form_key)]);
}

/// Writes a button that submits its form.
pub(super) fn button(html: &mut Html, words: &'static str, attributes: &[Attribute<'_>]) {
    let attributes = [&[Own("type", "submit")], attributes].concat();
    html.element("button", &attributes, |html| html.text(words));
}

/// Returns a page with one message, and optionally a link to an approval. `others`: signing in as somebody
/// else may help.
pub(super) fn notice(title: &'static str, words: &str, next: Option<ApprovalId>, others: bool) -> String {
    page(None, |html| {
        html.element("h1", &[], |html| html.text(title));
        html.element("p", &[Own("class", "text")], |html| html.text(words));
        if let Some(id) = next {
            html.element("p", &[], |html| {
                html.element("a", &[Attribute::Approval("href", id)], |html| html.text("Open the approval"));
            });
            if others {
                html.element("p", &[], |html| {
                    let words = "Sign in as somebody else";
                    html.element("a", &[Attribute::Anew("href", id)], |html| html.text(words));
                });
            }
        }
    })
}

/// Returns a response with a page.
pub(super) fn answer(status: StatusCode, page: String) -> Response<Bytes> {
    let mut response = headed(status, Bytes::from(page));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}

/// Returns a redirect; a target that cannot be written in a header gives an error page.
pub(super) fn onward(status: StatusCode, to: &str) -> Response<Bytes> {
    let Ok(to) = HeaderValue::try_from(to) else {
        return answer(
            StatusCode::BAD_GATEWAY,
            notice("Not possible", "The way on cannot be written.", None, false),
        );
    };
    let mut response = headed(status, Bytes::new());
    response.headers_mut().insert(header::LOCATION, to);
    response
}

fn headed(status: StatusCode, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // With `no-referrer`, browsers would send `Origin: null` with the page's own forms (Fetch, "append a
    // request `Origin` header"), which are then refused. `same-origin` reveals nothing to other sites either.
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::try_from(POLICY.as_str()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
