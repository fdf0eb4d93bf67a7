//! Which members of which messages the protocol needs unchanged, and which are texts.
//!
//! Specification: <https://modelcontextprotocol.io/specification>, all versions up to 2026-07-28.

/// The sender of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client.
    Client,
    /// The target.
    Target,
}

/// The method of a request or notification, if its messages have a structure of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Cancelled,
    Complete,
    Elicitation,
    ElicitationDone,
    Initialize,
    Logging,
    Other,
    Progress,
    PromptsGet,
    PromptsList,
    ResourcesList,
    ResourcesRead,
    ResourceUpdated,
    Roots,
    Sampling,
    Tasks,
    TaskStatus,
    ToolsCall,
    ToolsList,
}

impl Verb {
    pub(super) fn of(method: &str) -> Self {
        match method {
            "completion/complete" => Self::Complete,
            "elicitation/create" => Self::Elicitation,
            "initialize" | "server/discover" => Self::Initialize,
            "notifications/cancelled" => Self::Cancelled,
            "notifications/elicitation/complete" => Self::ElicitationDone,
            "notifications/message" => Self::Logging,
            "notifications/progress" => Self::Progress,
            "notifications/resources/updated" => Self::ResourceUpdated,
            "notifications/tasks" | "notifications/tasks/status" => Self::TaskStatus,
            "prompts/get" => Self::PromptsGet,
            "prompts/list" => Self::PromptsList,
            "resources/list" | "resources/templates/list" => Self::ResourcesList,
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Self::ResourcesRead,
            "roots/list" => Self::Roots,
            "sampling/createMessage" => Self::Sampling,
            "tasks/cancel" | "tasks/get" | "tasks/list" | "tasks/update" => Self::Tasks,
            "tools/call" | "tasks/result" => Self::ToolsCall,
            "tools/list" => Self::ToolsList,
            _ => Self::Other,
        }
    }
}

/// The role of a place in a message. An array has the place of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Argument,
    Completion,
    Content,
    /// Anything: members are masked by their names, strings by their shapes.
    Data,
    Error,
    InputRequests,
    InputResponses,
    /// Unchanged.
    Keep,
    /// A short text that may also be masked by the name of its member.
    Label,
    /// A message of this side, or the response to that method.
    Message(Side, Verb),
    Meta,
    Params(Side, Verb),
    Party,
    Prompt,
    Reference,
    RequestMeta,
    /// A request to the client in a result.
    Request,
    Resource,
    /// A response to the target in a request. `true`: to an elicitation with fields.
    Response(bool),
    Result(Verb),
    /// A JSON Schema. `true`: its choices are values too.
    Schema(bool),
    /// Schemas by the names of their fields.
    Fields(bool),
    /// Schemas by other names.
    Definitions(bool),
    /// Values of a field in a schema.
    Values(bool),
    Structured,
    Task,
    /// A text, which stays one.
    Text,
    Tool,
    Turn,
    /// Values of the argument that is completed.
    Completed,
    /// A word or number of the protocol, masked by its shape only.
    Word,
}

impl Place {
    /// Returns whether a string must stay a string, and a number a number.
    pub(super) fn is_typed(self) -> bool {
        !matches!(self, Self::Data | Self::Structured | Self::Meta | Self::RequestMeta)
    }

    /// Returns the place of a member. `None`: it is data, and its name may be that of a field.
    pub(super) fn member(self, name: &str) -> Option<Self> {
        match self {
            Self::Message(..) => match name {
                "jsonrpc" | "id" | "method" => Some(Self::Keep),
                "error" => Some(Self::Error),
                _ => None,
            },
            Self::Params(side, verb) => params(side, verb, name),
            Self::Result(verb) => result(verb, name),
            Self::Error => match name {
                "code" => Some(Self::Word),
                "message" => Some(Self::Text),
                _ => None,
            },
            Self::InputRequests => Some(Self::Request),
            Self::InputResponses => Some(Self::Response(false)),
            Self::Request => (name == "method").then_some(Self::Keep),
            Self::Response(has_fields) => match name {
                "action" | "role" | "model" | "stopReason" => Some(Self::Word),
                "content" if !has_fields => Some(Self::Content),
                _ => meta(name),
            },
            Self::Meta => match name {
                "io.modelcontextprotocol/subscriptionId" => Some(Self::Keep),
                "io.modelcontextprotocol/related-task" => Some(Self::Task),
                "io.modelcontextprotocol/serverInfo" => Some(Self::Party),
                _ => None,
            },
            Self::RequestMeta => match name {
                "progressToken" | "io.modelcontextprotocol/subscriptionId" => Some(Self::Keep),
                "io.modelcontextprotocol/related-task" => Some(Self::Task),
                "io.modelcontextprotocol/protocolVersion" | "io.modelcontextprotocol/logLevel" => {
                    Some(Self::Word)
                }
                "io.modelcontextprotocol/clientInfo" => Some(Self::Party),
                _ => None,
            },
            Self::Task => task(name),
            Self::Argument | Self::Reference => match name {
                "type" | "uri" => Some(Self::Word),
                "name" => Some(Self::Keep),
                "title" => Some(Self::Label),
                _ => None,
            },
            Self::Completion => match name {
                "values" => Some(Self::Completed),
                "total" | "hasMore" => Some(Self::Word),
                _ => None,
            },
            Self::Schema(live) => Some(schema(name, live)),
            Self::Fields(live) | Self::Definitions(live) => Some(Self::Schema(live)),
            _ => item(self, name),
        }
    }
}

fn meta(name: &str) -> Option<Place> {
    (name == "_meta").then_some(Place::Meta)
}

/// Returns the members of list elements.
#[expect(clippy::match_same_arms, reason = "a table by who has the member, not by what it is")]
fn item(place: Place, name: &str) -> Option<Place> {
    let known = match (place, name) {
        (Place::Content | Place::Resource, "text") => Place::Text,
        (Place::Content, "resource") => Place::Resource,
        (Place::Content | Place::Turn, "content") => Place::Content,
        (Place::Content, "type" | "mimeType" | "role" | "uri" | "size" | "id" | "toolUseId" | "isError")
        | (Place::Resource, "uri" | "uriTemplate" | "mimeType" | "size")
        | (Place::Party, "version" | "websiteUrl")
        | (Place::Prompt, "required")
        | (Place::Turn, "role") => Place::Word,
        (Place::Content | Place::Resource | Place::Party, "name" | "title" | "description") => Place::Label,
        (Place::Prompt | Place::Tool, "name") => Place::Keep,
        (Place::Prompt | Place::Tool, "title" | "description") => Place::Text,
        (Place::Prompt, "arguments") => Place::Prompt,
        (Place::Tool, "inputSchema" | "outputSchema") => Place::Schema(false),
        (Place::Content | Place::Resource | Place::Prompt | Place::Tool | Place::Turn, "_meta") => {
            Place::Meta
        }
        _ => return None,
    };
    Some(known)
}

fn task(name: &str) -> Option<Place> {
    Some(match name {
        "taskId" | "requestState" => Place::Keep,
        "status" | "createdAt" | "lastUpdatedAt" | "ttl" | "ttlMs" | "pollInterval" | "pollIntervalMs"
        | "resultType" | "keepAlive" | "pollFrequency" => Place::Word,
        "statusMessage" => Place::Text,
        "result" => Place::Result(Verb::ToolsCall),
        "error" => Place::Error,
        "inputRequests" => Place::InputRequests,
        "inputResponses" => Place::InputResponses,
        "task" | "tasks" => Place::Task,
        _ => return meta(name),
    })
}

#[expect(clippy::match_same_arms, reason = "a table by who has the member, not by what it is")]
fn result(verb: Verb, name: &str) -> Option<Place> {
    let known = match (verb, name) {
        (_, "resultType" | "ttlMs" | "cacheScope") => Place::Word,
        (_, "requestState") => Place::Keep,
        (_, "inputRequests") => Place::InputRequests,
        (Verb::ToolsCall, "content") => Place::Content,
        (Verb::ToolsCall, "structuredContent") => Place::Structured,
        (Verb::ToolsCall, "isError") => Place::Word,
        // A result by itself contains none of these.
        (Verb::ToolsCall, "result" | "error" | "tasks" | "inputResponses") => return None,
        (Verb::ToolsList, "tools") => Place::Tool,
        (Verb::PromptsList, "prompts") => Place::Prompt,
        (Verb::ResourcesList, "resources" | "resourceTemplates")
        | (Verb::ResourcesRead, "contents")
        | (Verb::Roots, "roots") => Place::Resource,
        (Verb::ToolsList | Verb::PromptsList | Verb::ResourcesList | Verb::Tasks, "nextCursor") => {
            Place::Keep
        }
        (Verb::PromptsGet, "description") | (Verb::Initialize, "instructions") => Place::Text,
        (Verb::PromptsGet, "messages") => Place::Turn,
        (Verb::Complete, "completion") => Place::Completion,
        (Verb::Initialize, "protocolVersion" | "supportedVersions") => Place::Word,
        (Verb::Initialize, "serverInfo") => Place::Party,
        (Verb::Sampling, "role" | "model" | "stopReason") | (Verb::Elicitation, "action") => Place::Word,
        (Verb::Sampling, "content") => Place::Content,
        (Verb::ToolsCall | Verb::Sampling | Verb::Elicitation | Verb::Tasks, _) => return task(name),
        _ => return meta(name),
    };
    Some(known)
}

#[expect(clippy::match_same_arms, reason = "a table by who has the member, not by what it is")]
fn params(side: Side, verb: Verb, name: &str) -> Option<Place> {
    let known = match (side, verb, name) {
        (_, _, "_meta") => Place::RequestMeta,
        (_, Verb::Progress, "progressToken") | (_, Verb::Cancelled, "requestId") => Place::Keep,
        (_, Verb::Progress, "progress" | "total") => Place::Word,
        (_, Verb::Progress, "message") | (_, Verb::Cancelled, "reason") => Place::Text,
        (Side::Client, Verb::ToolsCall | Verb::PromptsGet, "name") => Place::Keep,
        (Side::Client, _, "inputResponses") => Place::InputResponses,
        (Side::Client, _, "requestState" | "cursor" | "taskId") => Place::Keep,
        (Side::Client, Verb::Complete, "ref") => Place::Reference,
        (Side::Client, Verb::Complete, "argument") => Place::Argument,
        (Side::Client, Verb::Initialize, "protocolVersion") => Place::Word,
        (Side::Client, Verb::Initialize, "clientInfo") => Place::Party,
        (_, Verb::ResourcesRead | Verb::ResourceUpdated, "uri") => Place::Word,
        (_, _, "task") => Place::Task,
        (Side::Target, Verb::Sampling, "messages") => Place::Turn,
        (Side::Target, Verb::Sampling, "systemPrompt") => Place::Text,
        (Side::Target, Verb::Sampling, "tools") => Place::Tool,
        (Side::Target, Verb::Sampling, "maxTokens" | "temperature" | "includeContext") => Place::Word,
        (Side::Target, Verb::Elicitation, "mode" | "url") => Place::Word,
        (Side::Target, Verb::Elicitation, "message") => Place::Text,
        (Side::Target, Verb::Elicitation, "requestedSchema") => Place::Schema(true),
        (Side::Target, Verb::Elicitation | Verb::ElicitationDone, "elicitationId") => Place::Keep,
        (Side::Target, Verb::Logging, "level") => Place::Word,
        (Side::Target, Verb::Logging, "logger") => Place::Label,
        (Side::Target, Verb::TaskStatus, _) => return task(name),
        _ => return None,
    };
    Some(known)
}

/// Returns the keywords of JSON Schema, all drafts.
fn schema(name: &str, live: bool) -> Place {
    match name {
        "properties" => Place::Fields(live),
        "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => Place::Definitions(live),
        "items"
        | "prefixItems"
        | "additionalItems"
        | "unevaluatedItems"
        | "contains"
        | "additionalProperties"
        | "unevaluatedProperties"
        | "propertyNames"
        | "allOf"
        | "anyOf"
        | "oneOf"
        | "not"
        | "if"
        | "then"
        | "else" => Place::Schema(live),
        "enum" | "const" | "enumNames" => Place::Values(live),
        "title" | "description" | "$comment" => Place::Text,
        "type" | "format" | "pattern" | "$ref" | "$id" | "$schema" | "$anchor" | "$dynamicRef"
        | "$dynamicAnchor" => Place::Keep,
        "required" | "dependentRequired" | "minimum" | "maximum" | "exclusiveMinimum"
        | "exclusiveMaximum" | "multipleOf" | "minLength" | "maxLength" | "minItems" | "maxItems"
        | "uniqueItems" | "minProperties" | "maxProperties" | "minContains" | "maxContains"
        | "contentEncoding" | "contentMediaType" => Place::Word,
        // `default`, `examples`, and unknown keywords.
        _ => Place::Values(true),
    }
}
