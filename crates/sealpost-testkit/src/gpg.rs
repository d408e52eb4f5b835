//! GnuPG as outside judge: a key ring in a folder of its own.
