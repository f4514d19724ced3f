//! New limits for a running driver, from other threads.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::LinkLimits;
use crate::selector::Selector;

/// Changes the limits of a running driver from other threads. Clones belong to one driver.
#[derive(Clone)]
pub struct LimitsSender {
    shared: Arc<NewLimits>,
    selector: Arc<Selector>,
}

/// Limits that the driver has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct NewLimits {
    changed: AtomicBool,
    limits: Mutex<Option<LinkLimits>>,
}

impl fmt::Debug for LimitsSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitsSender").finish_non_exhaustive()
    }
}

impl LimitsSender {
    pub(crate) fn new(shared: Arc<NewLimits>, selector: Arc<Selector>) -> Self {
        LimitsSender { shared, selector }
    }

    /// From its next turn on, the driver accepts connections by these limits. Open links stay open,
    /// and count.
    pub fn set(&self, limits: LinkLimits) {
        let slot = self.shared.limits.lock();
        *slot.unwrap_or_else(PoisonError::into_inner) = Some(limits);
        self.shared.changed.store(true, Ordering::Release);
        if let Err(error) = self.selector.notify() {
            log::error!("driver: cannot be woken for new limits: {error}");
        }
    }
}

impl NewLimits {
    /// Takes the limits, if they have changed.
    pub(crate) fn take(&self) -> Option<LinkLimits> {
        if !self.changed.swap(false, Ordering::Acquire) {
            return None;
        }
        let slot = self.limits.lock();
        slot.unwrap_or_else(PoisonError::into_inner).take()
    }
}
