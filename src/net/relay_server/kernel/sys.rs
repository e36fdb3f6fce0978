//! The `bpf` system call: maps, programs, and their links to interfaces.
//!
//! What the kernel reads and writes in our memory has its length in the type: a [`Map`] knows how long its keys and
//! values are.
#![expect(unsafe_code, reason = "no crate loads programs that were not compiled by clang")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::assembler::Instruction;

/// `enum bpf_cmd`.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
enum Command {
    MapCreate = 0,
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    ProgramLoad = 5,
    #[cfg(test)]
    ProgramRun = 10,
    LinkCreate = 28,
}

/// `enum bpf_map_type`.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(super) enum MapKind {
    Hash = 1,
    Array = 2,
}

/// Memory for an entry when it is made, and not for all that may be (`BPF_F_NO_PREALLOC`).
const NOT_ALLOCATED_AHEAD: u32 = 1;

/// `BPF_PROG_TYPE_SCHED_CLS`.
const CLASSIFIER: u32 = 3;

/// `BPF_TCX_INGRESS`.
const AT_ENTRANCE: u32 = 46;

/// What the program may call: nothing of the kernel's that asks for its own license.
const LICENSE: &std::ffi::CStr = c"MIT";

/// Room for what the verifier says of a program that it refuses.
const LOG_BYTES: usize = 256 * 1024;

/// `union bpf_attr`: every command reads its own numbers at places of its own. Longer than any that we give; what is
/// behind is zero, as it must be.
#[repr(C, align(8))]
struct Attributes([u8; 128]);

impl Attributes {
    fn new() -> Self {
        Self([0; 128])
    }

    fn u32(mut self, at: usize, value: u32) -> Self {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn u64(mut self, at: usize, value: u64) -> Self {
        self.0[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn descriptor(self, at: usize, descriptor: BorrowedFd<'_>) -> Self {
        self.u32(at, descriptor.as_raw_fd() as u32)
    }

    /// The address of something that the kernel reads. Whoever calls with it keeps that alive.
    fn pointer<T: ?Sized>(self, at: usize, target: &T) -> Self {
        self.u64(at, std::ptr::from_ref(target).cast::<()>().expose_provenance() as u64)
    }

    /// The address of something that the kernel writes.
    fn pointer_mut<T: ?Sized>(self, at: usize, target: &mut T) -> Self {
        self.u64(at, std::ptr::from_mut(target).cast::<()>().expose_provenance() as u64)
    }
}

/// # Safety
/// Each address in the attributes leads to memory that lives beyond the call, as long as the command reads it or writes it.
unsafe fn bpf(command: Command, attributes: &mut Attributes) -> io::Result<i32> {
    // SAFETY: the attributes live and are as long as it says; the caller answers for what they lead to.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_int,
            std::ptr::from_mut(&mut attributes.0),
            size_of::<Attributes>() as libc::c_uint,
        )
    };
    i32::try_from(result).ok().filter(|result| *result >= 0).ok_or_else(io::Error::last_os_error)
}

/// # Safety
/// As for [`bpf`]; the command is one that gives a descriptor.
unsafe fn bpf_descriptor(command: Command, attributes: &mut Attributes) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise.
    let descriptor = unsafe { bpf(command, attributes)? };
    // SAFETY: it was opened just now, for us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// A table that the kernel's program and this process share.
#[derive(Debug)]
pub(super) struct Map<const KEY: usize, const VALUE: usize>(OwnedFd);

impl<const KEY: usize, const VALUE: usize> Map<KEY, VALUE> {
    /// One with room for so many entries; an array has them all from the beginning.
    pub(super) fn create(kind: MapKind, entries: u32) -> io::Result<Self> {
        let flags = match kind {
            MapKind::Hash => NOT_ALLOCATED_AHEAD,
            MapKind::Array => 0,
        };
        let mut attributes = Attributes::new()
            .u32(0, kind as u32)
            .u32(4, KEY as u32)
            .u32(8, VALUE as u32)
            .u32(12, entries)
            .u32(16, flags);
        // SAFETY: no address in it; it gives a descriptor.
        unsafe { bpf_descriptor(Command::MapCreate, &mut attributes) }.map(Self)
    }

    pub(super) fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Puts an entry in, in the place of an older one, at once for whoever reads it.
    pub(super) fn put(&self, key: &[u8; KEY], value: &[u8; VALUE]) -> io::Result<()> {
        let mut attributes =
            Attributes::new().descriptor(0, self.0.as_fd()).pointer(8, key).pointer(16, value);
        // SAFETY: the map was made with these lengths, and key and value are borrowed beyond the call.
        unsafe { bpf(Command::MapUpdate, &mut attributes) }.map(drop)
    }

    /// Takes an entry out, if it is there.
    pub(super) fn remove(&self, key: &[u8; KEY]) -> io::Result<()> {
        let mut attributes = Attributes::new().descriptor(0, self.0.as_fd()).pointer(8, key);
        // SAFETY: the map was made with this length, and the key is borrowed beyond the call.
        unsafe { bpf(Command::MapDelete, &mut attributes) }.map(drop)
    }

    /// Reads an entry.
    pub(super) fn get(&self, key: &[u8; KEY]) -> io::Result<[u8; VALUE]> {
        let mut value = [0; VALUE];
        let mut attributes =
            Attributes::new().descriptor(0, self.0.as_fd()).pointer(8, key).pointer_mut(16, &mut value);
        // SAFETY: the map was made with these lengths, and no kind that we make has a value for each processor; key and
        // value live beyond the call.
        unsafe { bpf(Command::MapLookup, &mut attributes) }?;
        Ok(value)
    }
}

/// A program that the kernel has found safe.
#[derive(Debug)]
pub(super) struct Program(OwnedFd);

impl Program {
    /// Gives it to the kernel. What the verifier has against it is logged.
    pub(super) fn load(code: &[Instruction]) -> io::Result<Self> {
        Self::load_with(code, &mut []).inspect_err(|_| {
            let mut log = vec![0; LOG_BYTES];
            if Self::load_with(code, &mut log).is_err() {
                let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
                tracing::debug!("the verifier says: {}", String::from_utf8_lossy(&log[..end]));
            }
        })
    }

    fn load_with(code: &[Instruction], log: &mut [u8]) -> io::Result<Self> {
        let mut attributes = Attributes::new()
            .u32(0, CLASSIFIER)
            .u32(4, code.len() as u32)
            .pointer(8, code)
            .pointer(16, LICENSE)
            .u32(68, AT_ENTRANCE);
        attributes.0[48..55].copy_from_slice(b"handset");
        if !log.is_empty() {
            attributes = attributes.u32(24, 1).u32(28, log.len() as u32).pointer_mut(32, log);
        }
        // SAFETY: code, license and log are borrowed beyond the call; code and log are as long as it says, the license
        // ends with a zero.
        unsafe { bpf_descriptor(Command::ProgramLoad, &mut attributes) }.map(Self)
    }

    /// Runs it for each packet that comes in at an interface, as long as the link lives.
    pub(super) fn attach(&self, interface: u32) -> io::Result<OwnedFd> {
        let mut attributes =
            Attributes::new().descriptor(0, self.0.as_fd()).u32(4, interface).u32(8, AT_ENTRANCE);
        // SAFETY: no address in it; it gives a descriptor.
        unsafe { bpf_descriptor(Command::LinkCreate, &mut attributes) }
    }

    /// Runs it for one packet, with `struct __sk_buff` as context: what it returns, and the packet then.
    #[cfg(test)]
    pub(super) fn run(&self, packet: &[u8], context: &[u8]) -> io::Result<(i32, Vec<u8>)> {
        let mut after = vec![0; packet.len() + 256];
        let mut attributes = Attributes::new()
            .descriptor(0, self.0.as_fd())
            .u32(8, packet.len() as u32)
            .u32(12, after.len() as u32)
            .pointer(16, packet)
            .pointer_mut(24, after.as_mut_slice())
            .u32(40, context.len() as u32)
            .pointer(48, context);
        // SAFETY: both packets and the context live beyond the call and are as long as it says.
        unsafe { bpf(Command::ProgramRun, &mut attributes) }?;
        let number = |at: usize| u32::from_ne_bytes(attributes.0[at..at + 4].try_into().expect("four bytes"));
        after.truncate(number(12) as usize);
        Ok((number(4) as i32, after))
    }
}
