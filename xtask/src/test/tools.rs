//! What the tests start and is no package of Debian's, made side by side: what is fetched waits for the network, and what is built for
//! the processor.

use super::{node, python, sdk, vault};
use crate::infra;

/// Makes what is not up to date: the readers in Python, Node's packages and checkov; the caller on the Rust SDK and Vault's stand-in.
pub(super) fn make() -> Result<(), String> {
    std::thread::scope(|scope| {
        let built = scope.spawn(|| sdk::build().and_then(|()| vault::install()));
        // Python's first: the others are fetched by it.
        let fetched = python::install().and_then(|()| node::install()).and_then(|()| infra::install());
        let built = built.join().map_err(|_| "the thread that builds ended early".to_owned())?;
        fetched.and(built)
    })
}
