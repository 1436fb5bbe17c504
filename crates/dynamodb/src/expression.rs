//! Expressions with placeholders for every name and value, so that nothing that is stored is ever read as an expression.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// The names and values that an expression uses.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Names {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Names {
    /// The placeholder of an attribute.
    pub(crate) fn name(&mut self, attribute: &str) -> String {
        if let Some((placeholder, _)) = self.names.iter().find(|(_, name)| *name == attribute) {
            return placeholder.clone();
        }
        let placeholder = format!("#{}", self.names.len());
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    /// The placeholder of a value.
    pub(crate) fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// `attribute = value`.
    pub(crate) fn equals(&mut self, attribute: &str, value: AttributeValue) -> String {
        format!("{} = {}", self.name(attribute), self.value(value))
    }

    /// The names as the SDK takes them: none is `None`.
    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        Some(self.names.clone()).filter(|names| !names.is_empty())
    }

    /// The values as the SDK takes them: none is `None`.
    pub(crate) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        Some(self.values.clone()).filter(|values| !values.is_empty())
    }
}
