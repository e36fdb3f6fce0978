//! What joins a device's half in the run loop to the thread that keeps the device open.

use std::{sync::mpsc, thread::Thread};

use super::{DeviceFormat, EndEvent};

/// What the thread tells the run loop.
#[cfg_attr(not(feature = "device"), expect(dead_code, reason = "without devices there is no thread to tell"))]
pub(super) enum Message<Half> {
    /// The device was opened, or opened again: this is the other half of its ring.
    Opened { half: Half, format: DeviceFormat },
    /// Something happened to it.
    Event(EndEvent),
}

/// The run loop's end; dropping it wakes the thread, which then sees that it is closed.
pub(super) struct Link<Half> {
    messages: mpsc::Receiver<Message<Half>>,
    supervisor: Option<Thread>,
}

impl<Half> Link<Half> {
    pub(super) fn new(messages: mpsc::Receiver<Message<Half>>, supervisor: Option<Thread>) -> Link<Half> {
        Link { messages, supervisor }
    }

    pub(super) fn poll(&mut self) -> Option<Message<Half>> {
        self.messages.try_recv().ok()
    }
}

impl<Half> Drop for Link<Half> {
    fn drop(&mut self) {
        if let Some(supervisor) = &self.supervisor {
            supervisor.unpark();
        }
    }
}
