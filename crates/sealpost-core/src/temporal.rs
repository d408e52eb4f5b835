//! Calendar values exactly as the database has them, without a detour through an instant.
//!
//! Fields, not day counts: text formats print them without calendar arithmetic, and values that no calendar knows
//! (MySQL's `0000-00-00`) stay what they are until a format decides.

use std::fmt;

/// A calendar date. Years 0 to 9999; month and day are 0 in MySQL's zero dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Year, 0 to 9999.
    pub year: u16,
    /// Month, 1 to 12; 0 in a zero date.
    pub month: u8,
    /// Day of the month, 1 to 31; 0 in a zero date.
    pub day: u8,
}

impl Date {
    /// Whether the date exists in the Gregorian calendar.
    #[must_use]
    pub fn is_real(self) -> bool {
        let leap = self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let last = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return false,
        };
        (1..=last).contains(&self.day)
    }

    /// Days since 1970-01-01, for real dates. (Howard Hinnant's `days_from_civil`.)
    #[must_use]
    pub fn days_since_epoch(self) -> Option<i32> {
        if !self.is_real() {
            return None;
        }
        let (year, month, day) = (i32::from(self.year), i32::from(self.month), i32::from(self.day));
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(era * 146_097 + day_of_era - 719_468)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A time of day with microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Clock {
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Microsecond, 0 to 999,999.
    pub micro: u32,
}

impl Clock {
    /// Microseconds since midnight.
    #[must_use]
    pub fn micros(self) -> i64 {
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        seconds * 1_000_000 + i64::from(self.micro)
    }
}

/// A span as MySQL's `TIME` has it: minus to plus 838:59:59.999999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Time {
    /// Whether the span is negative.
    pub negative: bool,
    /// Hours, 0 to 838.
    pub hours: u16,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
    /// Microsecond, 0 to 999,999.
    pub micro: u32,
}

/// A date with a time of day and no zone (`DATETIME`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// The date.
    pub date: Date,
    /// The time of day.
    pub clock: Clock,
}

impl DateTime {
    /// Microseconds since 1970-01-01T00:00:00 on this value's own clock, for real dates.
    #[must_use]
    pub fn micros_since_epoch(self) -> Option<i64> {
        let days = i64::from(self.date.days_since_epoch()?);
        Some(days * 86_400_000_000 + self.clock.micros())
    }
}

/// An instant (`TIMESTAMP`), kept as the wall clock of the report's time zone with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Date and time of day on the wall clock of the zone.
    pub local: DateTime,
    /// Offset of the zone from UTC at that instant, in minutes.
    pub offset_minutes: i16,
}

impl Timestamp {
    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn micros_since_epoch(self) -> Option<i64> {
        Some(self.local.micros_since_epoch()? - i64::from(self.offset_minutes) * 60_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_agree_with_the_calendar() {
        for (year, month, day, days) in
            [(1970, 1, 1, 0), (2000, 2, 29, 11_016), (2026, 11, 22, 20_779), (1, 1, 1, -719_162)]
        {
            assert_eq!(Date { year, month, day }.days_since_epoch(), Some(days));
        }
    }

    #[test]
    fn dates_that_do_not_exist_have_no_day_number() {
        for (year, month, day) in [(0, 0, 0), (2023, 2, 29), (1900, 2, 29), (2024, 13, 1), (2024, 4, 31)] {
            assert_eq!(Date { year, month, day }.days_since_epoch(), None);
        }
    }
}
