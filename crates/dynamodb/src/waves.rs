//! Transactions of one call that touch the same record wait for each other.

use std::collections::HashMap;

use aquifer_core::{Operation, Transaction};

/// For each transaction the wave it belongs to: those of one wave touch different records, and a record's transactions are in waves
/// in the order of the call.
pub(crate) fn waves(transactions: &[Transaction]) -> Vec<usize> {
    if let [_] = transactions {
        return vec![0];
    }
    // For each record the first wave that may touch it again.
    let mut free: HashMap<String, usize> = HashMap::new();
    let mut waves = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        let keys: Vec<String> = transaction
            .operations
            .iter()
            .map(Operation::key)
            .map(|key| format!("{} {:?}", key.kind, key.values))
            .collect();
        let wave = keys.iter().filter_map(|key| free.get(key)).max().copied().unwrap_or(0);
        free.extend(keys.into_iter().map(|key| (key, wave + 1)));
        waves.push(wave);
    }
    waves
}

#[cfg(test)]
mod tests {
    use aquifer_core::{Condition, Key, SCHEMA};

    use super::*;

    #[test]
    fn those_that_share_a_record_are_in_order() {
        let kind = SCHEMA.kind("workers").unwrap();
        let check = |id: &str| Operation::Check { key: Key::new(kind, [id]), condition: Condition::Exists };
        let of = |ids: &[&str]| Transaction::new(ids.iter().map(|id| check(id)).collect());
        let transactions = [of(&["a"]), of(&["b"]), of(&["a", "c"]), of(&["c"]), of(&["b"]), of(&["d"])];
        assert_eq!(waves(&transactions), [0, 0, 1, 2, 1, 0]);
        assert_eq!(waves(&transactions[..1]), [0]);
        assert!(waves(&[]).is_empty());
    }
}
