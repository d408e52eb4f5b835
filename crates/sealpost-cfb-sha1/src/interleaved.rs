//! Cipher and hash at once: AES-NI and SHA-NI, a few rounds of the one, then of the other.
//!
//! What bounds it is the chain of AES: fourteen rounds a block, each of which waits for the one before. So nothing but rounds is in that
//! chain (see `chain` in [`run`]), and everything else happens while it waits. In 64 octets there are 56 rounds of AES and 20 groups of
//! four rounds of SHA-1: five groups for each block of AES. SHA-256 of other octets, where there are some, goes between them: 16 groups
//! of four rounds, four for each block of AES.
#![allow(
    unsafe_code,
    reason = "instructions of the processor, for which the compiler has no safe form; see docs/adr/0018"
)]

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_aesenc_si128, _mm_aesenclast_si128, _mm_aeskeygenassist_si128, _mm_alignr_epi8,
    _mm_extract_epi32, _mm_loadu_si128, _mm_set_epi32, _mm_set_epi64x, _mm_setzero_si128, _mm_sha1msg1_epu32,
    _mm_sha1msg2_epu32, _mm_sha1nexte_epu32, _mm_sha1rnds4_epu32, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32,
    _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_slli_si128, _mm_storeu_si128, _mm_xor_si128,
};

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::sha256::{CONSTANTS, State, compress};
use super::{AES_BLOCK, DIGEST, KEY, SHA_BLOCK, padded};

/// The initial hash value (FIPS 180-4, 5.3.1).
const H0: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
/// Rounds of AES-256.
const ROUNDS: usize = 14;

/// The state of both. There is one only where the processor has the instructions: `new` is the one place that makes it.
pub(crate) struct Interleaved {
    cipher: Cipher,
    hash: [u32; 5],
    /// Octets hashed so far.
    hashed: u64,
}

#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Cipher {
    keys: [__m128i; ROUNDS + 1],
    /// The last block of ciphertext, at first the IV.
    previous: __m128i,
}

impl Interleaved {
    /// `None` where the processor lacks an instruction.
    pub(crate) fn new(key: &[u8; KEY], iv: &[u8; AES_BLOCK]) -> Option<Box<Self>> {
        let can = is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        // SAFETY: the processor has `aes`, as was just asked.
        can.then(|| unsafe { begin(key, iv) })
    }

    pub(crate) fn encrypt(&mut self, blocks: &mut [[u8; SHA_BLOCK]]) {
        self.hashed += blocks.as_flattened().len() as u64;
        // SAFETY: the processor has `aes`, `sha`, `ssse3` and `sse4.1`, or `new` had made no `Self`.
        unsafe { run(&mut self.cipher, &mut self.hash, blocks) };
    }

    /// [`encrypt`](Self::encrypt), and SHA-256 of the others meanwhile.
    pub(crate) fn encrypt_beside(
        &mut self,
        blocks: &mut [[u8; SHA_BLOCK]],
        state: &mut State,
        others: &[[u8; SHA_BLOCK]],
    ) {
        let both = blocks.len().min(others.len());
        let (with, without) = blocks.split_at_mut(both);
        let (beside, left) = others.split_at(both);
        self.hashed += with.as_flattened().len() as u64;
        // SAFETY: the processor has `aes`, `sha`, `ssse3` and `sse4.1`, or `new` had made no `Self`.
        unsafe { run_beside(&mut self.cipher, &mut self.hash, with, state, beside) };
        self.encrypt(without);
        compress(state, left);
    }

    /// Only what is left of a block is hashed here, so the crate's compression function does.
    pub(crate) fn digest(&self, rest: &[u8]) -> [u8; DIGEST] {
        let mut hash = self.hash;
        let (blocks, rest) = rest.as_chunks();
        sha1::block_api::compress(&mut hash, blocks);
        let length = self.hashed + blocks.as_flattened().len() as u64 + rest.len() as u64;
        let (last, used) = padded(rest, length);
        sha1::block_api::compress(&mut hash, &last[..used]);
        let mut digest = [0; DIGEST];
        for (octets, word) in digest.as_chunks_mut().0.iter_mut().zip(hash) {
            *octets = word.to_be_bytes();
        }
        digest
    }

    pub(crate) fn encrypt_last(&mut self, rest: &mut [u8]) {
        let (blocks, last) = rest.as_chunks_mut();
        for block in blocks {
            self.encrypt_block(block);
        }
        let mut padded = [0; AES_BLOCK];
        padded[..last.len()].copy_from_slice(last);
        self.encrypt_block(&mut padded);
        last.copy_from_slice(&padded[..last.len()]);
    }

    fn encrypt_block(&mut self, block: &mut [u8; AES_BLOCK]) {
        // SAFETY: the processor has `aes`, or `new` had made no `Self`.
        self.cipher.previous = unsafe { next(&self.cipher, load(block)) };
        store(block, self.cipher.previous);
    }
}

#[inline]
fn load(octets: &[u8; AES_BLOCK]) -> __m128i {
    // SAFETY: 16 octets can be read there, at any alignment.
    unsafe { _mm_loadu_si128(octets.as_ptr().cast()) }
}

#[inline]
fn store(octets: &mut [u8; AES_BLOCK], value: __m128i) {
    // SAFETY: 16 octets can be written there, at any alignment.
    unsafe { _mm_storeu_si128(octets.as_mut_ptr().cast(), value) }
}

/// The state before the first block, with the round keys (FIPS 197, 5.2): words in fours, and of each four the first depends on the last
/// of the four before.
#[target_feature(enable = "aes")]
fn begin(key: &[u8; KEY], iv: &[u8; AES_BLOCK]) -> Box<Interleaved> {
    let cipher = Cipher { keys: [_mm_setzero_si128(); ROUNDS + 1], previous: load(iv) };
    let mut new = Box::new(Interleaved { cipher, hash: H0, hashed: 0 });
    let keys = &mut new.cipher.keys;
    for (words, octets) in keys.iter_mut().zip(key.as_chunks().0) {
        *words = load(octets);
    }
    // Each four words after the first eight: where they stand, the round constant, and which word of the assisting instruction's counts.
    macro_rules! words {
        ($($at:literal $constant:literal $word:literal),*) => { $(
            let assisted = _mm_aeskeygenassist_si128::<$constant>(keys[$at - 1]);
            keys[$at] = _mm_xor_si128(sums(keys[$at - 2]), _mm_shuffle_epi32::<$word>(assisted));
        )* };
    }
    // Word 3 is rotated and has the round constant; word 2, for the fours in between, has neither.
    words!(2 0x01 0xFF, 3 0 0xAA, 4 0x02 0xFF, 5 0 0xAA, 6 0x04 0xFF, 7 0 0xAA, 8 0x08 0xFF);
    words!(9 0 0xAA, 10 0x10 0xFF, 11 0 0xAA, 12 0x20 0xFF, 13 0 0xAA, 14 0x40 0xFF);
    new
}

/// Each word added to all before it.
#[inline]
#[target_feature(enable = "sse2")]
fn sums(words: __m128i) -> __m128i {
    let words = _mm_xor_si128(words, _mm_slli_si128::<4>(words));
    _mm_xor_si128(words, _mm_slli_si128::<8>(words))
}

/// The block of ciphertext for one of plaintext.
#[target_feature(enable = "aes")]
fn next(cipher: &Cipher, plain: __m128i) -> __m128i {
    let [first, rounds @ .., last] = &cipher.keys;
    let mut state = _mm_xor_si128(cipher.previous, *first);
    for key in rounds {
        state = _mm_aesenc_si128(state, *key);
    }
    _mm_aesenclast_si128(state, _mm_xor_si128(*last, plain))
}

/// What is hashed where nothing is: the compiler leaves it out.
const NOTHING: [u8; SHA_BLOCK] = [0; SHA_BLOCK];

/// Four words.
#[inline]
fn load_words(words: &[u32; 4]) -> __m128i {
    // SAFETY: 16 octets can be read there, at any alignment.
    unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
}

/// Hashes and encrypts.
#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
fn run(cipher: &mut Cipher, hash: &mut [u32; 5], blocks: &mut [[u8; SHA_BLOCK]]) {
    rounds::<false>(cipher, hash, blocks, &mut [0; 8], &[]);
}

/// Hashes and encrypts, and hashes as many others by SHA-256.
#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
fn run_beside(
    cipher: &mut Cipher,
    hash: &mut [u32; 5],
    blocks: &mut [[u8; SHA_BLOCK]],
    state: &mut State,
    others: &[[u8; SHA_BLOCK]],
) {
    rounds::<true>(cipher, hash, blocks, state, others);
}

/// All of it, with SHA-256 or without.
#[inline]
#[target_feature(enable = "aes,sha,ssse3,sse4.1")]
fn rounds<const BESIDE: bool>(
    cipher: &mut Cipher,
    hash: &mut [u32; 5],
    blocks: &mut [[u8; SHA_BLOCK]],
    state: &mut State,
    others: &[[u8; SHA_BLOCK]],
) {
    debug_assert!(!BESIDE || blocks.len() == others.len(), "one for each");
    let keys = &cipher.keys;
    let first = keys[0];
    let both = _mm_xor_si128(keys[0], keys[ROUNDS]);
    // The last block of ciphertext with the first round key in it already. The last round of a block adds, besides its own key, the
    // plaintext (so that it gives ciphertext) and the first key (so that the next block's rounds begin at once).
    let mut chain = _mm_xor_si128(cipher.previous, first);

    // Words are big-endian, and SHA-NI has them from the right to the left.
    let order = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0A0B_0C0D_0E0F);
    let [a, b, c, d, e] = hash.map(u32::cast_signed);
    let mut abcd = _mm_set_epi32(a, b, c, d);
    let mut e = _mm_set_epi32(e, 0, 0, 0);

    // SHA-256 has its state in two halves, by its own letters, and its words from the right to the left within each four.
    let order_256 = _mm_set_epi64x(0x0C0D_0E0F_0809_0A0B, 0x0405_0607_0001_0203);
    let [a, b, c, d, e_256, f, g, h] = state.map(u32::cast_signed);
    let mut abef = _mm_set_epi32(a, b, e_256, f);
    let mut cdgh = _mm_set_epi32(c, d, g, h);
    let mut others = others.iter();

    for block in blocks {
        let (lanes, _) = block.as_chunks_mut::<AES_BLOCK>();
        let [p0, p1, p2, p3] = lanes else { return };
        let other = if BESIDE { others.next().unwrap_or(&NOTHING) } else { &NOTHING };
        let (lanes, _) = other.as_chunks::<AES_BLOCK>();
        let [o0, o1, o2, o3] = lanes else { return };
        let mut x0 = _mm_shuffle_epi8(load(o0), order_256);
        let mut x1 = _mm_shuffle_epi8(load(o1), order_256);
        let mut x2 = _mm_shuffle_epi8(load(o2), order_256);
        let mut x3 = _mm_shuffle_epi8(load(o3), order_256);
        let (mut g0, mut g1) = (abef, cdgh);

        let mut w0 = _mm_shuffle_epi8(load(p0), order);
        let mut w1 = _mm_shuffle_epi8(load(p1), order);
        let mut w2 = _mm_shuffle_epi8(load(p2), order);
        let mut w3 = _mm_shuffle_epi8(load(p3), order);
        let mut w4;
        let mut h0 = abcd;
        let mut h1;

        // Rounds of AES, by their keys.
        macro_rules! aes {
            ($($key:literal)*) => { $( chain = _mm_aesenc_si128(chain, keys[$key]); )* };
        }
        // The last two rounds of a block, and its ciphertext.
        macro_rules! end {
            ($lane:ident) => {
                chain = _mm_aesenc_si128(chain, keys[13]);
                chain = _mm_aesenclast_si128(chain, _mm_xor_si128(both, load($lane)));
                store($lane, _mm_xor_si128(chain, first));
            };
        }
        // Four rounds of SHA-1 with function `$f`, which turn the one half of the state into the other.
        macro_rules! sha {
            ($f:literal, $h0:ident $h1:ident, $w:expr) => {
                $h1 = _mm_sha1rnds4_epu32::<$f>($h0, _mm_sha1nexte_epu32($h1, $w));
            };
        }
        // The same with the next four words of the message schedule, made of the sixteen before.
        macro_rules! schedule {
            ($f:literal, $h0:ident $h1:ident, $w0:ident $w1:ident $w2:ident $w3:ident $w4:ident) => {
                $w4 = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32($w0, $w1), $w2), $w3);
                sha!($f, $h0 $h1, $w4);
            };
        }

        // Four rounds of SHA-256 with the next words and their constants, two at a time.
        macro_rules! sha256 {
            ($w:ident, $four:literal) => {
                if BESIDE {
                    let w = _mm_add_epi32($w, load_words(&CONSTANTS[$four]));
                    g1 = _mm_sha256rnds2_epu32(g1, g0, w);
                    g0 = _mm_sha256rnds2_epu32(g0, g1, _mm_shuffle_epi32::<0x0E>(w));
                }
            };
        }
        // The same with the next four words of its message schedule.
        macro_rules! schedule256 {
            ($w0:ident $w1:ident $w2:ident $w3:ident, $four:literal) => {
                if BESIDE {
                    let w = _mm_add_epi32(_mm_sha256msg1_epu32($w0, $w1), _mm_alignr_epi8::<4>($w3, $w2));
                    $w0 = _mm_sha256msg2_epu32(w, $w3);
                    sha256!($w0, $four);
                }
            };
        }

        h1 = _mm_sha1rnds4_epu32::<0>(h0, _mm_add_epi32(e, w0));
        aes!(1 2 3);
        sha256!(x0, 0);
        sha!(0, h1 h0, w1);
        aes!(4 5 6);
        sha256!(x1, 1);
        sha!(0, h0 h1, w2);
        aes!(7 8 9);
        sha256!(x2, 2);
        sha!(0, h1 h0, w3);
        aes!(10 11 12);
        sha256!(x3, 3);
        schedule!(0, h0 h1, w0 w1 w2 w3 w4);
        end!(p0);

        schedule!(1, h1 h0, w1 w2 w3 w4 w0);
        aes!(1 2 3);
        schedule256!(x0 x1 x2 x3, 4);
        schedule!(1, h0 h1, w2 w3 w4 w0 w1);
        aes!(4 5 6);
        schedule256!(x1 x2 x3 x0, 5);
        schedule!(1, h1 h0, w3 w4 w0 w1 w2);
        aes!(7 8 9);
        schedule256!(x2 x3 x0 x1, 6);
        schedule!(1, h0 h1, w4 w0 w1 w2 w3);
        aes!(10 11 12);
        schedule256!(x3 x0 x1 x2, 7);
        schedule!(1, h1 h0, w0 w1 w2 w3 w4);
        end!(p1);

        schedule!(2, h0 h1, w1 w2 w3 w4 w0);
        aes!(1 2 3);
        schedule256!(x0 x1 x2 x3, 8);
        schedule!(2, h1 h0, w2 w3 w4 w0 w1);
        aes!(4 5 6);
        schedule256!(x1 x2 x3 x0, 9);
        schedule!(2, h0 h1, w3 w4 w0 w1 w2);
        aes!(7 8 9);
        schedule256!(x2 x3 x0 x1, 10);
        schedule!(2, h1 h0, w4 w0 w1 w2 w3);
        aes!(10 11 12);
        schedule256!(x3 x0 x1 x2, 11);
        schedule!(2, h0 h1, w0 w1 w2 w3 w4);
        end!(p2);

        schedule!(3, h1 h0, w1 w2 w3 w4 w0);
        aes!(1 2 3);
        schedule256!(x0 x1 x2 x3, 12);
        schedule!(3, h0 h1, w2 w3 w4 w0 w1);
        aes!(4 5 6);
        schedule256!(x1 x2 x3 x0, 13);
        schedule!(3, h1 h0, w3 w4 w0 w1 w2);
        aes!(7 8 9);
        schedule256!(x2 x3 x0 x1, 14);
        schedule!(3, h0 h1, w4 w0 w1 w2 w3);
        aes!(10 11 12);
        schedule256!(x3 x0 x1 x2, 15);
        schedule!(3, h1 h0, w0 w1 w2 w3 w4);
        end!(p3);

        e = _mm_sha1nexte_epu32(h1, e);
        abcd = _mm_add_epi32(abcd, h0);
        abef = _mm_add_epi32(abef, g0);
        cdgh = _mm_add_epi32(cdgh, g1);
    }

    cipher.previous = _mm_xor_si128(chain, first);
    // From the right to the left again; of `e` only the leftmost word counts.
    let words = [
        _mm_extract_epi32::<3>(abcd),
        _mm_extract_epi32::<2>(abcd),
        _mm_extract_epi32::<1>(abcd),
        _mm_extract_epi32::<0>(abcd),
        _mm_extract_epi32::<3>(e),
    ];
    *hash = words.map(i32::cast_unsigned);
    if BESIDE {
        let words = [
            _mm_extract_epi32::<3>(abef),
            _mm_extract_epi32::<2>(abef),
            _mm_extract_epi32::<3>(cdgh),
            _mm_extract_epi32::<2>(cdgh),
            _mm_extract_epi32::<1>(abef),
            _mm_extract_epi32::<0>(abef),
            _mm_extract_epi32::<1>(cdgh),
            _mm_extract_epi32::<0>(cdgh),
        ];
        *state = words.map(i32::cast_unsigned);
    }
}
