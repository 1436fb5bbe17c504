//! What a scan asks for, as a stretch of sort keys.

use std::ops::Bound;

use aquifer_core::{Claim, Result, Scan, Value};

use crate::encoding::{above, append, encode};

/// A stretch of sort keys. DynamoDB takes both ends as included, so whoever reads it leaves out what [`Range::holds`] denies.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Range {
    /// The least sort key, if there is a least.
    pub(crate) low: Option<Vec<u8>>,
    low_excluded: bool,
    /// The greatest sort key, if there is a greatest.
    pub(crate) high: Option<Vec<u8>>,
    high_excluded: bool,
    /// Whether it begins above all that can be.
    nothing: bool,
}

impl Range {
    /// What a scan asks for, after the page before.
    ///
    /// # Errors
    /// `Invalid` for a cursor of another listing.
    pub(crate) fn of_scan(scan: &Scan) -> Result<Self> {
        let mut range = Self::between(&scan.prefix, &scan.lower, &scan.upper)?;
        if let Some(values) = scan.resume_after()? {
            let last = encode(&values)?;
            if scan.descending {
                (range.high, range.high_excluded) = (Some(last), true);
            } else {
                (range.low, range.low_excluded) = (Some(last), true);
            }
        }
        Ok(range)
    }

    /// What a claim may take.
    ///
    /// # Errors
    /// `Corrupt` for values that cannot stand in an index.
    pub(crate) fn of_claim(claim: &Claim) -> Result<Self> {
        let upper = claim.up_to.clone().map_or(Bound::Unbounded, Bound::Included);
        Self::between(&claim.prefix, &Bound::Unbounded, &upper)
    }

    fn between(prefix: &[Value], lower: &Bound<Value>, upper: &Bound<Value>) -> Result<Self> {
        let prefix = encode(prefix)?;
        let with = |value: &Value| -> Result<Vec<u8>> {
            let mut bytes = prefix.clone();
            append(&mut bytes, value)?;
            Ok(bytes)
        };
        let low = match lower {
            Bound::Unbounded => Some(prefix.clone()),
            Bound::Included(value) => Some(with(value)?),
            Bound::Excluded(value) => above(with(value)?),
        };
        let nothing = low.is_none();
        let high = match upper {
            Bound::Unbounded => above(prefix.clone()),
            Bound::Included(value) => above(with(value)?),
            Bound::Excluded(value) => Some(with(value)?),
        };
        // A sort key is never empty.
        let low = low.filter(|low| !low.is_empty());
        Ok(Self { low, low_excluded: false, high, high_excluded: true, nothing })
    }

    /// Whether no sort key can be in it.
    pub(crate) fn is_empty(&self) -> bool {
        match (&self.low, &self.high) {
            _ if self.nothing => true,
            (Some(low), Some(high)) => low > high || (low == high && (self.low_excluded || self.high_excluded)),
            _ => false,
        }
    }

    /// Whether a sort key is in it.
    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        let above =
            self.low.as_ref().is_none_or(|low| key > low.as_slice() || (key == low.as_slice() && !self.low_excluded));
        let below = self
            .high
            .as_ref()
            .is_none_or(|high| key < high.as_slice() || (key == high.as_slice() && !self.high_excluded));
        above && below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(lower: Bound<i64>, upper: Bound<i64>) -> Range {
        Range::between(&["t".into()], &lower.map(Value::from), &upper.map(Value::from)).unwrap()
    }

    fn key(tenant: &str, number: i64) -> Vec<u8> {
        encode(&[tenant.into(), number.into(), "rest".into()]).unwrap()
    }

    #[test]
    fn bounds_are_kept() {
        use Bound::{Excluded, Included, Unbounded};
        for (lower, upper, expected) in [
            (Unbounded, Unbounded, vec![i64::MIN, -1, 0, 1, i64::MAX]),
            (Included(0), Unbounded, vec![0, 1, i64::MAX]),
            (Excluded(0), Unbounded, vec![1, i64::MAX]),
            (Unbounded, Included(0), vec![i64::MIN, -1, 0]),
            (Unbounded, Excluded(0), vec![i64::MIN, -1]),
            (Included(0), Included(0), vec![0]),
            (Excluded(-1), Excluded(1), vec![0]),
        ] {
            let range = range(lower, upper);
            let held: Vec<i64> =
                [i64::MIN, -1, 0, 1, i64::MAX].into_iter().filter(|number| range.holds(&key("t", *number))).collect();
            assert_eq!(held, expected, "{lower:?} {upper:?}");
            assert!(!range.holds(&key("s", 0)) && !range.holds(&key("u", 0)) && !range.holds(&key("ta", 0)));
            assert!(!range.is_empty());
        }
    }

    #[test]
    fn nothing_is_above_the_greatest() {
        let above = Bound::Excluded(Value::from(i64::MAX));
        assert!(Range::between(&[], &above, &Bound::Unbounded).unwrap().is_empty());
    }

    #[test]
    fn backwards_is_empty() {
        assert!(range(Bound::Included(2), Bound::Included(1)).is_empty());
        assert!(range(Bound::Included(2), Bound::Excluded(2)).is_empty());
        assert!(!range(Bound::Included(2), Bound::Included(2)).is_empty());
    }
}
