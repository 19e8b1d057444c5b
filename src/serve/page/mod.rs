//! `GET /`: one page that shows the ranking live. It reads the API like anyone else.
//!
//! Invariant: the page loads nothing from elsewhere, and runs no script but its own, whatever the
//! names in the data are.

use std::fmt::Write as _;

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::problem::Problem;

pub(super) const PATH: &str = "/";

const PAGE: &str = include_str!("index.html");
/// Where the page expects the nonce that the policy names.
const PLACE: &str = "{{nonce}}";

pub(super) async fn page() -> Result<Response, Problem> {
    let nonce = nonce().map_err(|error| {
        tracing::error!(%error, "no randomness for the page");
        Problem::internal()
    })?;
    let policy = HeaderValue::try_from(policy(&nonce)).map_err(|_invalid| Problem::internal())?;
    let mut response = Html(PAGE.replace(PLACE, &nonce)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

fn nonce() -> Result<String, getrandom::Error> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)?;
    Ok(random.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes all that is written");
        hex
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::serve::routes::PATHS;

    #[test]
    fn the_page_asks_for_what_there_is() {
        let asked = PAGE.split("\"/api").skip(1);
        let asked = asked.map(|rest| rest.split(['"', '?']).next().unwrap_or_default());
        let asked: BTreeSet<String> = asked.map(|path| format!("/api{path}")).collect();
        assert!(asked.contains("/api/v1/events") && asked.len() >= 5, "{asked:?}");
        for path in asked {
            assert!(PATHS.contains(&&*path), "{path}");
        }
    }

    #[test]
    fn the_page_is_self_contained_and_sets_only_text() {
        assert_eq!(PAGE.matches(PLACE).count(), 2, "one style, one script");
        for forbidden in ["http://", "https://", "innerHTML", "outerHTML", "insertAdjacentHTML"] {
            let but_namespace = PAGE.replace("http://www.w3.org/2000/svg", "");
            assert!(!but_namespace.contains(forbidden), "{forbidden}");
        }
        for forbidden in ["document.write", "eval(", " onclick", " style=\"", "srcset"] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
    }
}
