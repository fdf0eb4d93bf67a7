//! One call of the admin API as the server parses it: method, path segments, query and JSON body, all strict.

use std::fmt;

use http::Method;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::IntoDeserializer;
use serde::de::value::MapDeserializer;
use zeroize::Zeroizing;

use crate::control::error::ApiError;
use crate::control::error::ErrorCode;
use crate::control::noun::event::EventSource;
use crate::domain::percent;

/// The version with which every path begins.
pub const VERSION: &str = "v1";

const VERSIONS: &str = "the gateway and the command line may be of different versions";

/// One call, before it is dispatched to a noun.
pub struct Call {
    /// The HTTP method.
    pub method: Method,
    /// The path below `/v1/`, percent-decoded segment by segment. The first segment is the noun.
    pub segments: Vec<String>,
    /// The query, percent-decoded, in order.
    pub query: Vec<(String, String)>,
    /// The body, wiped on drop: it may hold a secret. Empty if there was none.
    pub body: Zeroizing<Vec<u8>>,
    /// The `Last-Event-ID` header.
    pub last_event: Option<String>,
}

/// The answer of a noun.
pub enum Reply {
    /// One JSON value.
    Json(StatusCode, Vec<u8>),
    /// A long-lived stream of events.
    Events(Box<dyn EventSource>),
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the body, which may hold a secret.
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("segments", &self.segments)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// Parses method, path and query.
    ///
    /// # Errors
    /// `not_found` for a path that does not begin with `/v1/`, `bad_request` for invalid percent-encoding.
    pub fn read(method: Method, path: &str, query: &str) -> Result<Self, ApiError> {
        let unknown =
            || ApiError::new(ErrorCode::NotFound, "no such route: every path begins with /v1/ and a noun");
        let rest = path.strip_prefix('/').and_then(|path| path.split_once('/')).ok_or_else(unknown)?;
        let (VERSION, rest) = rest else { return Err(unknown()) };
        let segments = rest.split('/').map(percent::decode_text).collect::<Option<Vec<_>>>();
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((percent::decode_text(name)?, percent::decode_text(value)?))
        });
        match (segments, pairs.collect::<Option<Vec<_>>>()) {
            (Some(segments), Some(query)) => {
                Ok(Self { method, segments, query, body: Zeroizing::default(), last_event: None })
            }
            _ => Err(ApiError::new(ErrorCode::BadRequest, "the path or query has broken percent-encoding")),
        }
    }

    /// Returns the path segments, for matching.
    pub fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// Parses the body as the JSON that the route expects. Unknown and repeated members are refused.
    ///
    /// # Errors
    /// `bad_request` with the position; it repeats nothing of the body, which may hold a secret.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let problem = match error.classify() {
                serde_json::error::Category::Data => {
                    "a member is unknown, missing, repeated or of the wrong type"
                }
                serde_json::error::Category::Eof => "it ends early",
                serde_json::error::Category::Io | serde_json::error::Category::Syntax => "it is not JSON",
            };
            let (line, column) = (error.line(), error.column());
            let text = format!("the body cannot be read at line {line}, column {column}: {problem}");
            ApiError::new(ErrorCode::BadRequest, text)
        })
    }

    /// Parses the query as the parameters that the route expects. Unknown and repeated ones are refused.
    ///
    /// # Errors
    /// `bad_request` with the parameter.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let pairs = self.query.iter().map(|(name, value)| (name.as_str(), Parameter(value)));
        T::deserialize(MapDeserializer::new(pairs))
            .map_err(|error: serde::de::value::Error| ApiError::new(ErrorCode::BadRequest, error.to_string()))
    }

    /// Refuses a query on a route that takes none.
    ///
    /// # Errors
    /// `bad_request` if there is one.
    pub fn no_parameters(&self) -> Result<(), ApiError> {
        match self.query.first() {
            None => Ok(()),
            Some((name, _)) => {
                let text = format!("unknown parameter {name:?}: this route takes none");
                Err(ApiError::new(ErrorCode::BadRequest, text))
            }
        }
    }

    /// Parses an id in the path.
    ///
    /// # Errors
    /// `bad_request` with the expected form of the id.
    pub fn id<T: std::str::FromStr<Err: fmt::Display>>(&self, text: &str) -> Result<T, ApiError> {
        text.parse().map_err(|error: T::Err| ApiError::new(ErrorCode::BadRequest, error.to_string()))
    }

    /// Returns the error for a call that matches none of these routes. Each is a path, with `*` for any
    /// segment, and its methods, as in `Allow`; the first match decides between 404 and 405.
    pub fn unknown_among(&self, routes: &[(&str, &'static str)]) -> ApiError {
        let fits = |route: &str| {
            let mut words = route.split('/');
            self.segments.iter().all(|is| words.next().is_some_and(|word| word == "*" || word == is))
                && words.next().is_none()
        };
        let Some((_, takes)) = routes.iter().find(|(route, _)| fits(route)) else { return self.unknown() };
        let text = format!("this path takes {takes}, not {}", self.method);
        let error = ApiError::new(ErrorCode::BadRequest, text);
        ApiError { takes: Some(takes), ..error }.hint(VERSIONS)
    }

    /// Returns the error for a call that matches no route.
    pub fn unknown(&self) -> ApiError {
        let path: String = self.segments.join("/").chars().take(200).collect();
        ApiError::new(ErrorCode::NotFound, format!("no such route: {} /{VERSION}/{path:?}", self.method))
            .hint(VERSIONS)
    }
}

impl Reply {
    /// Returns a success with `value` as its body.
    ///
    /// # Errors
    /// `internal` if it cannot be serialized.
    pub fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        serde_json::to_vec(value).map(|body| Self::Json(StatusCode::OK, body)).map_err(|error| {
            ApiError::new(ErrorCode::Internal, format!("an answer cannot be written: {error}"))
        })
    }
}

/// One value of a query, which deserializes to whatever type the parameter has.
#[derive(Clone, Copy)]
struct Parameter<'a>(&'a str);

macro_rules! parse_as {
    ($($method:ident $visit:ident $type:ty)*) => {
        $(fn $method<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_not_one) => Err(serde::de::Error::invalid_value(serde::de::Unexpected::Str(self.0), &visitor)),
            }
        })*
    };
}

impl<'de> serde::Deserializer<'de> for Parameter<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: serde::de::Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    parse_as! {
        deserialize_bool visit_bool bool
        deserialize_i64 visit_i64 i64
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier ignored_any
    }
}

impl IntoDeserializer<'_> for Parameter<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Formats the members of `value` as a query with its `?`; members that are `null` are omitted.
pub fn query_of(value: &impl Serialize) -> String {
    let Ok(serde_json::Value::Object(members)) = serde_json::to_value(value) else { return String::new() };
    let mut query = String::new();
    for (name, value) in members {
        let text = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(&name);
        query.push('=');
        query.push_str(&percent::encoded(&text));
    }
    query
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        text: Option<String>,
        number: Option<u32>,
        flag: Option<bool>,
        kind: Option<crate::domain::principal::Kind>,
    }

    fn read(query: &str) -> Result<Filter, ApiError> {
        Call::read(Method::GET, "/v1/x", query)?.parameters()
    }

    proptest! {
        #[test]
        fn parameters_and_segments_survive_the_wire(text in ".*", number: Option<u32>, flag: Option<bool>, segment in ".*") {
            let filter = Filter { text: Some(text), number, flag, kind: Some(crate::domain::principal::Kind::App) };
            let query = query_of(&filter);
            prop_assert!(query.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(read(query.trim_start_matches('?')).unwrap(), filter);
            let path = format!("/v1/noun/{}", percent::encoded(&segment));
            let call = Call::read(Method::GET, &path, "").unwrap();
            prop_assert_eq!(call.path(), ["noun", segment.as_str()]);
        }

        #[test]
        fn no_path_or_query_panics(path in ".*", query in ".*") {
            drop(Call::read(Method::GET, &path, &query));
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for query in [
            "nope=1",
            "number=x",
            "number=-1",
            "flag=yes",
            "kind=king",
            "number=1&number=2",
            "text=%zz",
            "text=%ff",
        ] {
            assert_eq!(read(query).unwrap_err().code, ErrorCode::BadRequest, "{query}");
        }
        for path in ["", "/", "/v1", "/v2/x", "v1/x", "//v1/x"] {
            assert_eq!(Call::read(Method::GET, path, "").unwrap_err().code, ErrorCode::NotFound, "{path}");
        }
    }

    #[test]
    fn a_malformed_body_is_not_repeated() {
        let mut call = Call::read(Method::PUT, "/v1/x", "").unwrap();
        for body in [r#"{"text":"hunter2""#, r#"{"hunter2":1}"#, r#"{"number":"hunter2"}"#, "hunter2"] {
            call.body = Zeroizing::new(body.as_bytes().to_vec());
            let error = call.json::<Filter>().unwrap_err();
            assert_eq!(error.code, ErrorCode::BadRequest);
            assert!(!error.message.contains("hunter2"), "{}", error.message);
        }
    }
}
