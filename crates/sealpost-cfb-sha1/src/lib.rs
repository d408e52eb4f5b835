//! AES-256 in CFB mode (NIST SP 800-38A, 6.3, segments of 128 bits) and SHA-1 (FIPS 180-4) of the plaintext, in one pass: what version 1 of
//! OpenPGP's Symmetrically Encrypted and Integrity Protected Data packet (RFC 9580, 5.13.1) does with every byte of a report.
//!
//! CFB encryption is one long chain: each block of AES waits for the one before. A processor that does nothing else is idle for two
//! thirds of the time, and SHA-1 fits in there whole, SHA-256 of what is stored for the most part. So there are two ways, and they must
//! agree on every octet:
//!
//! | module | what lives there |
//! | --- | --- |
//! | `interleaved` | both with the processor's instructions, a few rounds of the one and then of the other; x86-64 with AES-NI and SHA-NI |
//! | `portable` | first the one, then the other, from crates and without `unsafe`; everywhere else |
//!
//! The only crate of the workspace with `unsafe`, and `interleaved` is its only module with it.

#[cfg(target_arch = "x86_64")]
mod interleaved;
mod portable;
mod sha256;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
use self::interleaved::Interleaved;
use self::portable::Portable;
pub use self::sha256::{SHA256_DIGEST, Sha256};

/// Octets of an AES-256 key.
pub const KEY: usize = 32;
/// Octets of a block of AES.
pub const AES_BLOCK: usize = 16;
/// Octets of a block of SHA-1 and of SHA-256, which is four of AES.
pub const SHA_BLOCK: usize = 64;
/// Octets of a SHA-1 digest.
pub const DIGEST: usize = 20;

/// A message on its way through cipher and hash. What it knows of the key is overwritten when it is dropped.
pub struct CfbSha1(Way);

/// On the heap, where moves leave no copies of the key behind.
enum Way {
    #[cfg(target_arch = "x86_64")]
    Interleaved(Box<Interleaved>),
    Portable(Box<Portable>),
}

impl CfbSha1 {
    /// Begins a message.
    #[must_use]
    pub fn new(key: &[u8; KEY], iv: &[u8; AES_BLOCK]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(interleaved) = Interleaved::new(key, iv) {
            return Self(Way::Interleaved(interleaved));
        }
        Self::portable(key, iv)
    }

    /// Begins a message that is encrypted and hashed by the portable way, whatever this processor has.
    #[must_use]
    pub fn portable(key: &[u8; KEY], iv: &[u8; AES_BLOCK]) -> Self {
        Self(Way::Portable(Box::new(Portable::new(key, iv))))
    }

    /// Hashes the blocks, and puts their ciphertext in their place.
    pub fn encrypt(&mut self, blocks: &mut [[u8; SHA_BLOCK]]) {
        match &mut self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Interleaved(interleaved) => interleaved.encrypt(blocks),
            Way::Portable(portable) => portable.encrypt(blocks),
        }
    }

    /// [`encrypt`](Self::encrypt), and beside it SHA-256 of the others: what was encrypted before, by who wants a digest of the whole. It
    /// fits into the same time for the larger part. Most is gained where there are as many of the ones as of the others.
    pub fn encrypt_beside(&mut self, blocks: &mut [[u8; SHA_BLOCK]], digest: &mut Sha256, others: &[[u8; SHA_BLOCK]]) {
        match &mut self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Interleaved(interleaved) => {
                digest.hashed += others.as_flattened().len() as u64;
                interleaved.encrypt_beside(blocks, &mut digest.state, others);
            }
            Way::Portable(portable) => {
                portable.encrypt(blocks);
                digest.update(others);
            }
        }
    }

    /// The SHA-1 digest of all plaintext so far and these octets, which end it. They are not encrypted by this.
    #[must_use]
    pub fn digest(&self, rest: &[u8]) -> [u8; DIGEST] {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Interleaved(interleaved) => interleaved.digest(rest),
            Way::Portable(portable) => portable.digest(rest),
        }
    }

    /// Encrypts the end of the message, which is not hashed any more. CFB needs no padding: the last block takes as much key stream
    /// as it needs.
    pub fn encrypt_last(mut self, rest: &mut [u8]) {
        // By reference: what is moved out of a box leaves its octets behind, not overwritten.
        match &mut self.0 {
            #[cfg(target_arch = "x86_64")]
            Way::Interleaved(interleaved) => interleaved.encrypt_last(rest),
            Way::Portable(portable) => portable.encrypt_last(rest),
        }
    }
}

/// The last blocks of either hash, and how many there are: what is left of a text of this many octets, and its padding (FIPS 180-4,
/// 5.1.1): a one, zeros, the length in bits; in a second block where it has no room in the first.
fn padded(rest: &[u8], length: u64) -> ([[u8; SHA_BLOCK]; 2], usize) {
    let mut last = [[0; SHA_BLOCK]; 2];
    let used = if rest.len() + 9 > SHA_BLOCK { 2 } else { 1 };
    let octets = last[..used].as_flattened_mut();
    octets[..rest.len()].copy_from_slice(rest);
    octets[rest.len()] = 0x80;
    let end = octets.len() - 8;
    octets[end..].copy_from_slice(&(8 * length).to_be_bytes());
    (last, used)
}

impl std::fmt::Debug for CfbSha1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CfbSha1").finish_non_exhaustive()
    }
}
