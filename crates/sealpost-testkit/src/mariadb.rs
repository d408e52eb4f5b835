//! A MariaDB server with its own data folder, socket and port.
