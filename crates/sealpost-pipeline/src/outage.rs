//! A secret store or a database that is away: what needs it waits, and is not given up for having been tried often.

use std::time::Duration;

use jiff::Timestamp;
use sealpost_core::error::Error;
use sealpost_core::outage::is_waited_for;

/// The longest pause between two tries; half of it is the shortest.
const PAUSE: Duration = Duration::from_secs(300);

/// After which pause something that was asked for at this time is tried again, whatever its attempts are. `None` where nothing is
/// missing that is waited for, or has been for as long as anything waits.
pub(crate) fn pause_for_outage(error: &Error, asked: Timestamp) -> Option<Duration> {
    is_waited_for(error.code().id, asked, Timestamp::now()).then(|| PAUSE.mul_f64(0.5 + rand::random::<f64>() / 2.0))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use sealpost_core::error::codes;

    use super::*;

    #[test]
    fn only_what_is_away_is_waited_for_and_not_for_ever() {
        let (now, long_ago) = (Timestamp::now(), Timestamp::now() - SignedDuration::from_hours(13));
        let away =
            [&codes::secrets::UNREACHABLE, &codes::secrets::SEALED, &codes::source::UNREACHABLE, &codes::source::BUSY];
        for code in away {
            let error = Error::new(code, "away");
            let pause = pause_for_outage(&error, now).expect("it waits");
            assert!(pause >= PAUSE / 2 && pause <= PAUSE, "{pause:?}");
            assert_eq!(pause_for_outage(&error, long_ago), None);
        }
        for code in [&codes::secrets::DENIED, &codes::secrets::MISSING, &codes::source::LOGIN, &codes::source::BROKEN] {
            assert_eq!(pause_for_outage(&Error::new(code, "x"), now), None, "{}", code.id);
        }
    }
}
