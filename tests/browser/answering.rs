//! What can become of a call before it is answered.

use fantoccini::key::Key;
use serde_json::json;

use crate::Outcome;
use crate::page::{Page, Visit};
use crate::stage::Stage;

pub(crate) async fn a_call_can_be_declined_and_the_caller_is_told(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.call("bob").await?;
    bob.is_in("ringing").await?;
    alice.is_in("ringing").await?;
    assert_eq!(alice.run("return handset.ring.name").await?, "outgoing");
    bob.click("decline").await?;
    assert_eq!(alice.has_ended().await?, "bob declined the call.");
    assert_eq!(bob.has_ended().await?, "You declined the call from alice.");
    assert_eq!(bob.run("return handset.ring").await?, json!(null), "the ringing stopped");
    Ok(())
}

pub(crate) async fn a_third_caller_hears_busy(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    let carol = Page::online(stage, "carol", Visit::default()).await?;
    alice.call("bob").await?;
    bob.answer().await?;
    alice.is_in("connected").await?;
    carol.call("bob").await?;
    assert_eq!(carol.has_ended().await?, "bob is on another call.");
    bob.until(
        "the missed call is in the log",
        "handset.log[0].peer === 'carol' && handset.log[0].outcome === 'busy'",
    )
    .await?;
    bob.is_in("connected").await
}

pub(crate) async fn a_caller_who_gives_up_stops_the_ringing(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.call("bob").await?;
    bob.is_in("ringing").await?;
    alice.press(Key::Escape).await?;
    assert_eq!(bob.has_ended().await?, "alice stopped calling.");
    assert_eq!(bob.run("return handset.ring").await?, json!(null));
    assert!(bob.text("log-list").await?.contains("Missed"));
    Ok(())
}

pub(crate) async fn two_who_call_each_other_at_once_are_in_one_call(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.until("it sees bob online", "handset.online.includes('bob')").await?;
    let (one, other) = tokio::join!(alice.call("bob"), bob.call("alice"));
    one?;
    other?;
    alice.is_in("connected").await?;
    bob.is_in("connected").await?;
    let ids = [alice.run("return handset.call.id").await?, bob.run("return handset.call.id").await?];
    assert_eq!(ids[0], ids[1], "both are in the same call");
    assert_eq!(
        alice.run("return handset.call.incoming").await?,
        false,
        "the call of the smaller id survives"
    );
    bob.click("hang-up").await?;
    alice.has_ended().await.map(drop)
}
