//! The thread that owns all GPU state of the process. Callers send it closures and wait for the answer.
//!
//! Drivers tie state to threads and processes: a device made by a thread that ends, used after `fork` or torn down by
//! exit handlers crashes or hangs. So one thread makes, uses and keeps everything; it is found by process id (a forked
//! child starts its own), stops at exit before the drivers do, and never drops a device unless [`shutdown`] asks.

use super::adapter::{self, AdapterInfo};
use super::device::Device;
use crate::process::at_exit;
use crate::{Error, Result};
use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Longest wait for drivers to load and list their devices.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait at exit for work in progress.
const EXIT_PATIENCE: Duration = Duration::from_secs(5);
/// The same in a forked child, whose driver may wait for a lock that stayed with the parent.
const FORKED_START_PATIENCE: Duration = Duration::from_secs(15);
/// Longest wait for one piece of work, compiling on the software driver included: a hung driver must not hang the host.
const WORK_PATIENCE: Duration = Duration::from_secs(1800);
/// The same in a forked child.
const FORKED_PATIENCE: Duration = Duration::from_secs(60);
/// naga's recursion needs more than the default stack of foreign threads.
const STACK_BYTES: usize = 8 << 20;
/// Times a lost device is opened again.
const MAX_REOPENS: u32 = 1;

enum Message {
    Job(Box<dyn FnOnce(&mut State) + Send>),
    /// Finish what was submitted; then drop everything or stay parked for ever.
    Stop {
        drop_devices: bool,
        done: SyncSender<()>,
    },
}

struct Owner {
    process: u32,
    sender: Sender<Message>,
}

static OWNER: Mutex<Option<Owner>> = Mutex::new(None);
/// Process that holds [`OWNER`]: after a fork in the wrong moment the lock belongs to nobody.
static LOCKED_BY: AtomicU32 = AtomicU32::new(0);
static EXITING: AtomicBool = AtomicBool::new(false);
/// A piece of work took longer than anybody waits: the driver hangs, and nobody waits for it again before it has answered.
static STUCK: AtomicBool = AtomicBool::new(false);
/// Milliseconds that [`WORK_PATIENCE`] is cut down to; 0: not at all. For tests.
static SHORT_PATIENCE: AtomicU64 = AtomicU64::new(0);
/// Whether this process was forked from one that had loaded a driver.
static FORKED: AtomicBool = AtomicBool::new(false);

/// All GPU state, on the owner thread only.
pub(super) struct State {
    instance: wgpu::Instance,
    adapters: Vec<wgpu::Adapter>,
    devices: HashMap<usize, Device>,
    reopens: HashMap<usize, u32>,
}

impl State {
    fn new() -> Self {
        let (instance, adapters) = adapter::enumerate();
        State { instance, adapters, devices: HashMap::new(), reopens: HashMap::new() }
    }

    /// What the drivers offer.
    pub fn infos(&self) -> Vec<AdapterInfo> {
        self.adapters.iter().enumerate().map(|(index, adapter)| AdapterInfo::new(index, adapter)).collect()
    }

    /// The device of an adapter for new work: opened at first use, once more after a loss.
    pub fn device(&mut self, index: usize) -> Result<&mut Device> {
        if self.devices.get(&index).is_some_and(Device::is_lost) {
            self.reopen(index)?;
        }
        if !self.devices.contains_key(&index) {
            let Some(adapter) = self.adapters.get(index) else {
                return Err(failed("the device is gone: check the driver or set backend=cpu"));
            };
            let device = Device::open(AdapterInfo::new(index, adapter), self.instance.clone(), adapter)?;
            self.devices.insert(index, device);
            // Registered after the driver was loaded, so it runs before the driver's own exit handlers.
            at_exit(quiesce_at_exit);
        }
        self.existing(index)
    }

    /// The device of an adapter for work that began on it.
    pub fn existing(&mut self, index: usize) -> Result<&mut Device> {
        self.devices.get_mut(&index).ok_or_else(|| failed("the device was closed: start the block again"))
    }

    fn reopen(&mut self, index: usize) -> Result<()> {
        let n = self.reopens.entry(index).or_default();
        if *n >= MAX_REOPENS {
            return Err(failed("the device was lost again after it had been reopened: set backend=cpu"));
        }
        *n += 1;
        let old = self.devices.remove(&index).map(|device| device.info.clone());
        let (instance, adapters) = adapter::enumerate();
        (self.instance, self.adapters) = (instance, adapters);
        let same = |new: &AdapterInfo| old.as_ref().is_some_and(|old| new.name == old.name && new.pci == old.pci);
        match self.infos().get(index).is_some_and(same) {
            true => Ok(()),
            false => Err(failed("the lost device did not come back: set backend=cpu")),
        }
    }
}

fn failed(reason: &str) -> Error {
    Error::Backend { backend: "gpu".into(), reason: reason.into() }
}

/// Runs `work` on the owner thread and waits for its result.
pub(super) fn call<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&mut State) -> Result<T> + Send + 'static,
{
    let sender = sender()?;
    if STUCK.load(Ordering::SeqCst) {
        // Whatever the thread gets done says that it answers again.
        let _ = sender.send(Message::Job(Box::new(|_| ())));
        return Err(failed("the driver still does not answer: restart the process or set backend=cpu"));
    }
    let (reply, answer) = sync_channel(1);
    let job = Message::Job(Box::new(move |state| {
        let result = catch_unwind(AssertUnwindSafe(|| work(state)));
        let panicked = || Err(failed("the driver interface panicked: set backend=cpu"));
        // Nobody may be waiting any more; then the result goes nowhere.
        let _ = reply.send(result.unwrap_or_else(|_| panicked()));
    }));
    sender.send(job).map_err(|_| stopped())?;
    let forked = FORKED.load(Ordering::SeqCst);
    let answer = answer.recv_timeout(patience(forked));
    STUCK.fetch_or(matches!(answer, Err(RecvTimeoutError::Timeout)), Ordering::SeqCst);
    match answer {
        Ok(result) => result,
        Err(RecvTimeoutError::Disconnected) => Err(stopped()),
        Err(RecvTimeoutError::Timeout) if forked => Err(failed(
            "the driver does not answer in a forked process: fork before the first block or set backend=cpu",
        )),
        Err(RecvTimeoutError::Timeout) => {
            Err(failed("the driver does not answer: restart the process or set backend=cpu"))
        }
    }
}

fn patience(forked: bool) -> Duration {
    match (SHORT_PATIENCE.load(Ordering::SeqCst), forked) {
        (0, true) => FORKED_PATIENCE,
        (0, false) => WORK_PATIENCE,
        (short, _) => Duration::from_millis(short),
    }
}

/// From now on a driver hangs that does not answer within `patience`.
pub(super) fn set_patience(patience: Duration) {
    SHORT_PATIENCE.store(patience.as_millis() as u64, Ordering::SeqCst);
}

/// Sends `work` to a running owner thread without waiting; does nothing where there is none.
pub(super) fn post(work: impl FnOnce(&mut State) + Send + 'static) {
    if EXITING.load(Ordering::SeqCst) {
        return;
    }
    if let Ok(owner) = lock(EXIT_PATIENCE)
        && let Some(owner) = owner.as_ref().filter(|owner| owner.process == std::process::id())
    {
        let _ = owner.sender.send(Message::Job(Box::new(work)));
    }
}

/// Finishes GPU work, closes all devices and ends the owner thread; later calls open them again.
///
/// Call it before the process exits where the driver is known to crash in exit handlers.
pub fn shutdown() {
    stop(true);
}

extern "C" fn quiesce_at_exit() {
    EXITING.store(true, Ordering::SeqCst);
    stop(false);
}

fn stop(drop_devices: bool) {
    let owner = lock(EXIT_PATIENCE).ok().and_then(|mut owner| owner.take());
    let Some(owner) = owner else { return };
    if owner.process != std::process::id() {
        // The thread stayed in the parent; the channel's memory is a copy of the parent's.
        std::mem::forget(owner);
        return;
    }
    let (done, finished) = sync_channel(1);
    if owner.sender.send(Message::Stop { drop_devices, done }).is_ok() {
        let _ = finished.recv_timeout(EXIT_PATIENCE);
    }
}

fn stopped() -> Error {
    failed("the GPU was shut down while work was waiting (the process is exiting): start the block again")
}

/// The lock on [`OWNER`], or an error where a fork left it locked for ever.
fn lock(patience: Duration) -> Result<MutexGuard<'static, Option<Owner>>> {
    let deadline = Instant::now() + patience;
    loop {
        match OWNER.try_lock() {
            Ok(guard) => {
                LOCKED_BY.store(std::process::id(), Ordering::SeqCst);
                return Ok(guard);
            }
            Err(TryLockError::Poisoned(poisoned)) => return Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => {
                let orphaned = LOCKED_BY.load(Ordering::SeqCst) != std::process::id();
                if Instant::now() > deadline || (orphaned && still_orphaned()) {
                    return Err(failed(
                        "the process was forked while its parent opened the GPU: fork earlier or set backend=cpu",
                    ));
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Whether the lock's holder is in another process; a thread of this one writes its id right after locking.
fn still_orphaned() -> bool {
    std::thread::sleep(Duration::from_millis(50));
    LOCKED_BY.load(Ordering::SeqCst) != std::process::id()
}

fn sender() -> Result<Sender<Message>> {
    if EXITING.load(Ordering::SeqCst) {
        return Err(stopped());
    }
    let mut owner = lock(START_PATIENCE + EXIT_PATIENCE)?;
    let process = std::process::id();
    if owner.as_ref().is_some_and(|owner| owner.process != process) {
        std::mem::forget(owner.take());
        FORKED.store(true, Ordering::SeqCst);
        // It was the parent's thread that hung.
        STUCK.store(false, Ordering::SeqCst);
    }
    match owner.as_ref() {
        Some(owner) => Ok(owner.sender.clone()),
        None => {
            let sender = start()?;
            *owner = Some(Owner { process, sender: sender.clone() });
            Ok(sender)
        }
    }
}

fn start() -> Result<Sender<Message>> {
    let (sender, messages) = channel();
    let (ready, started) = sync_channel(1);
    let thread = std::thread::Builder::new().name("inr-gpu".into()).stack_size(STACK_BYTES);
    thread
        .spawn(move || {
            let state = catch_unwind(State::new);
            let _ = ready.send(state.is_ok());
            if let Ok(state) = state {
                serve(&messages, state);
            }
        })
        .map_err(|e| failed(&format!("the GPU thread could not start ({e}): raise the limit on threads")))?;
    let forked = FORKED.load(Ordering::SeqCst);
    match started.recv_timeout(if forked { FORKED_START_PATIENCE } else { START_PATIENCE }) {
        Ok(true) => Ok(sender),
        Ok(false) | Err(RecvTimeoutError::Disconnected) => {
            Err(failed("a GPU driver failed while it was loaded: check it with `inr doctor` or set backend=cpu"))
        }
        Err(RecvTimeoutError::Timeout) => {
            Err(failed("a GPU driver did not answer: if the process was forked, fork earlier, or set backend=cpu"))
        }
    }
}

fn serve(messages: &Receiver<Message>, state: State) {
    let mut state = ManuallyDrop::new(state);
    for message in messages {
        match message {
            // At exit waiting work is dropped, which tells its callers.
            Message::Job(_) if EXITING.load(Ordering::SeqCst) => {}
            Message::Job(work) => {
                work(&mut state);
                STUCK.store(false, Ordering::SeqCst);
            }
            Message::Stop { drop_devices, done } => {
                state.devices.values().for_each(|device| device.quiesce(EXIT_PATIENCE));
                if drop_devices {
                    drop(ManuallyDrop::into_inner(state));
                    let _ = done.send(());
                    return;
                }
                let _ = done.send(());
                loop {
                    std::thread::park();
                }
            }
        }
    }
}
