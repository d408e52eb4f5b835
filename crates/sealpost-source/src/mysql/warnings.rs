//! What the server says beside a result: that it is not the whole of it.

use futures::TryStreamExt;
use sealpost_core::error::codes::source::CUT_SHORT;
use sealpost_core::{Error, Result};
use sqlx::{Executor, MySqlConnection, Row};

use super::failure::{Phase, failure};

/// Fails where the statement that just ended gave less than the whole, which servers say in a warning only. Other
/// warnings, such as those about dates and numbers that are none, belong to what the query computes.
///
/// The end of the rows comes with the number of warnings, but the driver does not hand it on: this asks in any case.
///
/// # Errors
/// `SP-SOURCE-017`; what a broken connection says.
pub(super) async fn check(connection: &mut MySqlConnection) -> Result<()> {
    let mut warnings = connection.fetch(sqlx::raw_sql("SHOW WARNINGS"));
    while let Some(warning) = warnings.try_next().await.map_err(|error| failure(error, Phase::Run))? {
        // Level, code, message.
        let number: u64 = warning.try_get_unchecked(1).map_err(|error| failure(error, Phase::Run))?;
        if let Some(what) = cut(number) {
            return Err(Error::new(&CUT_SHORT, format!("warning {number}: {what}")));
        }
    }
    Ok(())
}

/// What was cut, by the warning's number.
fn cut(number: u64) -> Option<&'static str> {
    match number {
        // ER_CUT_VALUE_GROUP_CONCAT; in MariaDB also of JSON_ARRAYAGG.
        1260 => Some("a value was cut at `group_concat_max_len`"),
        // MariaDB's ER_QUERY_RESULT_INCOMPLETE, once ER_QUERY_EXCEEDED_ROWS_EXAMINED_LIMIT.
        1931 => Some("rows were left out because of `LIMIT ROWS EXAMINED` or `max_recursive_iterations`"),
        // ER_WARN_ALLOWED_PACKET_OVERFLOWED: the value is NULL then.
        1301 => Some("a value longer than `max_allowed_packet` was left out"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_fails_a_result() {
        assert!(cut(1260).is_some() && cut(1301).is_some() && cut(1931).is_some());
        // Truncated, out of range, divided by zero, not a date.
        for other in [1264, 1265, 1292, 1365, 1441] {
            assert!(cut(other).is_none(), "{other}");
        }
    }
}
