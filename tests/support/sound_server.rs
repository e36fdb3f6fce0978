//! A PulseAudio of the test's own with virtual cables, in a folder of its own, so that nobody's sound is touched and none
//! is needed.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// It answers within this, even on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// A running sound server. What is played to a cable `NAME` is recorded from `NAME.monitor`.
pub(crate) struct SoundServer {
    server: Child,
    home: PathBuf,
}

impl SoundServer {
    /// Starts one with these cables, the first being the default, or says that there is none to start.
    pub(crate) fn start(test: &str, cables: &[&str]) -> Option<Self> {
        let home = env::temp_dir().join(format!("handset-sound-{}-{test}", std::process::id()));
        fs::create_dir_all(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = in_home("pulseaudio".as_ref(), &home);
        command.args(["-n", "--daemonize=no", "--exit-idle-time=-1", "--system=false", "--use-pid-file=no"]);
        command.arg("--load=module-native-protocol-unix auth-anonymous=1");
        command.args(cables.iter().map(|name| format!("--load=module-null-sink {}", cable(name))));
        command.arg("--load=module-always-sink");
        let Ok(server) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            let _ = fs::remove_dir_all(&home);
            let required = env::var("HANDSET_TEST_TOOLS").is_ok_and(|tools| tools == "required");
            assert!(!required, "pulseaudio is not installed");
            eprintln!("skipped: {test}, pulseaudio is not installed");
            return None;
        };
        let server = Self { server, home };
        let begun = Instant::now();
        while !server.control(&["info"]) {
            assert!(begun.elapsed() < STARTS_WITHIN, "pulseaudio does not answer");
            thread::sleep(Duration::from_millis(50));
        }
        Some(server)
    }

    /// A program that finds this sound server and no other.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        in_home(program.as_ref(), &self.home)
    }

    /// Whether `pactl` could do this.
    pub(crate) fn control(&self, args: &[&str]) -> bool {
        let mut pactl = self.command("pactl");
        pactl.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        pactl.status().expect("pactl comes with pulseaudio").success()
    }

    /// Plugs in a cable.
    #[allow(dead_code, reason = "not every test that has a sound server pulls its plugs")]
    pub(crate) fn plug_in(&self, name: &str) -> PluggedIn {
        let mut pactl = self.command("pactl");
        let module = pactl.args(["load-module", "module-null-sink"]).args(cable(name).split(' ')).output();
        let module = module.expect("pactl comes with pulseaudio");
        assert!(module.status.success(), "{module:?}");
        PluggedIn(String::from_utf8_lossy(&module.stdout).trim().to_owned())
    }

    /// Pulls a cable out.
    #[allow(dead_code, reason = "not every test that has a sound server pulls its plugs")]
    pub(crate) fn pull_out(&self, cable: PluggedIn) {
        assert!(self.control(&["unload-module", &cable.0]));
    }
}

/// A cable that was plugged in by hand: the number of its module.
#[allow(dead_code, reason = "not every test that has a sound server pulls its plugs")]
pub(crate) struct PluggedIn(String);

fn cable(name: &str) -> String {
    format!("sink_name={name} rate=48000 channels=2")
}

fn in_home(program: &OsStr, home: &PathBuf) -> Command {
    let mut command = Command::new(program);
    command.env("HOME", home).env("XDG_RUNTIME_DIR", home);
    command.env_remove("PULSE_SERVER").env_remove("PULSE_COOKIE");
    command
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.home);
    }
}
