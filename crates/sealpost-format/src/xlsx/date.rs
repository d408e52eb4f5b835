//! Excel's serial dates: days in the 1900 system, which believes in a 29 February 1900.

use sealpost_core::temporal::{Date, DateTime, Time};

/// Day number of 1899-12-30, from which serials count once the wrong leap day is behind.
const EPOCH: i32 = -25_569;
/// The serial of 1900-03-01, the first that Excel and the calendar agree on.
const FIRST: i32 = 61;
const DAY_MICROS: f64 = 86_400_000_000.0;

/// The serial of a date, where Excel has it.
pub(super) fn date(date: Date) -> Option<i32> {
    let serial = date.days_since_epoch()? - EPOCH;
    (serial >= FIRST && date.year <= 9999).then_some(serial)
}

/// The serial of a date with time, where Excel has it; it keeps milliseconds, so finer values have none.
pub(super) fn date_time(value: DateTime) -> Option<f64> {
    let days = date(value.date)?;
    value.clock.micro.is_multiple_of(1000).then(|| f64::from(days) + value.clock.micros() as f64 / DAY_MICROS)
}

/// A span in days, where Excel can show it: not negative, and no finer than milliseconds.
pub(super) fn time(value: Time) -> Option<f64> {
    let seconds = u32::from(value.hours) * 3600 + u32::from(value.minute) * 60 + u32::from(value.second);
    let micros = i64::from(seconds) * 1_000_000 + i64::from(value.micro);
    (!value.negative && value.micro.is_multiple_of(1000)).then(|| micros as f64 / DAY_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_those_of_excel() {
        let serial = |year, month, day| date(Date { year, month, day });
        assert_eq!(serial(1900, 3, 1), Some(61));
        assert_eq!(serial(2000, 1, 1), Some(36_526));
        assert_eq!(serial(9999, 12, 31), Some(2_958_465));
        assert_eq!(serial(1900, 2, 28), None);
        assert_eq!(serial(0, 0, 0), None);
    }
}
