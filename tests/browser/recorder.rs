//! Taking down what a page plays.

use handset::measure::Recording;
use libtest_mimic::Failed;

use crate::Outcome;
use crate::page::Page;
use crate::speech::{RATE_HZ, from_pcm};

/// Begins with the next call's first sound.
pub(crate) async fn record(page: &Page) -> Outcome {
    page.run(include_str!("recorder.js")).await.map(drop)
}

/// What was heard since [`record`].
pub(crate) async fn recorded(page: &Page) -> Result<Recording, Failed> {
    let rate = page.run("return heard.rate").await?;
    if rate.as_u64() != Some(u64::from(RATE_HZ)) {
        return Err(format!("{}: nothing was played, or at {rate} Hz", page.name).into());
    }
    let text = page.run("return heard.take()").await?;
    Ok(from_pcm(&from_base64(text.as_str().unwrap_or_default())))
}

/// RFC 4648 section 4, from a page that pads well; what is no digit is passed over.
fn from_base64(text: &str) -> Vec<u8> {
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::with_capacity(text.len() / 4 * 3));
    for byte in text.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
