//! Transactions that must wait for each other.

use std::collections::HashMap;

use crate::transaction::Transaction;

/// A transaction with its place among those of the call.
pub type Placed = (usize, Transaction);

/// Splits the transactions of one call so that those of one wave touch different records; whoever does more with a transaction than pass
/// it on finishes one wave before the next, and so keeps the order that the contract promises.
pub fn waves(transactions: Vec<Transaction>) -> Vec<Vec<Placed>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::SCHEMA;
    use crate::record::Key;
    use crate::transaction::{Condition, Operation};

    #[test]
    fn those_that_share_a_record_are_in_order() {
        let kind = SCHEMA.kind("workers").unwrap();
        let check = |id: &str| Operation::Check { key: Key::new(kind, [id]), condition: Condition::Exists };
        let of = |ids: &[&str]| Transaction::new(ids.iter().map(|id| check(id)).collect());
        let transactions = vec![of(&["a"]), of(&["b"]), of(&["a", "c"]), of(&["c"]), of(&["b"]), of(&["d"])];
        let places = |wave: Vec<Placed>| wave.into_iter().map(|(place, _)| place).collect::<Vec<_>>();
        let split = |transactions| waves(transactions).into_iter().map(places).collect::<Vec<_>>();
        assert_eq!(split(transactions), [vec![0, 1, 5], vec![2, 4], vec![3]]);
        assert_eq!(split(vec![of(&["a"])]), [[0]]);
        assert!(split(vec![]).is_empty());
    }
}
