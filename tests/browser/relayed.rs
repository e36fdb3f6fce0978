//! Calls of a Chromium that may use a relay alone: the switchboard's own, and coturn with credentials from the switchboard.

use libtest_mimic::Failed;
use serde_json::json;

use crate::Outcome;
use crate::coturn_process::Coturn;
use crate::native::{assert_heard, let_them_talk};
use crate::page::{Page, Visit};
use crate::peer::Peer;
use crate::recorder::{record, recorded};
use crate::stage::Stage;

/// Alice at a browser that shows none of its own addresses.
async fn alice(stage: &Stage) -> Result<Page, Failed> {
    let visit = Visit {
        microphone: Some(stage.speech[0].file.clone()),
        settings: Some(json!({ "processing": false })),
        relay_only: true,
        ..Visit::default()
    };
    Page::online(stage, "alice", visit).await
}

/// She calls bob.
async fn she_calls(stage: &Stage) -> Outcome {
    let mut bob = Peer::start(stage, "bob", &stage.speech[1].file, &["answer", "--auto"])?;
    bob.is_online().await?;
    let alice = alice(stage).await?;
    alice.until("it sees bob online", "handset.online.includes('bob')").await?;
    record(&alice).await?;
    alice.call("bob").await?;
    they_hear_each_other(stage, &alice, &mut bob).await
}

/// Bob calls her.
async fn he_calls(stage: &Stage) -> Outcome {
    let alice = alice(stage).await?;
    record(&alice).await?;
    let mut bob = Peer::start(stage, "bob", &stage.speech[1].file, &["call", "alice"])?;
    alice.answer().await?;
    they_hear_each_other(stage, &alice, &mut bob).await
}

async fn they_hear_each_other(stage: &Stage, alice: &Page, bob: &mut Peer) -> Outcome {
    alice.is_in("connected").await?;
    bob.is_in("connected").await?;
    let relayed = "handset.quality?.path?.startsWith('through a relay')";
    alice.until("its path leads through a relay", relayed).await?;
    let offered = alice.run("return handset.descriptions.local").await?.to_string();
    assert!(
        !offered.contains(" typ host") && !offered.contains(" typ srflx"),
        "nothing of its own: {offered}"
    );
    let_them_talk(stage).await;
    assert_heard("alice", stage.speech[1].found_in(&recorded(alice).await?));
    alice.click("hang-up").await?;
    let (exit, heard) = bob.ends().await?;
    assert_heard("bob", stage.speech[0].found_in(&heard));
    assert_eq!(exit, 0);
    Ok(())
}

pub(crate) async fn chromium_calls_a_peer_through_our_relay_and_both_are_heard(stage: &Stage) -> Outcome {
    she_calls(stage).await
}

pub(crate) async fn a_peer_calls_chromium_through_our_relay_and_both_are_heard(stage: &Stage) -> Outcome {
    he_calls(stage).await
}

/// coturn, and a switchboard that shares its secret and has no relay of its own.
fn coturn(stage: &Stage, name: &str) -> Result<Coturn, Failed> {
    let coturn = Coturn::start(name, &["--use-auth-secret", "--static-auth-secret=north"]);
    let url = format!("turn:{}?transport=udp", coturn.address());
    stage.switchboard_with(&["--no-relay", "--turn", &url, "--turn-secret", "north"])?;
    Ok(coturn)
}

pub(crate) async fn chromium_calls_a_peer_through_coturn_and_both_are_heard(stage: &Stage) -> Outcome {
    let _coturn = coturn(stage, "browser-calls")?;
    she_calls(stage).await
}

pub(crate) async fn a_peer_calls_chromium_through_coturn_and_both_are_heard(stage: &Stage) -> Outcome {
    let _coturn = coturn(stage, "browser-called")?;
    he_calls(stage).await
}
