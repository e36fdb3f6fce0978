//! A peer put together step by step.

use super::{AtEnd, Ends, Events, Peer, PeerConfig, PeerError};
use crate::audio::SenderConfig;
use crate::audio::control::Policy;
use crate::audio::device::{Input, Output, SinkSpec, SourceSpec};
use crate::call::Direction;
use crate::signaling::PeerId;

/// Puts a [`Peer`] together; made by [`Peer::builder`]. What is not said stays as in [`PeerConfig::new`].
#[derive(Default)]
#[must_use = "nothing happens before `start`"]
pub struct PeerBuilder {
    change: Vec<Change>,
    input: Option<Input>,
    output: Option<Output>,
}

type Change = Box<dyn FnOnce(&mut PeerConfig)>;

impl PeerBuilder {
    /// Anything of the configuration.
    pub fn configure(mut self, change: impl FnOnce(&mut PeerConfig) + 'static) -> Self {
        self.change.push(Box::new(change));
        self
    }

    /// The switchboard, `ws://` or `wss://`.
    pub fn server(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.configure(|config| config.server = url)
    }

    /// Where our voice comes from.
    pub fn input(self, input: SourceSpec) -> Self {
        self.configure(|config| config.input = input)
    }

    /// Where theirs goes.
    pub fn output(self, output: SinkSpec) -> Self {
        self.configure(|config| config.output = output)
    }

    /// Sound of the program's own in place of [`PeerBuilder::input`], for the first call.
    pub fn custom_input(mut self, input: Input) -> Self {
        self.input = Some(input);
        self
    }

    /// An end of the program's own in place of [`PeerBuilder::output`], for the first call.
    pub fn custom_output(mut self, output: Output) -> Self {
        self.output = Some(output);
        self
    }

    /// Which way audio flows.
    pub fn direction(self, direction: Direction) -> Self {
        self.configure(move |config| config.direction = direction)
    }

    /// How our voice is coded: frame length and bitrate stay as they are here, whatever the network does.
    pub fn audio(self, audio: SenderConfig) -> Self {
        self.configure(|config| {
            config.policy.frame = Some(audio.frame);
            config.policy.bitrate = Some(audio.bitrate);
            config.audio = audio;
        })
    }

    /// What is wanted of the sender, and what of it is fixed.
    pub fn policy(self, policy: Policy) -> Self {
        self.configure(move |config| config.policy = policy)
    }

    /// What happens when the input ends.
    pub fn at_end(self, at_end: AtEnd) -> Self {
        self.configure(move |config| config.at_end = at_end)
    }

    /// Takes calls without asking.
    pub fn auto_answer(self) -> Self {
        self.configure(|config| config.auto_answer = true)
    }

    /// Starts the peer; it connects and registers on its own.
    ///
    /// # Errors
    /// As [`Peer::start`].
    pub fn start(self, id: PeerId) -> Result<(Peer, Events), PeerError> {
        let mut config = PeerConfig::new(id);
        for change in self.change {
            change(&mut config);
        }
        Peer::start_on(config, Ends::custom(self.input, self.output))
    }
}
