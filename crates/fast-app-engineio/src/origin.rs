//! Which web pages may connect.

use http::{HeaderMap, HeaderValue, header};

/// The origins whose pages may open sessions.
///
/// A browser sends an `Origin` header with cross-site requests and with every WebSocket; other clients send none and are
/// not concerned, since a page cannot make them act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages of the host that the request names (`Host`), and no others.
    #[default]
    SameOrigin,
    /// Pages of the same host and of these origins (`https://app.example.org`), which may send cookies.
    List(Vec<String>),
    /// Pages of every origin, without credentials: `Cookie` and `Authorization` are taken away from every request of a page
    /// that is not of the same host, before anybody sees them.
    Any,
}

impl Origins {
    /// Whether a request with these headers may be served.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        if origins.next().is_some() {
            return false;
        }
        match self {
            Self::Any => true,
            Self::SameOrigin => same_origin(origin, headers),
            Self::List(list) => {
                list.iter()
                    .any(|allowed| allowed.as_bytes() == origin.as_bytes())
                    || same_origin(origin, headers)
            }
        }
    }

    /// Takes the credentials away that a page must not make use of: a browser sends cookies with every WebSocket, whoever
    /// opens it.
    pub(crate) fn refuse_credentials(&self, headers: &mut HeaderMap) {
        let foreign = |origin| !same_origin(origin, headers);
        if *self == Self::Any && headers.get(header::ORIGIN).is_some_and(foreign) {
            headers.remove(header::COOKIE);
            headers.remove(header::AUTHORIZATION);
        }
    }

    /// Adds the CORS headers that let the page read the response.
    pub(crate) fn annotate(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        let Some(origin) = origin else { return };
        match self {
            Self::Any => {
                response.insert(
                    header::ACCESS_CONTROL_ALLOW_ORIGIN,
                    HeaderValue::from_static("*"),
                );
            }
            Self::SameOrigin | Self::List(_) => {
                response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                response.insert(
                    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                    HeaderValue::from_static("true"),
                );
                response.append(header::VARY, HeaderValue::from_static("Origin"));
            }
        }
    }
}

/// `*` alone means every origin; an empty list means the same origin.
impl<S: Into<String>> FromIterator<S> for Origins {
    fn from_iter<I: IntoIterator<Item = S>>(origins: I) -> Self {
        let list: Vec<String> = origins
            .into_iter()
            .map(|origin| origin.into().trim().trim_end_matches('/').to_owned())
            .filter(|origin| !origin.is_empty())
            .collect();
        match list.as_slice() {
            [] => Self::SameOrigin,
            [only] if only == "*" => Self::Any,
            _ => Self::List(list),
        }
    }
}

impl<S: Into<String>> From<Vec<S>> for Origins {
    fn from(origins: Vec<S>) -> Self {
        origins.into_iter().collect()
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Origins {
    fn from(origins: [S; N]) -> Self {
        origins.into_iter().collect()
    }
}

impl From<&str> for Origins {
    fn from(origins: &str) -> Self {
        origins.split(',').collect()
    }
}

/// Host and port of the origin are those of the request. The scheme cannot be compared: TLS ends before us.
fn same_origin(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let authority = origin.to_str().ok().and_then(|origin| {
        let (scheme, authority) = origin.split_once("://")?;
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        Some((authority, default_port))
    });
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let (Some((authority, default_port)), Some(host)) = (authority, host) else {
        return false;
    };
    let bare = |name: &str| {
        name.strip_suffix(default_port)
            .unwrap_or(name)
            .to_ascii_lowercase()
    };
    bare(authority) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(origins: &Origins, origin: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("app.example.org"));
        headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        origins.allow(&headers)
    }

    #[test]
    fn only_pages_of_the_same_host_by_default() {
        let origins = Origins::default();
        assert!(origins.allow(&HeaderMap::new()), "no origin: no browser");
        for (origin, want) in [
            ("https://app.example.org", true),
            ("https://APP.example.org", true),
            ("http://app.example.org:80", true),
            ("https://app.example.org:444", false),
            ("https://sub.app.example.org", false),
            ("https://app.example.org.evil.com", false),
            ("https://evil.com", false),
            ("file://app.example.org", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(allow(&origins, origin), want, "{origin}");
        }
    }

    #[test]
    fn a_list_is_compared_whole() {
        let origins = Origins::from(["https://good.org", "https://other.org/"]);
        for (origin, want) in [
            ("https://good.org", true),
            ("https://other.org", true),
            ("https://good.org.evil.com", false),
            ("http://good.org", false),
            ("https://good.org:8443", false),
            ("https://app.example.org", true),
            ("null", false),
        ] {
            assert_eq!(allow(&origins, origin), want, "{origin}");
        }
    }

    #[test]
    fn empty_means_same_origin_and_a_star_means_any() {
        assert_eq!(Origins::from(Vec::<String>::new()), Origins::SameOrigin);
        assert_eq!(Origins::from(""), Origins::SameOrigin);
        assert_eq!(Origins::from("*"), Origins::Any);
        assert!(allow(&Origins::Any, "https://evil.com"));
    }

    #[test]
    fn any_origin_gets_no_credentials() {
        let origin = HeaderValue::from_static("https://evil.com");
        let mut headers = HeaderMap::new();
        Origins::Any.annotate(Some(&origin), &mut headers);
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }
}
