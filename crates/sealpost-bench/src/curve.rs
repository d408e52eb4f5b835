//! How something grows: a figure at several sizes.

use serde_json::{Value as Json, json};

use crate::row::{rounded, short};

/// A curve.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    /// What grows.
    pub(crate) of: &'static str,
    /// What was measured.
    pub(crate) unit: &'static str,
    /// Sizes and figures, small sizes first.
    pub(crate) points: Vec<(f64, f64)>,
}

impl Curve {
    /// The exponent between the smallest and the largest size: 1 where the figure grows as the size does, 0 where it does not
    /// grow. `None` with less than two points.
    pub(crate) fn exponent(&self) -> Option<f64> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let exponent = (last.1 / first.1).ln() / (last.0 / first.0).ln();
        exponent.is_finite().then_some(exponent)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("{} ({})\n", self.name, self.unit);
        for (size, figure) in &self.points {
            out.push_str(&format!("  {:>12} {}  {:>10}\n", whole(*size), self.of, short(*figure)));
        }
        if let Some(exponent) = self.exponent() {
            out.push_str(&format!("  grows as the size to the power of {exponent:.2}\n"));
        }
        out
    }

    /// For machines.
    pub(crate) fn json(&self) -> Json {
        let points: Vec<Json> =
            self.points.iter().map(|(size, figure)| json!({ self.of: size, "figure": rounded(*figure) })).collect();
        json!({ "name": self.name, "of": self.of, "unit": self.unit, "points": points, "exponent": self.exponent().map(rounded) })
    }
}

/// A whole number with thousands apart.
pub(crate) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doubles_with_the_size_has_the_exponent_one() {
        let curve = |points| Curve { name: "n", of: "rows", unit: "s", points };
        assert_eq!(curve(vec![(10.0, 1.0), (1000.0, 100.0)]).exponent(), Some(1.0));
        assert_eq!(curve(vec![(10.0, 3.0), (1000.0, 3.0)]).exponent(), Some(0.0));
        assert_eq!(curve(vec![(10.0, 3.0)]).exponent(), None);
        assert_eq!(whole(10_000_000.0), "10,000,000");
        assert_eq!(whole(999.0), "999");
    }
}
