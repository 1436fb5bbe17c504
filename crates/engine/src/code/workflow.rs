//! A workflow written in Rust: its name and version, its description, and the function that it runs.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use aquifer_dsl::Document;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::builder::Builder;
use super::context::{Context, decode, encode};
use super::error::StepError;
use super::run::Function;
use crate::data::Data;
use crate::runtime::{Start, VersionRef, WorkflowRef};

/// A workflow written in Rust, that takes an `I` and gives an `O`. Cheap to clone.
///
/// Made by [`Workflow::builder`]; run by [`crate::Engine::run_code`] and [`crate::Engine::start_code`], or by name once
/// [`crate::Engine::register`] knows it.
pub struct Workflow<I, O> {
    pub(super) code: Arc<Code>,
    types: PhantomData<fn(I) -> O>,
}

impl Workflow<(), ()> {
    /// Begins a workflow called `name`: letters, digits and inner hyphens, at most 63.
    ///
    /// ```
    /// use aquifer_engine::code::{Context, Workflow};
    ///
    /// let greeting = Workflow::builder("greeting").version("1.2.0").function(|ctx: Context, name: String| async move {
    ///     ctx.step("greet", (), move || {
    ///         let text = format!("hello {name}");
    ///         async move { Ok(text) }
    ///     })
    ///     .await
    /// })?;
    /// # let _: Workflow<String, String> = greeting;
    /// # Ok::<(), aquifer_engine::code::BuildError>(())
    /// ```
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(name.into())
    }
}

impl<I, O> Workflow<I, O> {
    pub(super) fn new(code: Code) -> Self {
        Self { code: Arc::new(code), types: PhantomData }
    }

    /// The namespace of its name.
    pub fn namespace(&self) -> &str {
        &self.code.document.namespace
    }

    /// Its name within the namespace.
    pub fn name(&self) -> &str {
        &self.code.document.name
    }

    /// The version that it gives itself.
    pub fn version(&self) -> &str {
        &self.code.document.version
    }

    /// What is stored of it: its name, version and tags, and its steps where they are declared. A change of it makes a new
    /// version.
    pub fn description(&self) -> &Value {
        &self.code.description
    }

    /// A request to start it, to be given more before [`crate::Engine::start`] takes it, such as an idempotency key.
    ///
    /// # Errors
    /// If the input cannot be written as JSON.
    ///
    /// ```
    /// use aquifer_engine::Start;
    /// use aquifer_engine::code::{Context, Workflow};
    ///
    /// let echo = Workflow::builder("echo").function(|_: Context, n: u32| async move { Ok(n) })?;
    /// let request = Start { idempotency_key: Some("order-17".to_owned()), ..echo.request(&17)? };
    /// assert_eq!(request.input, 17);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request(&self, input: &I) -> Result<Start, serde_json::Error>
    where
        I: Serialize,
    {
        Ok(Start {
            workflow: WorkflowRef::Name { namespace: self.namespace().to_owned(), name: self.name().to_owned() },
            version: VersionRef::Latest,
            input: serde_json::to_value(input)?,
            idempotency_key: None,
            tags: None,
            user_id: None,
        })
    }
}

impl<I, O> Clone for Workflow<I, O> {
    fn clone(&self) -> Self {
        Self { code: Arc::clone(&self.code), types: PhantomData }
    }
}

impl<I, O> fmt::Debug for Workflow<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.code, f)
    }
}

/// What a workflow runs, its types forgotten.
type Run = Box<dyn Fn(Context, Data) -> Function + Send + Sync>;

/// A workflow, its types forgotten.
pub(super) struct Code {
    pub(super) document: Document,
    pub(super) description: Value,
    pub(super) source: String,
    run: Run,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Document { namespace, name, version, .. } = &self.document;
        write!(f, "Workflow({namespace}/{name} {version})")
    }
}

impl Code {
    /// `steps` describes the steps where they are declared.
    pub(super) fn new(document: Document, steps: Option<Vec<Value>>, run: Run) -> Self {
        let mut head = Map::new();
        for (member, value) in [
            ("namespace", Some(json!(document.namespace))),
            ("name", Some(json!(document.name))),
            ("version", Some(json!(document.version))),
            ("title", document.title.as_ref().map(|title| json!(title))),
            ("tags", (!document.tags.is_empty()).then(|| json!(document.tags))),
        ] {
            if let Some(value) = value {
                head.insert(member.to_owned(), value);
            }
        }
        let mut description = Map::new();
        description.insert("document".to_owned(), Value::Object(head));
        description.insert("language".to_owned(), json!("rust"));
        if let Some(steps) = steps {
            description.insert("steps".to_owned(), Value::Array(steps));
        }
        let description = Value::Object(description);
        Self { document, source: description.to_string(), description, run }
    }

    /// The workflow function at its beginning.
    pub(super) fn function(&self, context: Context, input: Data) -> Function {
        (self.run)(context, input)
    }
}

/// Forgets the types of a workflow function.
pub(super) fn erase<I, O, F, R>(function: F) -> Run
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + 'static,
    F: Fn(Context, I) -> R + Send + Sync + 'static,
    R: Future<Output = Result<O, StepError>> + Send + 'static,
{
    let function = Arc::new(function);
    Box::new(move |context, input| {
        let function = Arc::clone(&function);
        Box::pin(async move {
            let input = decode::<I>(&input).map_err(|error| {
                let wanted = type_name::<I>();
                StepError::problem(aquifer_dsl::Problem::validation(format!(
                    "the input does not read as {wanted}: {error}"
                )))
            })?;
            encode(&function(context, input).await?)
        })
    })
}
