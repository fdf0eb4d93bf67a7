//! The known member names, and names that look like them. (JSON-RPC 2.0, sections 4 and 5; MCP 2026-07-28,
//! `schema.ts`.)

use crate::domain::json::Json;

/// Member names of one place in a message.
pub trait Names: Copy + PartialEq + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// Returns the name as it is written.
    fn name(self) -> &'static str;
}

/// The result of looking up a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<F> {
    /// The name is this one.
    Exactly(F),
    /// The name is another one, but some readers take it for this one.
    Lookalike(F),
    /// The name is neither.
    No,
}

/// Looks up an unescaped member name.
///
/// Some readers match names without case (Go's `encoding/json`, by Unicode's simple folding, in which `ſ` is
/// an `s` and the Kelvin sign a `k`), take `task_id` for `taskId` or `meta` for `_meta` (models that are
/// populated by field name), or end a name at a NUL. A name that such a reader would take for a known one is
/// a lookalike.
pub fn look_up<F: Names>(name: &str) -> Known<F> {
    if let Some(field) = F::ALL.iter().find(|field| field.name() == name) {
        return Known::Exactly(*field);
    }
    match F::ALL.iter().find(|field| folded(field.name()).eq(folded(name))) {
        Some(field) => Known::Lookalike(*field),
        None => Known::No,
    }
}

/// Whether a member of an object is none of these but may be taken for one.
pub fn has_lookalike<F: Names>(object: &Json) -> bool {
    let Json::Object(members) = object else { return false };
    members.iter().any(|(name, _)| matches!(look_up::<F>(name), Known::Lookalike(_)))
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().take_while(|c| *c != '\0').filter(|c| !matches!(c, '_' | '-')).map(|c| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        // Not folded by Go, but by readers that convert both sides to upper or lower case.
        'ı' | 'İ' => 'i',
        _ => c.to_ascii_lowercase(),
    })
}

macro_rules! names {
    ($(#[$about:meta])* $enum:ident { $($(#[$doc:meta])* $field:ident = $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $enum {
            $(#[doc = concat!("`", $name, "`.")] $(#[$doc])* $field,)*
        }

        impl Names for $enum {
            const ALL: &'static [Self] = &[$(Self::$field),*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$field => $name,)*
                }
            }
        }
    };
}

names! {
    /// Members of the message itself.
    Top {
        Version = "jsonrpc",
        Id = "id",
        Method = "method",
        Params = "params",
        Result = "result",
        Error = "error",
    }
}

names! {
    /// Members of `params`.
    Param {
        /// The name of a tool or prompt; always a string.
        Name = "name",
        /// The URI of a resource; always a string.
        Uri = "uri",
        /// The id of a task; always a string.
        TaskId = "taskId",
        /// The arguments for a tool or prompt.
        Arguments = "arguments",
        /// The request that is cancelled; always an id.
        RequestId = "requestId",
        /// The prompt or resource whose argument is completed; read further as [`RefField`].
        Ref = "ref",
        /// The argument that is completed.
        Argument = "argument",
        /// The page of a list; always a string.
        Cursor = "cursor",
        /// The target's state of a request that needs input; always a string.
        RequestState = "requestState",
        /// The client's answers to input requests.
        InputResponses = "inputResponses",
        /// The metadata, always an object; read further as [`Meta`].
        Meta = "_meta",
        /// The token of `notifications/progress`; always an id.
        ProgressToken = "progressToken",
        /// The options of a call that should run as a task (2025-11-25).
        Task = "task",
        /// The level of `logging/setLevel`.
        Level = "level",
        /// The notifications that a subscription asks for.
        Notifications = "notifications",
        /// The version that `initialize` proposes.
        ProtocolVersion = "protocolVersion",
        /// The capabilities that `initialize` declares.
        Capabilities = "capabilities",
        /// The client's name in `initialize`.
        ClientInfo = "clientInfo",
    }
}

names! {
    /// Members of `_meta`, in `params` or in `result`.
    Meta {
        /// Where to report progress; always an id.
        ProgressToken = "progressToken",
        /// The version of the protocol; always a string.
        ProtocolVersion = "io.modelcontextprotocol/protocolVersion",
        ClientCapabilities = "io.modelcontextprotocol/clientCapabilities",
        ClientInfo = "io.modelcontextprotocol/clientInfo",
        /// The id of the request `subscriptions/listen`; always an id.
        SubscriptionId = "io.modelcontextprotocol/subscriptionId",
        LogLevel = "io.modelcontextprotocol/logLevel",
        RelatedTask = "io.modelcontextprotocol/related-task",
    }
}

names! {
    /// Members of `params.ref`.
    RefField {
        /// `ref/prompt` or `ref/resource`.
        Type = "type",
        /// The name of a prompt; always a string.
        Name = "name",
        /// The URI of a resource or template; always a string.
        Uri = "uri",
    }
}

names! {
    /// Members of `result`. They may have any shape, except `_meta`.
    ResultField {
        /// The metadata, always an object; read further as [`Meta`].
        Meta = "_meta",
        Type = "resultType",
        IsError = "isError",
        Content = "content",
        StructuredContent = "structuredContent",
        Contents = "contents",
        Messages = "messages",
        Completion = "completion",
        Tools = "tools",
        Prompts = "prompts",
        Resources = "resources",
        ResourceTemplates = "resourceTemplates",
        NextCursor = "nextCursor",
        CacheScope = "cacheScope",
        TtlMs = "ttlMs",
        InputRequests = "inputRequests",
        RequestState = "requestState",
        Task = "task",
        TaskId = "taskId",
        ProtocolVersion = "protocolVersion",
        SupportedVersions = "supportedVersions",
        Capabilities = "capabilities",
        ServerInfo = "serverInfo",
        Instructions = "instructions",
    }
}

names! {
    /// Members of `error`.
    ErrorField {
        /// The code, always a whole number.
        Code = "code",
        /// The message, always a string.
        Message = "message",
        Data = "data",
    }
}

names! {
    /// Members of what is said of a task, in its result or a notification.
    TaskField {
        /// What is asked of its client.
        InputRequests = "inputRequests",
        /// What came of it.
        Result = "result",
    }
}

names! {
    /// Members of the data of an error that sends a person to pages (2025-11-25).
    PageField {
        Elicitations = "elicitations",
    }
}

names! {
    /// Members of the parameters of `elicitation/create`.
    ElicitField {
        Mode = "mode",
        Message = "message",
        RequestedSchema = "requestedSchema",
        Url = "url",
        ElicitationId = "elicitationId",
    }
}

names! {
    /// Members of an element of a list.
    ElementField {
        /// The name, always present and a string.
        Name = "name",
        Title = "title",
        Description = "description",
        /// The URI of a resource, always present and a string.
        Uri = "uri",
        /// The URI template of a resource template, always present and a string.
        UriTemplate = "uriTemplate",
        MimeType = "mimeType",
        InputSchema = "inputSchema",
        OutputSchema = "outputSchema",
        Annotations = "annotations",
        Arguments = "arguments",
        Icons = "icons",
        Execution = "execution",
        Meta = "_meta",
    }
}

names! {
    /// Members of a tool's `annotations`.
    Hint {
        ReadOnly = "readOnlyHint",
        Destructive = "destructiveHint",
        Idempotent = "idempotentHint",
        OpenWorld = "openWorldHint",
    }
}
