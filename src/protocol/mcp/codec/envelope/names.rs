//! The member names that are read, and what looks like one of them. (JSON-RPC 2.0, sections 4 and 5; MCP 2026-07-28, `schema.ts`.)

/// Member names of one place in a message.
pub trait Names: Copy + PartialEq + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The name as it is written.
    fn name(self) -> &'static str;
}

/// A name that was looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<F> {
    /// It is this one.
    Exactly(F),
    /// It is another, but some readers take it for this one.
    Lookalike(F),
    /// It is neither.
    No,
}

/// Looks up a member name, unescaped.
///
/// Some readers match names without case (Go's `encoding/json`, by Unicode's simple folding, in which `ſ` is an `s` and the Kelvin sign a
/// `k`), take `task_id` for `taskId` or `meta` for `_meta` (models that are populated by field name), or end a name at a NUL. A name
/// that such a reader would take for a known one is a lookalike.
pub fn look_up<F: Names>(name: &str) -> Known<F> {
    if let Some(field) = F::ALL.iter().find(|field| field.name() == name) {
        return Known::Exactly(*field);
    }
    match F::ALL.iter().find(|field| folded(field.name()).eq(folded(name))) {
        Some(field) => Known::Lookalike(*field),
        None => Known::No,
    }
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().take_while(|c| *c != '\0').filter(|c| !matches!(c, '_' | '-')).map(|c| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        // Not by Go, but by readers that raise or lower both sides.
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
        /// Of a tool or prompt; in the text of a message always a string.
        Name = "name",
        /// Of a resource; always a string.
        Uri = "uri",
        /// Always a string.
        TaskId = "taskId",
        /// What a tool or prompt is called with.
        Arguments = "arguments",
        /// Which request is cancelled; always an id.
        RequestId = "requestId",
        /// What is completed; read further as [`RefField`].
        Ref = "ref",
        /// Which argument is completed.
        Argument = "argument",
        /// The page of a list; always a string.
        Cursor = "cursor",
        /// The target's own state of a request that needs input; always a string.
        RequestState = "requestState",
        /// What the client answers to input requests.
        InputResponses = "inputResponses",
        /// Always an object; read further as [`Meta`].
        Meta = "_meta",
        /// Of `notifications/progress`; always an id.
        ProgressToken = "progressToken",
        /// Of a call that is to run as a task (2025-11-25).
        Task = "task",
        /// Of `logging/setLevel`.
        Level = "level",
        /// What a subscription is to tell.
        Notifications = "notifications",
        /// Of `initialize`.
        ProtocolVersion = "protocolVersion",
        /// Of `initialize`.
        Capabilities = "capabilities",
        /// Of `initialize`.
        ClientInfo = "clientInfo",
    }
}

names! {
    /// Members of `_meta`, in `params` or in `result`.
    Meta {
        /// Always an id.
        ProgressToken = "progressToken",
        /// Always a string.
        ProtocolVersion = "io.modelcontextprotocol/protocolVersion",
        ClientCapabilities = "io.modelcontextprotocol/clientCapabilities",
        ClientInfo = "io.modelcontextprotocol/clientInfo",
        /// Always an id: that of the request `subscriptions/listen`.
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
        /// Of a prompt; always a string.
        Name = "name",
        /// Of a resource or template; always a string.
        Uri = "uri",
    }
}

names! {
    /// Members of `result`. Whatever they are, they may be of any shape, but for `_meta`.
    ResultField {
        /// Always an object; read further as [`Meta`].
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
        /// Always a whole number.
        Code = "code",
        /// Always a string.
        Message = "message",
        Data = "data",
    }
}

names! {
    /// Members of an element of a list.
    ElementField {
        /// Always there, and a string.
        Name = "name",
        Title = "title",
        Description = "description",
        /// Of a resource: always there, and a string.
        Uri = "uri",
        /// Of a template of resources: always there, and a string.
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
    /// Members of the `annotations` of a tool.
    Hint {
        ReadOnly = "readOnlyHint",
        Destructive = "destructiveHint",
        Idempotent = "idempotentHint",
        OpenWorld = "openWorldHint",
    }
}
