//! Ends a query on the server whose rows nobody wants any more.
//!
//! A closed socket alone is not noticed before the server writes the next row, and a query that sorts or aggregates
//! writes none for minutes. So a second connection says KILL QUERY. When the process itself dies there is no one to
//! say it: then the closed socket and the statement's time limit end the query. So they do where the second connection
//! reaches another server, as it may behind one name for several replicas: there the id is another connection's, which
//! may be ours, too.

use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use tokio::runtime::Handle;

/// Asks which server answers, as one text. More columns may be added.
pub(super) const WHICH_SERVER: &str = "SELECT CONCAT_WS(':', @@hostname, @@port)";

/// A connection as its server knows it.
pub(super) struct Target {
    /// What [`WHICH_SERVER`] says.
    pub(super) server: String,
    /// The connection's id there.
    pub(super) id: u64,
}

/// Kills the query of a connection when it is dropped while armed.
pub(super) struct Kill {
    target: Target,
    options: MySqlConnectOptions,
    patience: Duration,
    armed: bool,
}

impl Kill {
    pub(super) fn new(target: Target, options: MySqlConnectOptions, patience: Duration) -> Self {
        Self { target, options, patience, armed: false }
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
        let (id, server, patience) = (self.target.id, self.target.server.clone(), self.patience);
        let options = self.options.clone();
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let killed = tokio::time::timeout(patience, async {
                let mut connection = options.connect().await?;
                let row = connection.fetch_one(sqlx::raw_sql(WHICH_SERVER)).await?;
                let found = row.try_get_unchecked::<String, _>(0)? == server;
                if found {
                    connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("KILL QUERY {id}")))).await?;
                }
                connection.close().await.map(|()| found)
            });
            match killed.await {
                Ok(Ok(true)) => tracing::debug!(connection = id, "query killed"),
                Ok(Ok(false)) => {
                    tracing::warn!(connection = id, %server, "the query was not killed: another server answered");
                }
                // 1094, unknown thread: the server has noticed the closed socket by itself.
                Ok(Err(error)) if super::failure::number(&error) == Some(1094) => {}
                Ok(Err(error)) => tracing::warn!(connection = id, %error, "the query could not be killed"),
                Err(_) => tracing::warn!(connection = id, "the query could not be killed in time"),
            }
        });
    }
}
