//! The Serverless Workflow DSL: typed model, parser and validator
