//! What was measured, by name, over all rounds.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Named figures; several values of a name are rounds.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<&'static str, Vec<f64>>);

impl Figures {
    /// Figures of one run.
    pub(crate) fn of<const N: usize>(figures: [(&'static str, f64); N]) -> Self {
        Self(figures.into_iter().map(|(name, value)| (name, vec![value])).collect())
    }

    /// Adds the figures of a further run.
    pub(crate) fn add(&mut self, more: Self) {
        for (name, values) in more.0 {
            self.0.entry(name).or_default().extend(values);
        }
    }

    /// The median over the rounds.
    ///
    /// # Errors
    /// When nobody measured it.
    pub(crate) fn median(&self, name: &str) -> Result<f64> {
        let mut values = self
            .0
            .get(name)
            .filter(|values| !values.is_empty())
            .with_context(|| format!("{name} was not measured"))?
            .clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        Ok(if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) })
    }
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        let mut figures = Figures::default();
        for value in [9.0, 1.0, 2.0] {
            figures.add(Figures::of([("a", value)]));
        }
        assert_eq!(figures.median("a").unwrap(), 2.0);
        figures.add(Figures::of([("a", 3.0)]));
        assert_eq!(figures.median("a").unwrap(), 2.5);
        assert!(figures.median("b").is_err());
    }
}
