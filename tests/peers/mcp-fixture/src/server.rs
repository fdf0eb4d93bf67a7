//! The server as the SDK sees it: one [`Fixture`] for each session, or for each request of a client without sessions, and
//! what all of them [`Shared`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, CompleteRequestParams,
    CompleteResult, GetPromptRequestParams, GetPromptResponse, GetPromptResult, GetTaskParams, GetTaskResult,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
    RequestStateCodec, ResourceUpdatedNotificationParam, ServerConfig, SetLevelRequestParams,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::task_manager::TaskManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::jobs::said;
use crate::lists::{Kind, Lists, PROMPTS, RESOURCES, TEMPLATES, TOOLS, complete, fill};
use crate::rounds::{Call, Settled, settle};
use crate::streams::Streams;

/// What the server tells those who listen.
#[derive(Clone)]
pub enum Change {
    /// The list of tools changed.
    Tools,
    /// The list of prompts changed.
    Prompts,
    /// The resource of that address changed.
    Resource(String),
}

/// What all sessions have in common.
pub struct Shared {
    /// What there is.
    pub lists: Lists,
    /// Whether the server is on its standard streams.
    pub stdio: bool,
    /// The streams of calls, for the tool that closes its own.
    pub streams: Arc<Streams>,
    /// Tasks that run or ran.
    pub tasks: TaskManager,
    /// Makes states that nobody else can make.
    pub seal: RequestStateCodec,
    /// How many calls were broken off.
    pub broken_off: AtomicU64,
    info: ServerConfig,
    changes: broadcast::Sender<Change>,
    tools_version: AtomicU64,
    prompts_version: AtomicU64,
    calls: Mutex<BTreeMap<String, u64>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// `page` is how many entries a page of a list has.
    ///
    /// # Errors
    ///
    /// What is built in does not fit the SDK.
    pub fn new(
        page: Option<usize>,
        stdio: bool,
        streams: Arc<Streams>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let info = serde_json::from_value(json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {
                "tools": { "listChanged": true },
                "prompts": { "listChanged": true },
                "resources": { "subscribe": true, "listChanged": true },
                "logging": {},
                "completions": {},
                "extensions": { "io.modelcontextprotocol/tasks": {} },
            },
            "serverInfo": { "name": "mcp-fixture", "version": env!("CARGO_PKG_VERSION") },
            "instructions": "A server for tests.",
        }))?;
        Ok(Self {
            lists: Lists::new(page)?,
            stdio,
            streams,
            tasks: TaskManager::new(),
            seal: RequestStateCodec::try_new(*b"a key of a server for tests only")?,
            broken_off: AtomicU64::new(0),
            info,
            changes: broadcast::channel(64).0,
            tools_version: AtomicU64::new(1),
            prompts_version: AtomicU64::new(1),
            calls: Mutex::default(),
        })
    }

    /// Counts a call that reached the server.
    pub fn count(&self, name: &str) {
        *lock(&self.calls).entry(name.to_owned()).or_default() += 1;
    }

    /// The calls that reached the server by tool, and how many were broken off.
    pub fn tally(&self) -> Value {
        json!({ "calls": *lock(&self.calls), "broken_off": self.broken_off.load(Ordering::Relaxed) })
    }

    /// Makes a change, tells it to those who listen, and says so.
    ///
    /// # Errors
    ///
    /// The answer cannot be made, which is a fault of this server.
    pub fn change(&self, change: Change) -> Result<CallToolResult, ErrorData> {
        match change {
            Change::Tools => self.tools_version.fetch_add(1, Ordering::Relaxed),
            Change::Prompts => self.prompts_version.fetch_add(1, Ordering::Relaxed),
            Change::Resource(_) => 0,
        };
        // An error means that nobody listens.
        let listeners = self.changes.send(change).unwrap_or(0);
        said(&format!("Told {listeners} that listen."))
    }

    fn page<T: serde::de::DeserializeOwned>(
        &self,
        kind: Kind,
        request: Option<PaginatedRequestParams>,
    ) -> Result<T, ErrorData> {
        let version = match kind.list {
            "tools" => self.tools_version.load(Ordering::Relaxed),
            _ => self.prompts_version.load(Ordering::Relaxed),
        };
        self.lists.page(kind, request.and_then(|request| request.cursor).as_deref(), version)
    }
}

/// One session.
pub struct Fixture {
    /// What all have in common.
    pub shared: Arc<Shared>,
    level: Mutex<LoggingLevel>,
    watched: Arc<Mutex<BTreeSet<String>>>,
}

impl Fixture {
    /// A session in which nothing was said yet.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, level: Mutex::new(LoggingLevel::Debug), watched: Arc::default() }
    }

    /// The least level that the client wants to see.
    pub fn level(&self) -> LoggingLevel {
        *lock(&self.level)
    }
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        self.shared.info.clone()
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.shared.lists.tool(name, self.shared.tools_version.load(Ordering::Relaxed))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.shared.page(TOOLS, request)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.shared.page(PROMPTS, request)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.shared.page(RESOURCES, request)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.shared.page(TEMPLATES, request)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.call(request, context).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let name = request.name.as_str();
        let Some(entry) = self.shared.lists.find(PROMPTS, name) else {
            return Err(ErrorData::invalid_params(format!("Unknown prompt: {name}"), None));
        };
        let mut known = Value::Object(request.arguments.unwrap_or_default());
        if let Some(rounds) = entry.get("rounds").and_then(Value::as_array) {
            let arguments = known.clone();
            let call = Call {
                name,
                arguments: &arguments,
                responses: request.input_responses,
                state: request.request_state,
            };
            match settle(&self.shared, rounds, call, &context).await? {
                Settled::Answers(answers) => known = answers,
                Settled::Asks(asks) => return Ok((*asks).into()),
                Settled::Cannot(why) => return Err(ErrorData::invalid_request(why, None)),
            }
        }
        Ok(complete::<GetPromptResult>(fill(entry.get("result").unwrap_or(&Value::Null), &known))?.into())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match self.shared.lists.read(&request.uri) {
            Some(result) => Ok(complete::<ReadResourceResult>(result)?.into()),
            None => {
                Err(ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": request.uri }))))
            }
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let all = ["paris", "park", "party", "123", "124"];
        let values: Vec<&str> =
            all.into_iter().filter(|value| value.starts_with(&request.argument.value)).collect();
        complete(json!({ "completion": { "values": values, "total": values.len(), "hasMore": false } }))
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        *lock(&self.level) = request.level;
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        lock(&self.watched).insert(request.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        lock(&self.watched).remove(&request.uri);
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        let mut changes = self.shared.changes.subscribe();
        let watched = self.watched.clone();
        tokio::spawn(async move {
            while let Ok(change) = changes.recv().await {
                let told = match change {
                    Change::Tools => context.peer.notify_tool_list_changed().await,
                    Change::Prompts => context.peer.notify_prompt_list_changed().await,
                    Change::Resource(uri) if lock(&watched).contains(&uri) => {
                        context.peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await
                    }
                    Change::Resource(_) => Ok(()),
                };
                if told.is_err() {
                    return;
                }
            }
        });
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.shared.changes.subscribe();
        let sink = context.sink();
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                () = context.cancelled() => return Ok(()),
            };
            // What the client did not ask for is an error of the sink, and so is a stream that is gone: the latter also
            // cancels.
            drop(match change {
                Ok(Change::Tools) => sink.notify_tool_list_changed().await,
                Ok(Change::Prompts) => sink.notify_prompt_list_changed().await,
                Ok(Change::Resource(uri)) => sink.notify_resource_updated(uri).await,
                Err(_) => return Ok(()),
            });
        }
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.shared.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.shared.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.shared.tasks.cancel_task(&request.task_id)
    }
}
