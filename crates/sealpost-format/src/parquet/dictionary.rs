//! Which columns are worth a dictionary: those whose values repeat.
//!
//! The library tries one for every column and gives up when the dictionary's page is full, which 65,536 numbers do not reach: for a column
//! whose values are all different it hashes each of them, and stores it and its number. So the first rows of a file decide. What they say
//! depends on the rows alone, so the same rows give the same file.

use std::collections::HashSet;

use arrow_array::{Array, RecordBatch};

/// Fewer rows say nothing, and cost nothing.
const FEWEST: usize = 1_000;

/// For each column, whether at least half of its values occurred before in these rows, the first ones.
pub(super) fn repeats(rows: &RecordBatch) -> Vec<bool> {
    let few = rows.num_rows() < FEWEST;
    rows.columns()
        .iter()
        .map(|column| few || distinct(column).is_none_or(|distinct| distinct < 2 || 2 * distinct <= valid(column)))
        .collect()
}

fn valid(column: &dyn Array) -> usize {
    column.len() - column.null_count()
}

/// How many different values there are; one more where there is a NULL. `None` for booleans, which have no dictionary.
fn distinct(column: &dyn Array) -> Option<usize> {
    let data = column.to_data();
    if let Some(width) = data.data_type().primitive_width() {
        let values = data.buffers().first()?.as_slice();
        let values = values.get(data.offset() * width..)?.chunks_exact(width).take(data.len());
        return Some(values.collect::<HashSet<_>>().len());
    }
    // Text and bytes: offsets, then what they point into.
    let [offsets, values] = data.buffers() else { return None };
    let offsets = offsets.typed_data::<i32>().get(data.offset()..=data.offset() + data.len())?;
    let at = |pair: &[i32]| {
        values.as_slice().get(usize::try_from(*pair.first()?).ok()?..usize::try_from(*pair.last()?).ok()?)
    };
    Some(offsets.windows(2).map(at).collect::<HashSet<_>>().len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Decimal256Array, Int64Array, RecordBatch, StringArray};

    use super::super::decimal::Int256;
    use super::*;

    fn said(rows: i64, column: ArrayRef) -> bool {
        assert_eq!(column.len() as i64, rows);
        repeats(&RecordBatch::try_from_iter([("a", column)]).unwrap())[0]
    }

    #[test]
    fn what_repeats_gets_a_dictionary_and_what_does_not_gets_none() {
        let rows = 2000_i64;
        let of = |different: i64| (0..rows).map(move |row| row % different);
        for (different, repeats) in [(1, true), (1000, true), (1001, false), (2000, false)] {
            let text = |row: i64| Some(format!("{row:0>9}"));
            assert_eq!(said(rows, Arc::new(Int64Array::from_iter(of(different)))), repeats, "{different}");
            assert_eq!(said(rows, Arc::new(StringArray::from_iter(of(different).map(text)))), repeats, "{different}");
            let wide = Decimal256Array::from_iter_values(of(different).map(|row| Int256::from_i128(row.into())));
            assert_eq!(said(rows, Arc::new(wide)), repeats, "{different}");
        }
        assert!(said(rows, Arc::new(BooleanArray::from_iter(of(2).map(|row| Some(row == 1))))));
        assert!(said(rows, Arc::new(BinaryArray::from_iter(of(1).map(|_| None::<&[u8]>)))));
        // Half are NULL, and the other half all different.
        assert!(!said(rows, Arc::new(Int64Array::from_iter(of(rows).map(|row| (row % 2 == 0).then_some(row))))));
    }

    #[test]
    fn few_rows_say_nothing() {
        assert!(said(999, Arc::new(Int64Array::from_iter_values(0..999))));
    }

    #[test]
    fn a_part_of_an_array_is_looked_at_alone() {
        let whole = Int64Array::from_iter_values((0..1000).chain(std::iter::repeat_n(1, 1000)));
        assert!(said(1000, Arc::new(whole.slice(1000, 1000))));
        assert!(!said(1000, Arc::new(whole.slice(0, 1000))));
        let texts = StringArray::from_iter_values(
            (0..2000).map(|row: i32| if row < 1000 { "x".to_owned() } else { row.to_string() }),
        );
        assert!(said(1000, Arc::new(texts.slice(0, 1000))));
        assert!(!said(1000, Arc::new(texts.slice(1000, 1000))));
    }
}
