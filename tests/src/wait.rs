//! Waiting for conditions, with a bound. The only place that sleeps.

use std::thread;
use std::time::{Duration, Instant};

/// How long a look lies behind the one before.
pub const TICK: Duration = Duration::from_millis(10);

/// More than anything should take on a machine that is busy with other things.
pub const LONG: Duration = Duration::from_secs(30);

/// Looks again and again until there is something to return, for at most `bound`.
///
/// Looks at least once, and once more when the bound has passed.
pub fn until<T>(bound: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + bound;
    loop {
        let late = Instant::now() >= deadline;
        if let Some(found) = look() {
            return Some(found);
        }
        if late {
            return None;
        }
        pause(TICK);
    }
}

/// Whether `condition` came true within `bound`.
pub fn holds(bound: Duration, mut condition: impl FnMut() -> bool) -> bool {
    until(bound, || condition().then_some(())).is_some()
}

/// Whether `condition` stayed true for the whole of `span`: for what must
/// *not* happen, which no event announces.
pub fn stays(span: Duration, mut condition: impl FnMut() -> bool) -> bool {
    until(span, || (!condition()).then_some(())).is_none()
}

/// Lets a moment pass between two looks.
pub fn pause(span: Duration) {
    thread::sleep(span);
}
