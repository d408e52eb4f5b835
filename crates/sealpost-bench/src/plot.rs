//! The tables as a picture (SVG 1.1): a bar for each ratio with a mark where it must reach, and the curves.

use crate::curve::{Curve, whole};
use crate::row::{Row, short};

const WIDTH: f64 = 1000.0;
const LINE: f64 = 20.0;
/// Where bars begin, and how long the longest is.
const LEFT: f64 = 420.0;
const BAR: f64 = 430.0;
/// The ends of the scale of ratios, which is logarithmic.
const LEAST: f64 = 1.0 / 16.0;
const MOST: f64 = 16.0;
const GRAPH: f64 = 190.0;

/// Draws.
pub(crate) fn picture(rows: &[Row], curves: &[Curve]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a few dozen rows")]
    let bars = 60.0 + LINE * rows.len() as f64;
    #[expect(clippy::cast_precision_loss, reason = "a few curves")]
    let height = bars + (GRAPH + 70.0) * curves.len().div_ceil(2) as f64 + 20.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\" font-size=\"15\">Ours beside the peer or the limit; above 1 is in our favour. The line is what we aim at.</text>\n"
    );
    for ratio in [LEAST, 0.25, 1.0, 4.0, MOST] {
        let x = place(ratio);
        let colour = if (ratio - 1.0).abs() < f64::EPSILON { "#888" } else { "#ddd" };
        out.push_str(&format!(
            "<line x1=\"{x:.1}\" y1=\"44\" x2=\"{x:.1}\" y2=\"{bars}\" stroke=\"{colour}\"/>\n\
             <text x=\"{x:.1}\" y=\"40\" text-anchor=\"middle\" fill=\"#555\">{}</text>\n",
            short(ratio)
        ));
    }
    let mut y = 50.0;
    for row in rows {
        out.push_str(&bar(row, y));
        y += LINE;
    }
    for (number, curve) in curves.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a few curves")]
        let (column, line) = ((number % 2) as f64, (number / 2) as f64);
        out.push_str(&graph(curve, 60.0 + column * 490.0, bars + 40.0 + line * (GRAPH + 70.0)));
    }
    out + "</svg>\n"
}

fn bar(row: &Row, y: f64) -> String {
    let (from, to, reach) = (place(1.0), place(row.ratio()), place(row.reach));
    let colour = if row.met() { "#3a7d44" } else { "#c0504d" };
    let text = y + 13.0;
    format!(
        "<text x=\"{:.1}\" y=\"{text}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"13\" fill=\"{colour}\"/>\n\
         <line x1=\"{reach:.1}\" y1=\"{y}\" x2=\"{reach:.1}\" y2=\"{:.1}\" stroke=\"black\" stroke-width=\"2\"/>\n\
         <text x=\"{:.1}\" y=\"{text}\" fill=\"#555\">{} {}</text>\n",
        LEFT - 8.0,
        escaped(&row.name),
        from.min(to),
        y + 3.0,
        (to - from).abs().max(1.0),
        y + 18.0,
        LEFT + BAR + 10.0,
        short(row.ratio()),
        escaped(&row.peer_name.chars().take(22).collect::<String>()),
    )
}

/// Where a ratio is, from left to right.
fn place(ratio: f64) -> f64 {
    let within = ratio.clamp(LEAST, MOST);
    LEFT + BAR * (within / LEAST).ln() / (MOST / LEAST).ln()
}

/// Both axes logarithmic: a straight line of 45 degrees grows as the size does.
fn graph(curve: &Curve, left: f64, top: f64) -> String {
    let width = 380.0;
    let mut out = format!(
        "<text x=\"{left}\" y=\"{:.1}\" font-size=\"13\">{} ({})</text>\n\
         <rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{GRAPH}\" fill=\"none\" stroke=\"#888\"/>\n",
        top - 8.0,
        escaped(curve.name),
        curve.unit,
    );
    let ends = |figure: fn(&(f64, f64)) -> f64| {
        let figures = curve.points.iter().map(figure);
        let (low, high) = figures.fold((f64::INFINITY, 0.0_f64), |(low, high), one| (low.min(one), high.max(one)));
        // A flat curve lies in the middle.
        (low / 2.0, (high * 2.0).max(low))
    };
    let (sizes, figures) = (ends(|point| point.0), ends(|point| point.1));
    let share = |(low, high): (f64, f64), one: f64| (one / low).ln() / (high / low).ln();
    let at =
        |(size, figure): (f64, f64)| (left + width * share(sizes, size), top + GRAPH * (1.0 - share(figures, figure)));
    let line: Vec<String> =
        curve.points.iter().map(|point| at(*point)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    out.push_str(&format!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\"/>\n",
        line.join(" ")
    ));
    for point in &curve.points {
        let (x, y) = at(*point);
        out.push_str(&format!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#1f5fa8\"/>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{}</text>\n",
            y - 7.0,
            short(point.1),
            top + GRAPH + 14.0,
            whole(point.0),
        ));
    }
    out.push_str(&format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{}</text>\n",
        left + width / 2.0,
        top + GRAPH + 28.0,
        curve.of
    ));
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_whole_and_nothing_leaves_it() {
        let rows = [
            Row::lower("less & <less>", "s", 1.0, ("p", 100.0), 2.0),
            Row::higher("nothing", "s", 0.0, ("p", 1.0), 0.5),
        ];
        let curves = [Curve { name: "flat", of: "rows", unit: "s", points: vec![(1.0, 2.0), (10.0, 2.0)] }];
        let picture = picture(&rows, &curves);
        assert!(picture.contains("less &amp; &lt;less>") && picture.ends_with("</svg>\n"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"));
        assert_eq!(place(100.0), LEFT + BAR);
        assert_eq!(place(0.0), LEFT);
    }
}
