//! Things that go wrong, and what the page says then.

use std::time::Duration;

use fantoccini::key::Key;

use crate::Outcome;
use crate::page::{Page, Visit};
use crate::stage::Stage;
use crate::switchboard::Switchboard;

pub(crate) async fn a_refused_microphone_is_said_in_words_and_the_caller_still_listens(
    stage: &Stage,
) -> Outcome {
    let refused = Visit { microphone_refused: true, ..Visit::default() };
    let alice = Page::online(stage, "alice", refused).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.call("bob").await?;
    bob.answer().await?;
    alice.is_in("connected").await?;
    let words = alice.text("microphone-note").await?;
    assert!(words.contains("was not allowed to use your microphone"), "{words}");
    assert!(words.contains("bob cannot hear you") && words.contains("Allow the microphone"), "{words}");
    alice.until("it hears bob all the same", "handset.levels.theirs > -40").await?;
    bob.until(
        "bob's page says so too",
        "document.getElementById('call-note').innerText === 'alice is only listening.'",
    )
    .await?;
    alice.click("microphone-retry").await?;
    alice.until("it was refused once more", "handset.microphone.kind === 'refused'").await?;
    alice.is_in("connected").await?;

    alice.click("hang-up").await?;
    bob.has_ended().await?;
    bob.call("alice").await?;
    alice.answer().await?;
    alice.until("it hears bob when called, too", "handset.levels.theirs > -40").await
}

pub(crate) async fn an_unplugged_microphone_is_said_and_taken_back(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    // The page's own microphone, caught so that the test can pull its plug as a browser would.
    alice
        .run(
            "const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
             navigator.mediaDevices.getUserMedia = async wish => (window.caught = await open(wish));",
        )
        .await?;
    alice.call("bob").await?;
    bob.answer().await?;
    bob.until("it hears alice", "handset.levels.theirs > -40").await?;
    alice
        .run("const [track] = caught.getTracks(); track.stop(); track.dispatchEvent(new Event('ended'));")
        .await?;
    alice.until("the page says so", "handset.microphone.kind === 'unplugged'").await?;
    assert!(alice.text("microphone-note").await?.contains("unplugged"));
    bob.until("bob's page knows", "!handset.call.peerSpeaks").await?;
    alice.run("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))").await?;
    bob.until("it hears alice again", "handset.call.peerSpeaks && handset.levels.theirs > -40").await?;
    alice.until("the words are gone", "document.getElementById('microphone-note').hidden").await
}

pub(crate) async fn calling_nobody_or_oneself_is_one_clear_sentence(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    alice.call("nobody").await?;
    alice
        .until("the page says so", "document.getElementById('last').innerText === 'nobody is not online.'")
        .await?;
    alice.call("alice").await?;
    alice
        .until(
            "the page says so",
            "document.getElementById('dial-error').innerText.startsWith('That is you.')",
        )
        .await?;
    alice.run("document.getElementById('dial-input').value = 'not a name'").await?;
    alice.press(Key::Enter).await?;
    assert!(alice.text("dial-error").await?.starts_with("A name has only letters"));
    assert_eq!(
        alice.run("return document.getElementById('dial-input').getAttribute('aria-invalid')").await?,
        "true"
    );
    Ok(())
}

pub(crate) async fn a_name_in_use_is_said_in_words(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let other = Page::open(stage, "the other alice", Visit::default()).await?;
    other.type_text("alice").await?;
    other.press(Key::Enter).await?;
    other.until("it is refused", "handset.line === 'refused'").await?;
    let words = other.text("sign-in-error").await?;
    assert!(words.contains("online as “alice” already"), "{words}");
    assert_eq!(alice.run("return handset.line").await?, "registered", "the first one notices nothing");
    Ok(())
}

pub(crate) async fn a_page_that_is_left_ends_its_call_and_frees_its_name(stage: &Stage) -> Outcome {
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.call("bob").await?;
    bob.answer().await?;
    bob.is_in("connected").await?;
    alice.reload().await?;
    bob.has_ended().await?;
    alice
        .until(
            "it is online again under the remembered name",
            "handset.line === 'registered' && handset.id === 'alice'",
        )
        .await?;
    bob.until("it sees alice again", "handset.online.includes('alice')").await
}

pub(crate) async fn a_call_outlives_its_switchboard_and_is_known_to_the_next(stage: &Stage) -> Outcome {
    let first = stage.switchboard()?;
    let alice = Page::online(stage, "alice", Visit::default()).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.call("bob").await?;
    bob.answer().await?;
    alice.is_in("connected").await?;

    first.stop();
    alice.until("it knows that it is offline", "handset.line === 'waiting'").await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    alice
        .until("it still hears bob", "handset.call.state === 'connected' && handset.levels.theirs > -40")
        .await?;

    let _second = Switchboard::start_at(first.address(), &[])?;
    alice
        .until("it is online again", "handset.line === 'registered' && handset.online.includes('bob')")
        .await?;
    bob.until("it is online again", "handset.line === 'registered' && handset.online.includes('alice')")
        .await?;
    alice.click("hold").await?;
    bob.is_in("held").await?;
    alice.click("hold").await?;
    bob.is_in("connected").await?;
    alice.click("hang-up").await?;
    assert_eq!(bob.has_ended().await?, "alice hung up.");
    Ok(())
}

pub(crate) async fn a_phone_shows_everything_and_every_button_is_big_enough(stage: &Stage) -> Outcome {
    let phone = Visit { phone: true, ..Visit::default() };
    let alice = Page::open(stage, "alice", phone).await?;
    fits(&alice, "at the question for the name").await?;
    alice.type_text("alice").await?;
    alice.press(Key::Enter).await?;
    let bob = Page::online(stage, "bob", Visit::default()).await?;
    alice.until("it sees bob online", "handset.online.includes('bob')").await?;
    fits(&alice, "when idle").await?;
    bob.call("alice").await?;
    alice.is_in("ringing").await?;
    fits(&alice, "while it rings").await?;
    alice.click("accept").await?;
    alice.is_in("connected").await?;
    alice.run("document.getElementById('figures').open = true").await?;
    alice.until("figures are there", "handset.quality !== null").await?;
    fits(&alice, "in a call").await
}

/// Nothing sticks out to the side, and nothing to be pressed is smaller than a fingertip.
async fn fits(page: &Page, when: &str) -> Outcome {
    let wrong = page
        .run(
            "const wide = document.documentElement.scrollWidth > innerWidth ? ['the page is too wide'] : [];
             const small = [...document.querySelectorAll('button, input:not([type=checkbox])')]
               .map(one => [one.id || one.className, one.getBoundingClientRect()])
               .filter(([, box]) => box.width > 0 && (box.width < 44 || box.height < 44))
               .map(([id, box]) => `${id}: ${box.width} x ${box.height}`);
             return wide.concat(small).join(', ');",
        )
        .await?;
    assert_eq!(wrong, "", "{when}");
    Ok(())
}
