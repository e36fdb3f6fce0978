//! Starting a browser.

use std::sync::atomic::{AtomicUsize, Ordering};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::stage::{Kind, Stage};

/// Every browser gets a profile of its own, numbered.
static PROFILES: AtomicUsize = AtomicUsize::new(0);

/// Starts a browser of this kind.
pub(crate) async fn launch(stage: &Stage, kind: &Kind) -> Result<Client, Failed> {
    let mut builder = ClientBuilder::new(HttpConnector::new());
    let wanted = capabilities(stage, kind);
    let builder = builder.capabilities(wanted.as_object().cloned().unwrap_or_default());
    builder.connect(&stage.webdriver).await.map_err(|error| format!("no browser: {error}").into())
}

fn capabilities(stage: &Stage, kind: &Kind) -> Value {
    let profile = stage.folder.join(format!("profile-{}", PROFILES.fetch_add(1, Ordering::Relaxed)));
    let mut flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
    flags.push(format!("--user-data-dir={}", profile.display()));
    if let Some(file) = &kind.microphone {
        flags.push(format!("--use-file-for-fake-audio-capture={}%noloop", file.display()));
    }
    let mut options = json!({ "binary": stage.chromium });
    if kind.microphone_refused {
        options["prefs"] = json!({ "profile.default_content_setting_values.media_stream_mic": 2 });
    } else {
        flags.push("--use-fake-ui-for-media-stream".to_owned());
    }
    if kind.phone {
        let metrics = json!({ "width": 360, "height": 740, "pixelRatio": 2, "touch": true });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    options["args"] = json!(flags);
    json!({ "browserName": "chrome", "goog:chromeOptions": options, "unhandledPromptBehavior": "accept" })
}

/// A browser that asks nobody for anything, with a microphone and speakers that need no hardware, and ICE candidates
/// that name real addresses.
const FLAGS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--force-webrtc-ip-handling-policy=default",
    "--window-size=1100,900",
    "--disable-features=WebRtcHideLocalIpsWithMdns,LocalNetworkAccessChecks,LocalNetworkAccessChecksWebRTC,\
     BlockInsecurePrivateNetworkRequests",
];
