//! Times as people and programs read them.

use core::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time of the calendar, in UTC. It is written as RFC 3339 has it, with milliseconds.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use crc_cli::UtcTime;
///
/// let time = UtcTime::from(UNIX_EPOCH + Duration::from_millis(1_795_906_263_007));
/// assert_eq!(time.to_string(), "2026-11-28T22:51:03.007Z");
/// assert_eq!(time.date().to_string(), "2026-11-28");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UtcTime {
    date: Date,
    millis_of_day: u32,
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year.
    pub year: i32,
    /// The month, from 1.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
}

const MILLIS_PER_DAY: u64 = 24 * 60 * 60 * 1000;

impl From<SystemTime> for UtcTime {
    /// A time before 1970 becomes the first moment of 1970, one after 9999 the last of 9999.
    fn from(time: SystemTime) -> Self {
        const MILLIS_MAX: u64 = 253_402_300_799_999;
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let millis = u64::try_from(since.as_millis())
            .unwrap_or(u64::MAX)
            .min(MILLIS_MAX);
        UtcTime {
            date: Date::from_days(millis / MILLIS_PER_DAY),
            millis_of_day: u32::try_from(millis % MILLIS_PER_DAY).unwrap_or(0),
        }
    }
}

impl UtcTime {
    /// Its day.
    #[must_use]
    pub const fn date(self) -> Date {
        self.date
    }

    /// Hour, minute and second.
    #[must_use]
    pub const fn clock(self) -> (u32, u32, u32) {
        let seconds = self.millis_of_day / 1000;
        (seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = self.clock();
        let millis = self.millis_of_day % 1000;
        write!(
            f,
            "{}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z",
            self.date
        )
    }
}

impl Date {
    /// The day that begins so many days after the beginning of 1970, of the proleptic Gregorian
    /// calendar.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "days are bounded by the caller"
    )]
    fn from_days(days: u64) -> Date {
        // Years begin in March, so that the leap day is the last one.
        let days = days + 719_468;
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        Date {
            year: year as i32,
            month: month as u8,
            day: day as u8,
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] {
            let time = UtcTime::from(UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(time.to_string(), text);
        }
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(
            UtcTime::from(before).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
        let after = UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(UtcTime::from(after).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut before = Date::from_days(0);
        for days in 1..100_000 {
            let date = Date::from_days(days);
            let next_day = (date.year, date.month) == (before.year, before.month)
                && date.day == before.day + 1;
            let next_month = date.day == 1 && date.month == before.month + 1 && before.day >= 28;
            let next_year =
                (date.year, date.month, date.day) == (before.year + 1, 1, 1) && before.month == 12;
            assert!(next_day || next_month || next_year, "{before} {date}");
            before = date;
        }
    }
}
