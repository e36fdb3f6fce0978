//! Parts of a network as words: `normal:10`, `bursts:5:4`, `64k:300`.
//!
//! Times are milliseconds, shares percent, rates bits a second with `k` or `m`; parts are divided by colons.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::{Gap, Jitter, Loss, Rate, Reorder, RouteStep, Stalls};

/// A word that names no part of a network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected}, found {found:?}")]
pub struct NoSuchPart {
    expected: &'static str,
    found: String,
}

/// The longest time that makes sense: a day.
const MAX_MS: f64 = 86_400_000.0;
/// The highest rate: what no voice call fills.
const MAX_BITS: f64 = 1e12;

/// Numbers between colons, from least to most of them; each finite and not negative.
fn numbers<const N: usize>(text: &str) -> Option<[f64; N]> {
    let mut values = [0.0; N];
    let mut parts = text.split(':');
    for value in &mut values {
        *value = number(parts.next()?).filter(|value| (0.0..=MAX_MS).contains(value))?;
    }
    parts.next().is_none().then_some(values)
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim_end_matches("ms").trim_end_matches('%');
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn time(ms: f64) -> Duration {
    Duration::from_secs_f64(ms / 1000.0)
}

fn share(percent: f64) -> Option<f64> {
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

fn no_such(expected: &'static str, found: &str) -> NoSuchPart {
    NoSuchPart { expected, found: found.to_owned() }
}

impl FromStr for Jitter {
    type Err = NoSuchPart;

    fn from_str(text: &str) -> Result<Jitter, NoSuchPart> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let jitter = match name {
            "none" if rest.is_empty() => Some(Jitter::None),
            "normal" => numbers(rest).map(|[sd_ms]| Jitter::Normal { sd_ms }),
            "uniform" => numbers(rest).map(|[half_ms]| Jitter::Uniform { half_ms }),
            "exponential" => numbers(rest).map(|[mean_ms]| Jitter::Exponential { mean_ms }),
            "pareto" => numbers(rest)
                .filter(|[_, shape, _]: &[f64; 3]| *shape > 1.0)
                .map(|[scale_ms, shape, max_ms]| Jitter::Pareto { scale_ms, shape, max_ms }),
            "correlated" => numbers(rest)
                .filter(|[_, tau_ms]: &[f64; 2]| *tau_ms > 0.0)
                .map(|[sd_ms, tau_ms]| Jitter::Correlated { sd_ms, tau_ms }),
            _ => None,
        };
        const WORDS: &str = "none, normal:SD, uniform:HALF, exponential:MEAN, pareto:SCALE:SHAPE:MAX (shape above 1) \
            or correlated:SD:TAU, in milliseconds";
        jitter.ok_or_else(|| no_such(WORDS, text))
    }
}

impl FromStr for Loss {
    type Err = NoSuchPart;

    fn from_str(text: &str) -> Result<Loss, NoSuchPart> {
        const WORDS: &str =
            "PERCENT, bursts:PERCENT:PACKETS, time:PERCENT:MS or states:P13:P31:P32:P23:P14 in percent";
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let loss = match name {
            "none" if rest.is_empty() => Some(Loss::None),
            "bursts" => numbers(rest).and_then(|[percent, mean_burst]| {
                Some(Loss::Bursts { share: share(percent)?, mean_burst, in_bad: 1.0 })
            }),
            "time" => numbers(rest).filter(|[_, length]: &[f64; 2]| *length > 0.0).and_then(
                |[percent, mean_burst_ms]| Some(Loss::BurstsInTime { share: share(percent)?, mean_burst_ms }),
            ),
            "states" => numbers(rest).and_then(|[p13, p31, p32, p23, p14]| {
                let [p13, p31, p32, p23, p14] =
                    [share(p13)?, share(p31)?, share(p32)?, share(p23)?, share(p14)?];
                Some(Loss::FourStates { p13, p31, p32, p23, p14 })
            }),
            _ => numbers(text).and_then(|[percent]| Some(Loss::Independent { share: share(percent)? })),
        };
        loss.ok_or_else(|| no_such(WORDS, text))
    }
}

impl FromStr for Reorder {
    type Err = NoSuchPart;

    fn from_str(text: &str) -> Result<Reorder, NoSuchPart> {
        let reorder = numbers(text)
            .and_then(|[percent, extra]| Some(Reorder { share: share(percent)?, extra: time(extra) }));
        reorder.ok_or_else(|| no_such("PERCENT:MS of detour", text))
    }
}

impl FromStr for Rate {
    type Err = NoSuchPart;

    fn from_str(text: &str) -> Result<Rate, NoSuchPart> {
        let rate = || {
            let (bits, queue) = text.split_once(':').unwrap_or((text, "200"));
            let (bits, factor) = match bits.trim_end_matches(['k', 'm', 'K', 'M']) {
                plain if plain.len() == bits.len() => (plain, 1.0),
                plain if bits.ends_with(['k', 'K']) => (plain, 1e3),
                plain => (plain, 1e6),
            };
            let bits = bits.parse::<f64>().ok()? * factor;
            let [queue] = numbers(queue)?;
            (1.0..=MAX_BITS)
                .contains(&bits)
                .then_some(Rate { bits_per_second: bits as u64, queue: time(queue) })
        };
        rate().ok_or_else(|| {
            no_such("BITS a second such as 64k or 64k:200 with the queue in milliseconds", text)
        })
    }
}

impl FromStr for Stalls {
    type Err = NoSuchPart;

    fn from_str(text: &str) -> Result<Stalls, NoSuchPart> {
        let stalls = |[every, length, spread]: [f64; 3]| {
            let spread = share(spread)?;
            (every >= 1.0).then_some(Stalls {
                first: time(every / 2.0),
                every: time(every),
                length: time(length),
                spread,
            })
        };
        let three = numbers(text).or_else(|| numbers(text).map(|[every, length]| [every, length, 0.0]));
        three.and_then(stalls).ok_or_else(|| {
            no_such("EVERY:LENGTH in milliseconds, or EVERY:LENGTH:SPREAD with a percentage", text)
        })
    }
}

impl FromStr for Gap {
    type Err = NoSuchPart;

    fn from_str(text: &str) -> Result<Gap, NoSuchPart> {
        let gap = numbers(text).map(|[at, length]| Gap { at: time(at), length: time(length) });
        gap.ok_or_else(|| no_such("AT:LENGTH in milliseconds", text))
    }
}

impl FromStr for RouteStep {
    type Err = NoSuchPart;

    fn from_str(text: &str) -> Result<RouteStep, NoSuchPart> {
        let step = || {
            let (at, change) = text.split_once(':')?;
            let [at] = numbers(at)?;
            let change_ms = number(change).filter(|change| change.abs() <= MAX_MS)?;
            Some(RouteStep { at: time(at), change_ms })
        };
        step().ok_or_else(|| no_such("AT:CHANGE in milliseconds, such as 5000:-20", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_words() {
        assert_eq!("normal:10".parse(), Ok(Jitter::Normal { sd_ms: 10.0 }));
        assert_eq!(
            "pareto:2.5:2.2:60ms".parse(),
            Ok(Jitter::Pareto { scale_ms: 2.5, shape: 2.2, max_ms: 60.0 })
        );
        assert_eq!("2%".parse(), Ok(Loss::Independent { share: 0.02 }));
        assert_eq!("bursts:5:4".parse(), Ok(Loss::Bursts { share: 0.05, mean_burst: 4.0, in_bad: 1.0 }));
        assert_eq!("time:1:30".parse(), Ok(Loss::BurstsInTime { share: 0.01, mean_burst_ms: 30.0 }));
        assert_eq!("1:15".parse(), Ok(Reorder { share: 0.01, extra: Duration::from_millis(15) }));
        let rate = |bits_per_second, queue| Rate { bits_per_second, queue: Duration::from_millis(queue) };
        assert_eq!("64k:300".parse(), Ok(rate(64_000, 300)));
        assert_eq!("2M".parse(), Ok(rate(2_000_000, 200)));
        assert_eq!(
            "5000:200".parse::<Stalls>().map(|s| (s.first, s.length)),
            Ok((time(2500.0), time(200.0)))
        );
        assert_eq!("5000:-20".parse(), Ok(RouteStep { at: time(5000.0), change_ms: -20.0 }));
        assert_eq!("100:40".parse(), Ok(Gap { at: time(100.0), length: time(40.0) }));
    }

    #[test]
    fn what_is_none_says_what_there_is() {
        for word in [
            "",
            "gauss:3",
            "normal",
            "normal:-1",
            "normal:inf",
            "normal:1:2",
            "pareto:1:1:1",
            "correlated:1:0",
        ] {
            let error = word.parse::<Jitter>().unwrap_err();
            assert!(error.to_string().contains("correlated:SD:TAU"), "{word}");
        }
        for word in ["101", "-1", "bursts:5", "time:5:0", "NaN", "states:1:2:3:4"] {
            assert!(word.parse::<Loss>().is_err(), "{word}");
        }
        assert!("0k".parse::<Rate>().is_err() && "x:1".parse::<Rate>().is_err());
        assert!(
            "0:1".parse::<Stalls>().is_err()
                && "1".parse::<Gap>().is_err()
                && "1".parse::<RouteStep>().is_err()
        );
        assert!("200:5".parse::<Reorder>().is_err());
    }
}
