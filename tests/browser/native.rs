//! Calls between Chromium and a native peer.

use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::json;

use crate::Outcome;
use crate::page::{Page, Visit};
use crate::peer::Peer;
use crate::recorder::{record, recorded};
use crate::stage::Stage;

/// Alice at a browser whose microphone hears her voice as it is.
async fn alice(stage: &Stage) -> Result<Page, Failed> {
    let visit = Visit {
        microphone: Some(stage.speech[0].file.clone()),
        settings: Some(json!({ "processing": false })),
        ..Visit::default()
    };
    Page::online(stage, "alice", visit).await
}

/// Bob at a native peer that speaks from a file.
fn bob(stage: &Stage, words: &[&str]) -> Result<Peer, Failed> {
    Peer::start(stage, "bob", &stage.speech[1].file, words)
}

/// Waits until everything has been said.
pub(crate) async fn let_them_talk(stage: &Stage) {
    let longest = stage.speech.iter().map(|speech| speech.duration_ms()).fold(0.0, f64::max);
    tokio::time::sleep(Duration::from_secs_f64(longest / 1000.0)).await;
}

/// Recognisable: browser, peer and driver share two cores here, and a stretch that came late looks like another.
#[track_caller]
pub(crate) fn assert_heard(who: &str, likeness: handset::measure::Similarity) {
    assert!(likeness.heard_share() > 0.8 && likeness.mean > 0.7, "{who}: {likeness:?}");
}

pub(crate) async fn chromium_calls_a_peer_both_are_heard_and_the_browser_hangs_up(stage: &Stage) -> Outcome {
    let mut bob = bob(stage, &["answer", "--auto"])?;
    bob.is_online().await?;
    let alice = alice(stage).await?;
    alice.until("it sees bob online", "handset.online.includes('bob')").await?;
    record(&alice).await?;
    alice.call("bob").await?;
    alice.is_in("connected").await?;
    bob.is_in("connected").await?;
    let_them_talk(stage).await;
    assert_heard("alice", stage.speech[1].found_in(&recorded(&alice).await?));
    alice.click("hang-up").await?;
    let (exit, heard) = bob.ends().await?;
    assert_heard("bob", stage.speech[0].found_in(&heard));
    assert_eq!(exit, 0);
    Ok(())
}

pub(crate) async fn a_peer_calls_chromium_both_are_heard_and_the_peer_hangs_up(stage: &Stage) -> Outcome {
    let alice = alice(stage).await?;
    record(&alice).await?;
    let mut bob = bob(stage, &["call", "alice"])?;
    alice.answer().await?;
    alice.is_in("connected").await?;
    bob.is_in("connected").await?;
    let_them_talk(stage).await;
    assert_heard("alice", stage.speech[1].found_in(&recorded(&alice).await?));
    bob.interrupt()?;
    assert_eq!(alice.has_ended().await?, "bob hung up.");
    let (exit, heard) = bob.ends().await?;
    assert_heard("bob", stage.speech[0].found_in(&heard));
    assert_eq!(exit, 0);
    Ok(())
}

pub(crate) async fn each_obeys_the_opus_settings_that_the_other_asks_for(stage: &Stage) -> Outcome {
    let forty = Visit { settings: Some(json!({ "frameMs": 40 })), ..Visit::default() };
    let alice = Page::online(stage, "alice", forty).await?;
    let words = ["answer", "--auto", "--frame-ms", "20", "--dtx"];
    let bob = bob(stage, &words)?;
    bob.is_online().await?;
    alice.call("bob").await?;
    alice.is_in("connected").await?;

    let negotiated = bob.event("negotiated", |_| true).await?;
    assert_eq!(negotiated["remote_ptime_ms"], 40, "what the page asked for arrived: {negotiated}");
    assert_eq!(negotiated["fec"], true, "the page makes use of error correction: {negotiated}");
    assert_eq!(alice.number("handset.descriptions.opusAsked.frameMs").await?, 20.0);
    let fmtp = alice.run("return handset.descriptions.opusAsked.fmtp").await?.to_string();
    // It sends each frame twice: error correction in them would repair nothing more.
    assert!(fmtp.contains("usedtx=1") && fmtp.contains("useinbandfec=0"), "{fmtp}");

    // The browser sends what bob asked for: fifty packets a second.
    let later = bob.event("stats", |stats| stats["call_ms"].as_u64() >= Some(2_500)).await?;
    let all = bob.events_of("stats");
    let earlier =
        all.iter().rev().find(|stats| stats["call_ms"].as_u64() < Some(2_000)).ok_or("no earlier stats")?;
    let since = |field: &str| later[field].as_f64().unwrap_or(0.0) - earlier[field].as_f64().unwrap_or(0.0);
    let rate = since("packets_received") / since("call_ms") * 1000.0;
    assert!((rate - 50.0).abs() < 8.0, "{rate} packets a second");
    Ok(())
}

pub(crate) async fn a_browser_puts_a_peer_on_hold_and_takes_it_back(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Peer::start(stage, "bob", "tone:440".as_ref(), &["answer", "--auto"])?;
    bob.is_online().await?;
    alice.call("bob").await?;
    alice.is_in("connected").await?;
    alice.until("it hears bob", "handset.levels.theirs > -40").await?;
    alice.click("hold").await?;
    bob.is_in("held").await?;
    alice.until("it hears nothing", "handset.levels.theirs < -55").await?;
    alice.click("hold").await?;
    alice
        .until("it hears bob again", "handset.call.state === 'connected' && handset.levels.theirs > -40")
        .await?;
    let connected = bob.events_of("state").iter().filter(|event| event["state"] == "connected").count();
    assert_eq!(connected, 2, "before and after the hold");
    Ok(())
}

pub(crate) async fn a_peer_that_calls_is_told_of_declined_and_busy(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let mut first = bob(stage, &["call", "alice"])?;
    alice.is_in("ringing").await?;
    alice.click("decline").await?;
    assert_eq!(first.ends().await?.0, 6, "declined");

    let carol = Page::online(stage, "carol", Visit::default()).await?;
    carol.call("alice").await?;
    alice.answer().await?;
    let mut second = bob(stage, &["call", "alice"])?;
    assert_eq!(second.ends().await?.0, 7, "busy");
    alice.is_in("connected").await
}

pub(crate) async fn a_peer_that_dies_is_missed_by_the_browser(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let mut bob = bob(stage, &["answer", "--auto"])?;
    bob.is_online().await?;
    alice.call("bob").await?;
    alice.is_in("connected").await?;
    alice.until("it hears packets", "handset.quality?.packetsIn > 0").await?;
    bob.kill();
    alice.is_in("reconnecting").await?;
    assert!(alice.text("call-state").await?.starts_with("Nothing comes from bob"));
    assert_eq!(alice.has_ended().await?, "The connection to bob was lost.");
    Ok(())
}
