//! Rows out of a database.
