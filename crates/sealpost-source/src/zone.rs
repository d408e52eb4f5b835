//! Instants on the wall clock of the report's time zone.

use jiff::tz::{Offset, TimeZone};
use sealpost_core::error::codes::config::CATALOGUE;
use sealpost_core::temporal::{Clock, Date, DateTime, Timestamp};
use sealpost_core::{Error, Result};

/// A time zone that remembers the stretch between two transitions that the last instant fell into: rows near each
/// other in time don't search the zone's table again.
pub(crate) struct Zone {
    zone: TimeZone,
    /// Seconds since the epoch: from, and up to.
    stretch: (i64, i64),
    offset_minutes: Option<i16>,
}

const DAY_MICROS: i64 = 86_400_000_000;

impl Zone {
    /// Reads `UTC`, `+02:00` or an IANA name.
    ///
    /// # Errors
    /// `SP-CONFIG-003` for anything else.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let unknown = || {
            Error::new(&CATALOGUE, format!("`time_zone`: `{text}` is neither `UTC`, `+02:00` nor an IANA time zone"))
        };
        let zone = if text == "UTC" {
            TimeZone::UTC
        } else if text.starts_with(['+', '-']) {
            TimeZone::fixed(fixed_offset(text).ok_or_else(unknown)?)
        } else {
            TimeZone::get(text).map_err(|error| unknown().caused_by(error))?
        };
        Ok(Self { zone, stretch: (0, 0), offset_minutes: None })
    }

    /// An instant, given as the wall clock of UTC. A date that no calendar knows has no instant and stays as it is.
    ///
    /// # Errors
    /// In words, for an offset with seconds (zones had such before 1973) or a year that leaves 0 to 9999.
    pub(crate) fn local(&mut self, utc: DateTime) -> Result<Timestamp, &'static str> {
        let Some(micros) = utc.micros_since_epoch() else { return Ok(Timestamp { local: utc, offset_minutes: 0 }) };
        let second = micros.div_euclid(1_000_000);
        if self.offset_minutes.is_none() || second < self.stretch.0 || second >= self.stretch.1 {
            self.look_up(second)?;
        }
        let offset_minutes = self.offset_minutes.ok_or("its offset from UTC is no whole minute")?;
        let local = if offset_minutes == 0 { utc } else { civil(micros + i64::from(offset_minutes) * 60_000_000)? };
        Ok(Timestamp { local, offset_minutes })
    }

    fn look_up(&mut self, second: i64) -> Result<(), &'static str> {
        const RANGE: &str = "an instant outside the years 0 to 9999";
        let at = jiff::Timestamp::from_second(second).map_err(|_| RANGE)?;
        let after = jiff::Timestamp::from_second(second + 1).map_err(|_| RANGE)?;
        let from = self.zone.preceding(after).next().map_or(i64::MIN, |change| change.timestamp().as_second());
        let to = self.zone.following(at).next().map_or(i64::MAX, |change| change.timestamp().as_second());
        self.stretch = (from, to);
        let seconds = self.zone.to_offset(at).seconds();
        self.offset_minutes = if seconds % 60 == 0 { i16::try_from(seconds / 60).ok() } else { None };
        Ok(())
    }
}

fn fixed_offset(text: &str) -> Option<Offset> {
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |text: &str| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<i32>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
}

/// Microseconds since 1970-01-01T00:00:00 as fields. (Howard Hinnant's `civil_from_days`.)
pub(crate) fn civil(micros: i64) -> Result<DateTime, &'static str> {
    let days = micros.div_euclid(DAY_MICROS) + 719_468;
    let of_day = micros.rem_euclid(DAY_MICROS);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u8;
    let month = (if shifted < 10 { shifted + 3 } else { shifted - 9 }) as u8;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let year = u16::try_from(year).ok().filter(|year| *year <= 9999).ok_or("a year outside 0 to 9999")?;
    let seconds = of_day / 1_000_000;
    let clock = Clock {
        hour: (seconds / 3600) as u8,
        minute: (seconds / 60 % 60) as u8,
        second: (seconds % 60) as u8,
        micro: (of_day % 1_000_000) as u32,
    };
    Ok(DateTime { date: Date { year, month, day }, clock })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn show(zone: &str, seconds: i64) -> String {
        let stamp = Zone::parse(zone).unwrap().local(civil(seconds * 1_000_000).unwrap()).unwrap();
        let DateTime { date, clock } = stamp.local;
        format!("{date} {:02}:{:02}:{:02} {}", clock.hour, clock.minute, clock.second, stamp.offset_minutes)
    }

    #[test]
    fn the_wall_clock_follows_summer_time() {
        // 2026-03-29T01:00Z is the change in Berlin.
        assert_eq!(show("Europe/Berlin", 1_774_745_999), "2026-03-29 01:59:59 60");
        assert_eq!(show("Europe/Berlin", 1_774_746_000), "2026-03-29 03:00:00 120");
        assert_eq!(show("-03:30", 0), "1969-12-31 20:30:00 -210");
        assert_eq!(show("UTC", 0), "1970-01-01 00:00:00 0");
    }

    #[test]
    fn nonsense_zones_are_refused() {
        for zone in ["", "+2", "+25:00", "+02:60", "Europe/Atlantis", "+ab:00", "2"] {
            assert!(Zone::parse(zone).is_err(), "{zone}");
        }
    }

    #[test]
    fn a_zero_date_stays_what_it_is() {
        let zero = DateTime { date: Date { year: 0, month: 0, day: 0 }, clock: Clock::default() };
        assert_eq!(Zone::parse("Europe/Berlin").unwrap().local(zero).unwrap().local, zero);
    }

    proptest! {
        #[test]
        fn fields_and_microseconds_agree(micros in -62_167_219_200_000_000i64..253_402_300_799_999_999) {
            prop_assert_eq!(civil(micros).unwrap().micros_since_epoch(), Some(micros));
        }

        #[test]
        fn a_remembered_stretch_gives_the_same_answer(seconds in proptest::collection::vec(0i64..2_147_483_647, 1..20)) {
            let mut kept = Zone::parse("America/New_York").unwrap();
            for second in seconds {
                let utc = civil(second * 1_000_000).unwrap();
                let fresh = Zone::parse("America/New_York").unwrap().local(utc).unwrap();
                prop_assert_eq!(kept.local(utc).unwrap(), fresh);
                prop_assert_eq!(fresh.micros_since_epoch(), utc.micros_since_epoch());
            }
        }
    }
}
