//! One browser with the web client in it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use libtest_mimic::Failed;
use serde_json::Value;

use crate::Outcome;
use crate::stage::{Kind, Stage};

/// The longest wait for a page: a call is set up in a second, but browsers share the machine with who knows what.
const WAIT_LIMIT: Duration = Duration::from_secs(30);

/// What a browser is started with.
#[derive(Clone, Default)]
pub(crate) struct Visit {
    /// What the microphone hears; a beep where there is no file.
    pub(crate) microphone: Option<PathBuf>,
    /// The browser's site settings forbid the microphone.
    pub(crate) microphone_refused: bool,
    /// The screen of a small phone instead of a desk's.
    pub(crate) phone: bool,
    /// The page's settings as it keeps them, instead of its defaults.
    pub(crate) settings: Option<Value>,
    /// The page uses a relay alone.
    pub(crate) relay_only: bool,
}

/// A browser, its page, and the name that it signed in with.
pub(crate) struct Page {
    /// Who sits before it.
    pub(crate) name: String,
    client: Client,
}

impl Page {
    /// Opens the page and goes online under a name.
    pub(crate) async fn online(stage: &Stage, name: &str, visit: Visit) -> Result<Self, Failed> {
        let page = Self::open(stage, name, visit).await?;
        page.type_text(name).await?;
        page.press(Key::Enter).await?;
        page.until("it is online", "handset.line === 'registered'").await?;
        Ok(page)
    }

    /// Opens the page and leaves it at the question for the name.
    pub(crate) async fn open(stage: &Stage, name: &str, visit: Visit) -> Result<Self, Failed> {
        let kind = Kind {
            microphone: visit.microphone,
            microphone_refused: visit.microphone_refused,
            phone: visit.phone,
        };
        let page = Self { name: name.to_owned(), client: stage.browser(kind).await? };
        let address = stage.switchboard()?.page();
        // A file without scripts: what earlier visits left behind is gone before the page could use it.
        page.client.goto(&format!("{address}icon.svg")).await?;
        page.run("localStorage.clear(); sessionStorage.clear()").await?;
        if let Some(settings) = visit.settings {
            page.run(&format!("localStorage.setItem('handset.settings', JSON.stringify({settings}))"))
                .await?;
        }
        let query = if visit.relay_only { "?policy=relay" } else { "" };
        page.client.goto(&format!("{address}{query}")).await?;
        page.until("its scripts run", "window.handset !== undefined").await?;
        Ok(page)
    }

    /// Types a name and calls it.
    pub(crate) async fn call(&self, peer: &str) -> Outcome {
        self.focus("dial-input").await?;
        self.type_text(peer).await?;
        self.press(Key::Enter).await
    }

    /// Waits for the ringing, then accepts by the button.
    pub(crate) async fn answer(&self) -> Outcome {
        self.is_in("ringing").await?;
        self.click("accept").await
    }

    /// Waits for a state of the call.
    pub(crate) async fn is_in(&self, state: &str) -> Outcome {
        self.until(&format!("its call is {state}"), &format!("handset.call?.state === '{state}'")).await
    }

    /// Waits for the end of the call and gives the sentence that the page shows about it.
    pub(crate) async fn has_ended(&self) -> Result<String, Failed> {
        self.until("its call is over", "handset.call === null && handset.lastEnded !== null").await?;
        self.text("last").await
    }

    /// Waits until an expression is true in the page.
    pub(crate) async fn until(&self, what: &str, condition: &str) -> Outcome {
        let started = Instant::now();
        while self.run(&format!("return Boolean({condition})")).await? != Value::Bool(true) {
            if started.elapsed() > WAIT_LIMIT {
                let state = self
                    .run("return JSON.stringify({ ...handset, descriptions: null })")
                    .await
                    .unwrap_or_default();
                return Err(format!("{}: waited in vain until {what}; the page: {state}", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        Ok(())
    }

    /// Runs a script in the page.
    pub(crate) async fn run(&self, script: &str) -> Result<Value, Failed> {
        self.client
            .execute(script, Vec::new())
            .await
            .map_err(|error| format!("{}: {script}: {error}", self.name).into())
    }

    /// A number out of the page; NaN where there is none.
    pub(crate) async fn number(&self, expression: &str) -> Result<f64, Failed> {
        Ok(self.run(&format!("return {expression}")).await?.as_f64().unwrap_or(f64::NAN))
    }

    /// The words shown in an element, by its `data-testid`.
    pub(crate) async fn text(&self, test_id: &str) -> Result<String, Failed> {
        let text =
            self.run(&format!("return document.querySelector('[data-testid={test_id}]').innerText")).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks an element as a mouse does.
    pub(crate) async fn click(&self, test_id: &str) -> Outcome {
        let element = self.client.find(Locator::Css(&format!("[data-testid={test_id}]"))).await?;
        Ok(element.click().await?)
    }

    /// Which element has the focus, by its `data-testid`.
    pub(crate) async fn focused(&self) -> Result<String, Failed> {
        let id = self
            .run("return document.activeElement.dataset.testid ?? document.activeElement.tagName")
            .await?;
        Ok(id.as_str().unwrap_or_default().to_owned())
    }

    async fn focus(&self, test_id: &str) -> Outcome {
        self.run(&format!("document.querySelector('[data-testid={test_id}]').focus()")).await.map(drop)
    }

    /// Types on the keyboard, wherever the focus is.
    pub(crate) async fn type_text(&self, text: &str) -> Outcome {
        self.strike(text.chars()).await
    }

    /// Presses one key that is no letter.
    pub(crate) async fn press(&self, key: Key) -> Outcome {
        self.strike([char::from(key)].into_iter()).await
    }

    async fn strike(&self, keys: impl Iterator<Item = char>) -> Outcome {
        let strokes = keys.fold(KeyActions::new("keyboard".to_owned()), |strokes, value| {
            strokes.then(KeyAction::Down { value }).then(KeyAction::Up { value })
        });
        Ok(self.client.perform_actions(strokes).await?)
    }

    /// Presses Tab until an element has the focus; fails if it cannot be reached.
    pub(crate) async fn tab_to(&self, test_id: &str) -> Outcome {
        for _ in 0..30 {
            if self.focused().await? == test_id {
                return Ok(());
            }
            self.press(Key::Tab).await?;
        }
        Err(format!("{}: Tab does not reach {test_id}", self.name).into())
    }

    /// Opens the page anew in the same browser.
    pub(crate) async fn reload(&self) -> Outcome {
        // A page in a call asks whether it may be left.
        let reloaded = self.client.refresh().await;
        if reloaded.is_err() {
            _ = self.client.accept_alert().await;
        }
        self.until("its scripts run", "window.handset !== undefined").await
    }
}
