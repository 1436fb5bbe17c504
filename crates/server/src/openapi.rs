//! The OpenAPI document, made from the routes themselves.

use std::sync::LazyLock;

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::{MEDIA_TYPE, Mistake, Problem, ProblemType};
use crate::routes::{self, Routes};

static TEXT: LazyLock<String> = LazyLock::new(|| {
    // Nothing in it has a form that JSON lacks.
    openapi().to_pretty_json().unwrap_or_default()
});

/// The document's JSON text, made once.
pub(crate) fn text() -> &'static str {
    &TEXT
}

/// The routes under `/api/v1` with what they say about themselves.
pub(crate) fn documented() -> Routes {
    let info = InfoBuilder::new()
        .title("Aquifer")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("A durable workflow engine that runs on the database you already have."))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    let nouns = Routes::new()
        .merge(routes::workflows::routes())
        .merge(routes::versions::routes())
        .merge(routes::executions::routes())
        .merge(routes::start::routes())
        .merge(routes::control::routes())
        .merge(routes::events::routes())
        .merge(routes::steps::routes())
        .merge(routes::trail::routes())
        .merge(routes::payloads::routes());
    Routes::with_openapi(OpenApiBuilder::new().info(info).build()).nest("/api/v1", nouns)
}

/// The OpenAPI document of the server.
pub fn openapi() -> OpenApi {
    let mut document = documented().into_openapi();
    let components = document.components.get_or_insert_default();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    components.schemas.insert(Mistake::name().into_owned(), Mistake::schema());
    components.schemas.insert(ProblemType::name().into_owned(), ProblemType::schema());
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        // Every route may answer with a problem; saying it once here keeps it true of the routes to come.
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let problem = ResponseBuilder::new().description("A problem.").content(MEDIA_TYPE, content).build();
        operation.responses.responses.insert("default".to_owned(), RefOr::T(problem));
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}
