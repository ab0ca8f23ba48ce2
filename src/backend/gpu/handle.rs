//! A caller's end of something that lives on a device: its number there, and the calls that reach it.

use super::device::Device;
use super::owner;
use crate::Result;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// Owns one `R` on the device of an adapter; dropping it frees it there.
pub(super) struct Handle<R> {
    adapter: usize,
    id: u64,
    kind: PhantomData<fn() -> R>,
}

impl<R: 'static> Handle<R> {
    /// Makes an `R` on the owner thread; what `make` returns beside it comes back.
    pub fn new<T: Send + 'static>(
        adapter: usize,
        make: impl FnOnce(&mut Device) -> Result<(R, T)> + Send + 'static,
    ) -> Result<(Self, T)> {
        // Errors of the device show up after the fact: dropping the handle frees what could be allocated.
        let handle = Handle { adapter, id: NEXT_ID.fetch_add(1, Ordering::Relaxed), kind: PhantomData };
        let id = handle.id;
        let beside = owner::call(move |state| {
            state.device(adapter)?.guarded(|device| {
                let (made, beside) = make(device)?;
                device.kept.insert(id, Box::new(made));
                Ok(beside)
            })
        })?;
        Ok((handle, beside))
    }

    /// Runs `work` on the device where the `R` lives.
    pub fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Device, &mut R) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (adapter, id) = (self.adapter, self.id);
        owner::call(move |state| {
            state.existing(adapter)?.guarded(|device| {
                match device.kept.remove(&id).and_then(|kept| kept.downcast::<R>().ok()) {
                    Some(mut found) => {
                        let result = work(device, &mut found);
                        device.kept.insert(id, found);
                        result
                    }
                    None => Err(device.error("the device was lost and this run with it: start the block again".into())),
                }
            })
        })
    }
}

impl<R> Drop for Handle<R> {
    fn drop(&mut self) {
        let (adapter, id) = (self.adapter, self.id);
        owner::post(move |state| {
            if let Ok(device) = state.existing(adapter) {
                device.kept.remove(&id);
            }
        });
    }
}

#[cfg(test)]
impl<R> Handle<R> {
    /// Of an adapter that does not exist: nothing reaches a device.
    pub fn nowhere() -> Self {
        Handle { adapter: usize::MAX, id: u64::MAX, kind: PhantomData }
    }
}
