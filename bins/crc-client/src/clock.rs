//! The wall clock, as people are shown it.

use std::sync::Arc;

use crc_core::Escaped;

/// The wall clock when something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The date, as lines between two days show it.
    pub(crate) day: Arc<str>,
    /// The time, as lines show it.
    pub(crate) time: Arc<str>,
}

/// The wall clock, in the time zone of the user.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    format: Arc<str>,
    /// The last second, and how it is shown: lines of one second share that.
    last: Option<(i64, Moment)>,
}

impl Clock {
    /// `format`: the time, as `strftime` writes it.
    pub(crate) fn new(format: &str) -> Clock {
        Clock {
            format: format.into(),
            last: None,
        }
    }

    pub(crate) fn now(&mut self) -> Moment {
        let zoned = jiff::Zoned::now();
        let second = zoned.timestamp().as_second();
        if let Some((last, moment)) = &self.last
            && *last == second
        {
            return moment.clone();
        }
        let shown = |format: &str| jiff::fmt::strtime::format(format, &zoned);
        let time = shown(&self.format).unwrap_or_else(|_| String::from("--:--"));
        let day = shown("%A, %-d %B %Y").unwrap_or_default();
        let time = Escaped(&time).to_string().into();
        let day = day.into();
        let moment = Moment { day, time };
        self.last = Some((second, moment.clone()));
        moment
    }
}
