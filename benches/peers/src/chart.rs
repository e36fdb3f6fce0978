//! Panels of lines over two logarithmic axes, as SVG.

use std::fmt::Write;

const PANEL_WIDTH: f64 = 480.0;
const PANEL_HEIGHT: f64 = 300.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 112.0;
const TOP: f64 = 34.0;
const FOOT: f64 = 48.0;
const HEAD: f64 = 56.0;

/// Colours for a light page and a dark one.
const STYLE: &str = "\
svg{--paper:#fff;--ink:#1f2328;--dim:#656d76;--grid:#d8dee4;--c0:#1f5fa8;--c1:#2e8555;--c2:#b35900;--c3:#8250df;--c4:#cf222e}\
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#e6edf3;--dim:#9198a1;--grid:#30363d;--c0:#6cb0f5;--c1:#56d090;--c2:#f0a04b;--c3:#c297ff;--c4:#ff7b72}}\
text{font:12px system-ui,sans-serif;fill:var(--dim)}.title{font-size:16px;font-weight:600;fill:var(--ink)}\
.name{font-weight:600;fill:var(--ink)}.grid{stroke:var(--grid)}.ideal{stroke:var(--dim);stroke-dasharray:2 4}\
path{fill:none}";

/// One line of a panel: a name and its points.
pub struct Series {
    /// Who, in a word or two.
    pub name: String,
    /// Bytes and seconds, by bytes; both above zero.
    pub points: Vec<(f64, f64)>,
}

/// One panel.
pub struct Panel {
    /// What grows.
    pub title: String,
    /// The lines.
    pub series: Vec<Series>,
}

/// The whole picture, two panels a row. A dotted line in each shows what proportional to bytes looks like.
pub fn svg(title: &str, subtitle: &str, panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(2) as f64;
    let (width, height) = (2.0 * PANEL_WIDTH, HEAD + rows * PANEL_HEIGHT);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\"><title>{title}</title>\
         <style>{STYLE}</style><rect width=\"{width}\" height=\"{height}\" fill=\"var(--paper)\"/>\n"
    );
    text(&mut out, LEFT, 24.0, "title", "start", title);
    text(&mut out, LEFT, 44.0, "", "start", subtitle);
    for (index, one) in panels.iter().enumerate() {
        let (x, y) = ((index % 2) as f64 * PANEL_WIDTH, HEAD + (index / 2) as f64 * PANEL_HEIGHT);
        panel(&mut out, x, y, one);
    }
    out.push_str("</svg>\n");
    out
}

/// A logarithmic scale of whole decades.
struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn around(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let (low, high) =
            values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v.log10()), high.max(v.log10())));
        Self { low: low.floor(), high: high.ceil().max(low.floor() + 1.0), start, end }
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value.log10() - self.low) / (self.high - self.low);
        self.start + part * (self.end - self.start)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        (self.low as i32..=self.high as i32).map(|power| 10f64.powi(power))
    }
}

fn panel(out: &mut String, x: f64, y: f64, panel: &Panel) {
    let points = || panel.series.iter().flat_map(|series| series.points.iter().copied());
    let bytes = Scale::around(points().map(|(b, _)| b), x + LEFT, x + PANEL_WIDTH - RIGHT);
    let time = Scale::around(points().map(|(_, s)| s), y + PANEL_HEIGHT - FOOT, y + TOP);
    text(out, x + LEFT, y + TOP - 12.0, "name", "start", &panel.title);
    for tick in bytes.decades() {
        let at = bytes.at(tick);
        line(out, "grid", &[(at, time.start), (at, time.end)]);
        text(out, at, time.start + 16.0, "", "middle", &amount(tick, ["B", "KB", "MB"]));
    }
    for tick in time.decades() {
        let at = time.at(tick);
        line(out, "grid", &[(bytes.start, at), (bytes.end, at)]);
        text(out, bytes.start - 6.0, at + 4.0, "", "end", &duration(tick));
    }
    // Through the last point of the first series, which is ours.
    if let Some((b, s)) = panel.series.first().and_then(|series| series.points.last().copied()) {
        let from = 10f64.powf(bytes.low).max(b / s * 10f64.powf(time.low));
        line(out, "ideal", &[(bytes.at(from), time.at(s * from / b)), (bytes.at(b), time.at(s))]);
    }
    let mut labels: Vec<(f64, usize)> = Vec::new();
    for (index, series) in panel.series.iter().enumerate() {
        let mut path = String::new();
        for (n, (b, s)) in series.points.iter().enumerate() {
            let (px, py) = (bytes.at(*b), time.at(*s));
            _ = write!(path, "{}{px:.1} {py:.1}", if n == 0 { 'M' } else { 'L' });
            _ = writeln!(out, "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"2.5\" fill=\"var(--c{index})\"/>");
        }
        let width = if index < 2 { 2.0 } else { 1.2 };
        _ = writeln!(out, "<path d=\"{path}\" stroke=\"var(--c{index})\" stroke-width=\"{width}\"/>");
        labels.extend(series.points.last().map(|(_, s)| (time.at(*s), index)));
    }
    // From the top down, each at least a line below the one before.
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lowest = f64::MIN;
    for (at, index) in labels {
        lowest = (lowest + 14.0).max(at + 4.0);
        let name = &panel.series[index].name;
        _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{lowest:.1}\" style=\"fill:var(--c{index})\">{name}</text>",
            bytes.end + 6.0
        );
    }
}

fn line(out: &mut String, class: &str, points: &[(f64, f64)]) {
    let mut path = String::new();
    for (n, (x, y)) in points.iter().enumerate() {
        _ = write!(path, "{}{x:.1} {y:.1}", if n == 0 { 'M' } else { 'L' });
    }
    _ = writeln!(out, "<path class=\"{class}\" d=\"{path}\"/>");
}

fn text(out: &mut String, x: f64, y: f64, class: &str, anchor: &str, words: &str) {
    _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

fn amount(value: f64, units: [&str; 3]) -> String {
    match value {
        1e6.. => format!("{} {}", value / 1e6, units[2]),
        1e3.. => format!("{} {}", value / 1e3, units[1]),
        _ => format!("{value} {}", units[0]),
    }
}

/// Seconds in the unit that fits, to three digits.
pub fn duration(seconds: f64) -> String {
    let (value, unit) = match seconds {
        0.9995.. => (seconds, "s"),
        0.999_5e-3.. => (seconds * 1e3, "ms"),
        0.999_5e-6.. => (seconds * 1e6, "us"),
        _ => (seconds * 1e9, "ns"),
    };
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    let number = format!("{value:.digits$}");
    let number =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    format!("{number} {unit}")
}
