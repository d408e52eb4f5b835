//! A TCP proxy that cuts, stalls, resets or slows a connection on purpose.
