//! Calls between two browsers, as they should go.

use std::time::Duration;

use fantoccini::key::Key;
use serde_json::json;

use crate::Outcome;
use crate::page::{Page, Visit};
use crate::recorder::{record, recorded};
use crate::stage::Stage;

/// Alice and Bob, each with a voice, and no processing that would change it.
pub(crate) async fn two_voices(stage: &Stage) -> Result<[Page; 2], libtest_mimic::Failed> {
    let visit = |speaker: usize| Visit {
        microphone: Some(stage.speech[speaker].file.clone()),
        settings: Some(json!({ "processing": false })),
        ..Visit::default()
    };
    Ok([Page::online(stage, "alice", visit(0)).await?, Page::online(stage, "bob", visit(1)).await?])
}

pub(crate) async fn two_browsers_hear_each_others_speech_and_either_ends_the_call(stage: &Stage) -> Outcome {
    let [alice, bob] = two_voices(stage).await?;
    alice.until("it sees bob online", "handset.online.includes('bob')").await?;
    record(&alice).await?;
    record(&bob).await?;
    alice.call("bob").await?;
    bob.answer().await?;
    alice.is_in("connected").await?;
    bob.is_in("connected").await?;
    let longest = stage.speech.iter().map(|speech| speech.duration_ms()).fold(0.0, f64::max);
    tokio::time::sleep(Duration::from_secs_f64(longest / 1000.0)).await;
    for (listener, speech) in [(&bob, &stage.speech[0]), (&alice, &stage.speech[1])] {
        let likeness = speech.found_in(&recorded(listener).await?);
        assert!(likeness.heard_share() > 0.95 && likeness.mean > 0.85, "{}: {likeness:?}", listener.name);
    }

    bob.click("hang-up").await?;
    assert_eq!(alice.has_ended().await?, "bob hung up.");
    assert_eq!(bob.has_ended().await?, "You hung up.");

    bob.call("alice").await?;
    alice.answer().await?;
    bob.is_in("connected").await?;
    bob.click("hang-up").await?;
    assert_eq!(alice.has_ended().await?, "bob hung up.");
    assert_eq!(alice.number("handset.log.length").await?, 2.0, "both calls are in the log");
    Ok(())
}

pub(crate) async fn the_frame_length_that_a_page_asks_for_is_what_it_gets(stage: &Stage) -> Outcome {
    let sixty = Visit { settings: Some(json!({ "frameMs": 60 })), ..Visit::default() };
    let alice = Page::online(stage, "alice", sixty).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.call("bob").await?;
    bob.answer().await?;
    alice.is_in("connected").await?;
    bob.is_in("connected").await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let counts = "return document.timeline.currentTime + ' ' + handset.quality.packetsIn";
    for (page, frame_ms) in [(&alice, 60.0), (&bob, 10.0)] {
        page.until("figures are there", "handset.quality?.packetsIn > 0").await?;
        let before = page.number("handset.quality.packetsIn").await?;
        page.until("later figures are there", &format!("handset.quality.packetsIn > {before}")).await?;
        let (from, middle) = (page.run(counts).await?, page.number("handset.quality.packetsIn").await?);
        page.until("figures of a second later are there", &format!("handset.quality.packetsIn > {middle}"))
            .await?;
        let packets = page.number("handset.quality.packetsIn").await? - middle;
        let frames = 1000.0 / frame_ms;
        assert!(
            (packets / frames - 1.0).abs() < 0.25,
            "{}: {packets} packets in a second from {from}",
            page.name
        );
        assert_eq!(page.number("handset.descriptions.opusWanted.frameMs").await?, frame_ms);
    }
    assert_eq!(bob.number("handset.descriptions.opusAsked.frameMs").await?, 60.0);
    Ok(())
}

pub(crate) async fn the_keyboard_alone_is_enough(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.until("it sees bob online", "handset.online.includes('bob')").await?;

    assert_eq!(alice.focused().await?, "dial-input", "where a name can be typed at once");
    alice.tab_to("call-person").await?;
    alice.press(Key::Enter).await?;
    bob.is_in("ringing").await?;
    assert_eq!(bob.focused().await?, "accept");
    assert_eq!(bob.run("return handset.ring").await?, json!({ "name": "incoming", "audible": true }));
    assert!(
        bob.run("return document.title").await?.as_str().unwrap_or_default().contains("alice is calling")
    );
    tokio::time::sleep(Duration::from_millis(600)).await;
    bob.press(Key::Enter).await?;
    alice.is_in("connected").await?;

    alice.type_text("m").await?;
    alice.until("it is muted", "handset.call.muted").await?;
    alice.type_text("m").await?;
    alice.until("it is no longer muted", "!handset.call.muted").await?;
    alice.tab_to("hold").await?;
    alice.press(Key::Enter).await?;
    bob.until("it is on hold", "handset.call.hold.there").await?;
    alice.type_text("h").await?;
    bob.until("it is no longer on hold", "!handset.call.hold.there").await?;
    bob.tab_to("hang-up").await?;
    bob.press(Key::Enter).await?;
    alice.has_ended().await?;
    assert_eq!(bob.focused().await?, "dial-input", "ready for the next call");

    bob.call("alice").await?;
    alice.is_in("ringing").await?;
    alice.press(Key::Escape).await?;
    assert_eq!(bob.has_ended().await?, "alice declined the call.");
    Ok(())
}

pub(crate) async fn mute_and_hold_are_silence_for_the_other_side(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.call("bob").await?;
    bob.answer().await?;
    let heard = "handset.levels.theirs > -40";
    let silent = "handset.levels.theirs < -55";
    bob.until("it hears alice", heard).await?;

    alice.click("mute").await?;
    bob.until("it hears nothing of a muted alice", silent).await?;
    assert_eq!(bob.run("return handset.call.state").await?, "connected");
    alice.click("mute").await?;
    bob.until("it hears alice again", heard).await?;

    alice.click("hold").await?;
    bob.is_in("held").await?;
    alice.is_in("held").await?;
    alice.until("it hears nothing of bob", silent).await?;
    bob.until("it hears nothing of alice", silent).await?;
    assert_eq!(bob.text("call-state").await?, "alice put you on hold");
    alice.click("hold").await?;
    bob.is_in("connected").await?;
    bob.until("it hears alice again", heard).await?;
    alice.until("it hears bob again", heard).await
}
