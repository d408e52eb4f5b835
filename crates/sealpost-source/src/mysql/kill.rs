//! Ends a query on the server whose rows nobody wants any more.
//!
//! A closed socket alone is not noticed before the server writes the next row, and a query that sorts or aggregates
//! writes none for minutes. So a second connection says KILL QUERY. When the process itself dies there is no one to
//! say it: then the closed socket and the statement's time limit end the query.

use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::runtime::Handle;

/// Kills the query of a connection when it is dropped while armed.
pub(super) struct Kill {
    id: u64,
    options: MySqlConnectOptions,
    patience: Duration,
    armed: bool,
}

impl Kill {
    pub(super) fn new(id: u64, options: MySqlConnectOptions, patience: Duration) -> Self {
        Self { id, options, patience, armed: false }
    }

    /// From here on the query runs.
    pub(super) fn arm(&mut self) {
        self.armed = true;
    }

    /// Whether the query may still run.
    pub(super) fn is_armed(&self) -> bool {
        self.armed
    }

    /// The server said that the query is over.
    pub(super) fn disarm(&mut self) {
        self.armed = false;
    }
}

impl Drop for Kill {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (id, options, patience) = (self.id, self.options.clone(), self.patience);
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let killed = tokio::time::timeout(patience, async {
                let mut connection = options.connect().await?;
                connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("KILL QUERY {id}")))).await?;
                connection.close().await
            });
            match killed.await {
                Ok(Ok(())) => tracing::debug!(connection = id, "query killed"),
                // 1094, unknown thread: the server has noticed the closed socket by itself.
                Ok(Err(error)) if super::failure::number(&error) == Some(1094) => {}
                Ok(Err(error)) => tracing::warn!(connection = id, %error, "the query could not be killed"),
                Err(_) => tracing::warn!(connection = id, "the query could not be killed in time"),
            }
        });
    }
}
