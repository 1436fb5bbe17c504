//! Branches side by side, and a join that sees what each of them gave.
//!
//! Run it with `cargo run -p aquifer --example parallel_join`. Look at the type of the join's input: a tuple with the output of
//! every branch, and `None` for the branch that may fail.

use aquifer::OpenOptions;
use aquifer::engine::code::{Context, StepError, Workflow, step};
use aquifer::engine::{DEFAULT_TENANT, Engine, EngineOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = aquifer::open("memory:", &OpenOptions::default()).await?;
    let engine = Engine::open(store, EngineOptions::default()).await?;
    let workflow = Workflow::builder("text-facts")
        .parallel((
            step("words", |_: Context, text: String| async move { Ok(text.split_whitespace().count()) }),
            step("longest", |_: Context, text: String| async move {
                Ok(text.split_whitespace().max_by_key(|word| word.len()).unwrap_or_default().to_owned())
            }),
            step("rating", |_: Context, _: String| async move {
                Err::<u8, _>(StepError::permanent("the rating service is gone"))
            })
            .continue_on_error(),
        ))
        .then(step("join", |_: Context, (words, longest, rating): (usize, String, Option<u8>)| async move {
            Ok(format!("{words} words, the longest is {longest:?}, rated {rating:?}"))
        }))
        .build()?;
    let text = "a workflow engine on the database you already have".to_owned();
    println!("{}", engine.run_code(&DEFAULT_TENANT.into(), &workflow, &text).await?);
    engine.shutdown().await;
    Ok(())
}
