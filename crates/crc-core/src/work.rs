//! Counted work: what the handling of an event costs.
//!
//! The unit does not depend on the machine, and the count does not depend on how a
//! driver divides its turns: tests and simulations compare it with bounds. One unit is
//! about 10 ns of one core of a small server (`docs/PERFORMANCE.md`).
//!
//! Answers are counted apart. They are the work that one client can ask for with few
//! bytes, and they can wait: when a slice ([`Limits::work_slice`]) is spent on them, what
//! is left is done in later events. All else can wait, too, when two slices are spent:
//! then no more of what was read is handled in this event.
//!
//! [`Limits::work_slice`]: crate::Limits::work_slice

use core::cell::Cell;

/// The work on one frame or line that was read, its bytes not counted. Private chats
/// that are only passed on are not counted: they cost what their bytes cost.
pub(crate) const MESSAGE: u64 = 10;

/// The work on one link that gets something: to find it, and to note what it gets.
pub(crate) const LINK: u64 = 5;

/// The work on one host that is visited, shown or announced.
pub(crate) const HOST: u64 = 20;

/// The work on one line of an answer, its bytes not counted.
pub(crate) const LINE: u64 = 15;

/// The work on one channel of a host that is looked up by its name.
pub(crate) const LOOKUP: u64 = 15;

/// How many bytes that are read, written or compared are one unit.
pub(crate) const BYTES: usize = 16;

/// The work of one event, in units of about 10 ns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// All of it.
    pub total: u64,
    /// That on answers to clients.
    pub answers: u64,
}

impl Work {
    /// How much work of one event is spent on answers before the rest waits for later
    /// events, unless [`Limits::work_slice`](crate::Limits::work_slice) says otherwise:
    /// about 1 ms. Only the step that exceeds it is finished: that adds less than
    /// [`Work::STEP_MAX`].
    pub const SLICE: u64 = 100_000;

    /// The most work of one step of an answer.
    pub const STEP_MAX: u64 = 2 * Work::SLICE;
}

/// Counts the work of the event that is being handled.
#[derive(Debug)]
pub(crate) struct WorkMeter {
    slice: u64,
    event: Cell<u64>,
    answers: Cell<u64>,
}

impl WorkMeter {
    /// A meter for events of which so much work is spent on answers.
    pub(crate) fn new(slice: u64) -> WorkMeter {
        WorkMeter {
            slice,
            event: Cell::default(),
            answers: Cell::default(),
        }
    }

    /// Counts work that was done or is about to be done.
    #[inline]
    pub(crate) fn charge(&self, units: u64) {
        self.event.set(self.event.get() + units);
    }

    /// The same for work on an answer.
    pub(crate) fn charge_answer(&self, units: u64) {
        self.charge(units);
        self.answers.set(self.answers.get() + units);
    }

    /// Counts bytes of an answer that were compared or written.
    pub(crate) fn charge_answer_bytes(&self, bytes: usize) {
        self.charge_answer(units_of(bytes));
    }

    /// Whether what else there is to do, and can wait, must wait for a later event.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.answers.get() >= self.slice || self.event.get() >= 2 * self.slice
    }

    /// Another event begins.
    #[inline]
    pub(crate) fn start_event(&self) {
        self.event.set(0);
        self.answers.set(0);
    }

    /// The work of the event so far.
    pub(crate) fn work(&self) -> Work {
        Work {
            total: self.event.get(),
            answers: self.answers.get(),
        }
    }
}

/// The work on bytes.
#[inline]
pub(crate) const fn units_of(bytes: usize) -> u64 {
    (bytes / BYTES) as u64
}
