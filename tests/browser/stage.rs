//! What every test stands on: tools, a chromedriver, a switchboard, and a list of what must be closed again.

use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use fantoccini::Client;
use futures_util::FutureExt as _;
use libtest_mimic::Failed;
use tokio::runtime::Runtime;

use crate::Outcome;
use crate::launch::launch;
use crate::speech::Speech;
use crate::switchboard::Switchboard;

/// A test takes seconds; on a machine with ten other things to do, a minute. One that takes longer hangs.
const TEST_LIMIT: Duration = Duration::from_secs(120);

/// A browser that has not left its page by then is of no more use.
const CLEAR_LIMIT: Duration = Duration::from_secs(10);

/// A test under way.
pub(crate) type Scene = Pin<Box<dyn Future<Output = Outcome>>>;

/// The tools, started once, for all tests.
pub(crate) struct Stage {
    /// The browser's executable.
    pub(crate) chromium: PathBuf,
    /// Where chromedriver listens.
    pub(crate) webdriver: String,
    /// What two people say, different words in different voices.
    pub(crate) speech: [Speech; 2],
    /// For everything that is written.
    pub(crate) folder: PathBuf,
    driver: Mutex<Child>,
    /// The switchboard of the test under way. Each has its own, so that names which one leaves behind trouble no other.
    switchboard: Mutex<Option<Arc<Switchboard>>>,
    runtime: Runtime,
    /// Browsers that the test under way uses, and those that wait for a test that wants their kind.
    used: Mutex<Vec<Browser>>,
    idle: Mutex<Vec<Browser>>,
}

/// What cannot be changed about a browser once it runs. Starting one takes longer than most tests, so they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind {
    /// What the microphone hears; a beep where there is no file.
    pub(crate) microphone: Option<PathBuf>,
    /// The browser's site settings forbid the microphone.
    pub(crate) microphone_refused: bool,
    /// The screen of a small phone instead of a desk's.
    pub(crate) phone: bool,
}

/// A browser and its kind.
struct Browser {
    kind: Kind,
    client: Client,
}

static STAGE: OnceLock<Result<Stage, String>> = OnceLock::new();

/// Whether a missing browser is a failure.
pub(crate) fn browser_is_required() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    is("HANDSET_REQUIRE_BROWSER", "1") || is("HANDSET_TEST_TOOLS", "required")
}

impl Stage {
    /// The stage, set up on first use; says what is missing.
    pub(crate) fn open() -> Result<&'static Self, String> {
        STAGE.get_or_init(Self::set_up).as_ref().map_err(Clone::clone)
    }

    fn set_up() -> Result<Self, String> {
        let chromium = find(&["chromium", "chromium-browser", "google-chrome"])?;
        let chromedriver = find(&["chromedriver", "chromium.chromedriver"])?;
        find(&["espeak-ng"])?;
        find(&["sox"])?;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("browser-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let speech = Speech::two(&folder)?;
        let (driver, webdriver) = start_driver(&chromedriver)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime: {error}"))?;
        Ok(Self {
            chromium,
            webdriver,
            switchboard: Mutex::default(),
            speech,
            folder,
            driver: Mutex::new(driver),
            runtime,
            used: Mutex::default(),
            idle: Mutex::default(),
        })
    }

    /// Runs a test to its end, its limit or its panic, then empties the browsers that it used.
    pub(crate) fn perform(&self, scene: Scene) -> Outcome {
        self.runtime.block_on(async {
            let limited = tokio::time::timeout(TEST_LIMIT, scene);
            let outcome = match AssertUnwindSafe(limited).catch_unwind().await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Failed::from(format!("not done after {TEST_LIMIT:?}"))),
                Err(panic) => Err(Failed::from(words_of(&*panic))),
            };
            for browser in drain(&self.used) {
                // Leaving the page ends its call.
                let left = tokio::time::timeout(CLEAR_LIMIT, browser.client.goto("about:blank")).await;
                if outcome.is_ok() && matches!(left, Ok(Ok(()))) {
                    locked(&self.idle).push(browser);
                } else {
                    _ = tokio::time::timeout(CLEAR_LIMIT, browser.client.close()).await;
                }
            }
            *locked(&self.switchboard) = None;
            outcome
        })
    }

    /// The switchboard of this test.
    pub(crate) fn switchboard(&self) -> Result<Arc<Switchboard>, Failed> {
        self.switchboard_with(&[])
    }

    /// The same; if it does not run yet it is started with these options.
    pub(crate) fn switchboard_with(&self, options: &[&str]) -> Result<Arc<Switchboard>, Failed> {
        let mut switchboard = locked(&self.switchboard);
        if let Some(running) = &*switchboard {
            return Ok(running.clone());
        }
        let started = Arc::new(Switchboard::start(options)?);
        *switchboard = Some(started.clone());
        Ok(started)
    }

    /// A browser of this kind: one that an earlier test left, or a new one.
    pub(crate) async fn browser(&self, kind: Kind) -> Result<Client, Failed> {
        let waiting = {
            let mut idle = locked(&self.idle);
            let place = idle.iter().position(|browser| browser.kind == kind);
            place.map(|place| idle.swap_remove(place))
        };
        let browser = match waiting {
            Some(browser) => browser,
            None => Browser { client: launch(self, &kind).await?, kind },
        };
        let client = browser.client.clone();
        locked(&self.used).push(browser);
        Ok(client)
    }

    /// Ends what the stage started.
    pub(crate) fn close() {
        let Some(Ok(stage)) = STAGE.get() else { return };
        stage.runtime.block_on(async {
            for browser in drain(&stage.idle) {
                _ = tokio::time::timeout(CLEAR_LIMIT, browser.client.close()).await;
            }
        });
        let mut driver = locked(&stage.driver);
        _ = driver.kill();
        _ = driver.wait();
        // A failed test leaves its recordings for whoever looks into it, until the next `cargo clean`.
        if std::env::var_os("HANDSET_KEEP").is_none() {
            _ = std::fs::remove_dir_all(&stage.folder);
        }
    }
}

/// The first of these commands that is in PATH.
fn find(names: &[&str]) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    names
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|file| file.is_file())
        .ok_or_else(|| format!("{} is not installed", names[0]))
}

/// Starts chromedriver on a port of its choice.
fn start_driver(chromedriver: &Path) -> Result<(Child, String), String> {
    let mut child = Command::new(chromedriver)
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", chromedriver.display()))?;
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("successfully on port ").map(|(_, port)| port.trim_end_matches('.').to_owned())
        })
        .ok_or("chromedriver did not say where it listens")?;
    // Whatever else it says must not fill the pipe.
    let drain = std::thread::Builder::new().name("chromedriver's words".to_owned());
    drain.spawn(move || lines.for_each(drop)).map_err(|error| format!("no thread: {error}"))?;
    Ok((child, format!("http://127.0.0.1:{port}")))
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
        .unwrap_or_else(|| "panicked".to_owned())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics with the lock held")
}

fn drain(browsers: &Mutex<Vec<Browser>>) -> Vec<Browser> {
    std::mem::take(&mut *locked(browsers))
}
