//! Transactions that must wait for each other.

use std::collections::HashMap;

use crate::transaction::Transaction;

/// A transaction with its place among those of the call.
pub(crate) type Placed = (usize, Transaction);

/// Splits the transactions of one call so that those of one wave touch different records; a layer that does more with a
/// transaction than pass it on finishes one wave before the next, and so keeps the order that the contract promises.
pub(crate) fn waves(transactions: Vec<Transaction>) -> Vec<Vec<Placed>> {
    if transactions.len() == 1 {
        return vec![transactions.into_iter().enumerate().collect()];
    }
    let mut waves: Vec<Vec<Placed>> = Vec::new();
    // For each record the first wave that may touch it again.
    let mut free: HashMap<String, usize> = HashMap::new();
    for (place, transaction) in transactions.into_iter().enumerate() {
        let keys: Vec<String> =
            transaction.operations.iter().map(|operation| format!("{:?}", operation.key())).collect();
        let wave = keys.iter().filter_map(|key| free.get(key)).max().copied().unwrap_or(0);
        free.extend(keys.into_iter().map(|key| (key, wave + 1)));
        if waves.len() <= wave {
            waves.resize_with(wave + 1, Vec::new);
        }
        if let Some(wave) = waves.get_mut(wave) {
            wave.push((place, transaction));
        }
    }
    waves
}
