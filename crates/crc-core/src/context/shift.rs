//! All times that this server holds are shifted, because its uplink's clock is another one:
//! as many at once as the work of one event permits, and the others in later events.
//!
//! Until all are shifted nothing is handled that could read or state one: what is read waits,
//! and so do timers and what is to be sent at the end of an event.

use super::{Context, NEXT_EVENT, Timer};

impl Context {
    /// Begins to shift all times.
    pub(crate) fn shift_times(&mut self, by_ms: i64) {
        self.network.begin_shift(by_ms);
        self.continue_shift();
    }

    /// Shifts more of the times. Whether all are shifted.
    pub(crate) fn continue_shift(&mut self) -> bool {
        while self.network.is_shifting() {
            if self.work.is_spent() {
                self.timers.set(Timer::Shift, self.now + NEXT_EVENT);
                return false;
            }
            self.network.shift_next(&self.work);
        }
        true
    }

    /// Shifts all that are left, whatever that costs.
    pub(crate) fn finish_shift(&mut self) {
        while self.network.shift_next(&self.work) {}
    }
}
