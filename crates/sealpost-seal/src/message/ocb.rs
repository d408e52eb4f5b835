//! OCB (RFC 7253, tags of 128 bits) with AES, encrypting only. Ours, because the crate behind `rPGP` hands the cipher a block at a time, of which
//! processors take eight and more at once.

use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncrypt, BlockSizeUser};
use zeroize::{Zeroize, ZeroizeOnDrop};

const BLOCK: usize = 16;
/// Blocks that the cipher gets at once: a power of two, of which the offsets differ by the same amounts each time.
const AT_ONCE: usize = 64;
/// A message has less than 2^60 blocks.
const DOUBLES: usize = 60;

/// A cipher with its key, and what OCB derives from it. Numbers have the octets' order in memory, since all but `double` only adds them.
pub(super) struct Ocb<C> {
    cipher: C,
    offsets: Box<Offsets>,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct Offsets {
    /// `L_*` and `L_$`.
    star: u128,
    dollar: u128,
    /// `L_0` and on.
    doubles: [u128; DOUBLES],
    /// What the offsets of the first blocks at once are away from the one before them, up to the last of them.
    steps: [u128; AT_ONCE],
}

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> Ocb<C> {
    pub(super) fn new(cipher: C) -> Self {
        let zeros = Offsets { star: 0, dollar: 0, doubles: [0; DOUBLES], steps: [0; AT_ONCE] };
        let mut new = Self { cipher, offsets: Box::new(zeros) };
        let offsets = &mut *new.offsets;
        offsets.star = encipher(&new.cipher, 0);
        offsets.dollar = double(offsets.star);
        let mut last = offsets.dollar;
        for next in &mut offsets.doubles {
            last = double(last);
            *next = last;
        }
        let mut sum = 0;
        for (number, step) in (1_usize..).zip(&mut offsets.steps) {
            sum ^= offsets.doubles[number.trailing_zeros() as usize];
            *step = sum;
        }
        new
    }

    /// Puts the ciphertext in the text's place and gives the tag. The nonce has at most 15 octets.
    pub(super) fn encrypt(&self, nonce: &[u8], associated: &[u8], text: &mut [u8]) -> [u8; BLOCK] {
        let Offsets { star, dollar, doubles, steps } = &*self.offsets;
        let mut offset = self.first_offset(nonce);
        let mut checksum = 0;
        let (blocks, rest) = text.as_chunks_mut();
        let mut before = 0;
        for blocks in blocks.chunks_mut(AT_ONCE) {
            // The last block of a full run has its own step, since its number ends with more zeros the further it is.
            let number = before + blocks.len();
            let last = match blocks.len() {
                AT_ONCE => steps[AT_ONCE - 2] ^ doubles[number.trailing_zeros() as usize],
                fewer => steps[fewer - 1],
            };
            let (most, end) = blocks.split_at_mut(blocks.len() - 1);
            for (block, step) in most.iter_mut().zip(steps).chain(end.iter_mut().zip([&last])) {
                let plain = u128::from_ne_bytes(*block);
                checksum ^= plain;
                *block = (plain ^ offset ^ step).to_ne_bytes();
            }
            self.cipher.encrypt_blocks(Array::cast_slice_from_core_mut(blocks));
            let (most, end) = blocks.split_at_mut(blocks.len() - 1);
            for (block, step) in most.iter_mut().zip(steps).chain(end.iter_mut().zip([&last])) {
                *block = (u128::from_ne_bytes(*block) ^ offset ^ step).to_ne_bytes();
            }
            offset ^= last;
            before = number;
        }
        if !rest.is_empty() {
            offset ^= star;
            checksum ^= padded(rest);
            let stream = encipher(&self.cipher, offset).to_ne_bytes();
            rest.iter_mut().zip(stream).for_each(|(octet, key)| *octet ^= key);
        }
        (encipher(&self.cipher, checksum ^ offset ^ dollar) ^ self.hash(associated)).to_ne_bytes()
    }

    /// Made of the nonce (RFC 7253, 4.2): 128 bits out of 192, from where the last six bits of the nonce say.
    fn first_offset(&self, nonce: &[u8]) -> u128 {
        let mut block = [0; BLOCK];
        block[BLOCK - nonce.len()..].copy_from_slice(nonce);
        block[BLOCK - 1 - nonce.len()] |= 1;
        let nonce = u128::from_be_bytes(block);
        let top = u128::from_be(encipher(&self.cipher, (nonce & !0x3F).to_be()));
        let stretch = (top ^ (top << 8)) >> 64;
        match u32::from(block[BLOCK - 1] & 0x3F) {
            0 => top.to_be(),
            bottom => (top << bottom | stretch >> (64 - bottom)).to_be(),
        }
    }

    fn hash(&self, associated: &[u8]) -> u128 {
        let (blocks, rest) = associated.as_chunks();
        let (mut sum, mut offset) = (0, 0);
        for (number, block) in (1_usize..).zip(blocks) {
            offset ^= self.offsets.doubles[number.trailing_zeros() as usize];
            sum ^= encipher(&self.cipher, u128::from_ne_bytes(*block) ^ offset);
        }
        if !rest.is_empty() {
            sum ^= encipher(&self.cipher, padded(rest) ^ offset ^ self.offsets.star);
        }
        sum
    }
}

fn encipher<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>>(cipher: &C, block: u128) -> u128 {
    let mut block = Array(block.to_ne_bytes());
    cipher.encrypt_block(&mut block);
    u128::from_ne_bytes(block.0)
}

/// Times x in GF(2^128) (RFC 7253, 2).
fn double(value: u128) -> u128 {
    let value = u128::from_be(value);
    ((value << 1) ^ ((value >> 127) * 0x87)).to_be()
}

/// Less than a block, with a one and zeros.
fn padded(rest: &[u8]) -> u128 {
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block[rest.len()] = 0x80;
    u128::from_ne_bytes(block)
}

#[cfg(test)]
mod tests {
    use aes::cipher::KeyInit;
    use aes::{Aes128, Aes256};

    use super::*;

    fn sealed<C>(ocb: &Ocb<C>, nonce: &[u8], associated: &[u8], plain: &[u8]) -> Vec<u8>
    where
        C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    {
        let mut text = plain.to_vec();
        let tag = ocb.encrypt(nonce, associated, &mut text);
        text.extend_from_slice(&tag);
        text
    }

    #[test]
    fn samples_of_the_standard_come_out() {
        // RFC 7253, appendix A.
        let octets: Vec<u8> = (0..40).collect();
        let ocb = Ocb::new(Aes128::new_from_slice(&octets[..16]).unwrap());
        for (last, associated, plain, expected) in [
            (0, 0, 0, "785407bfffc8ad9edcc5520ac9111ee6"),
            (1, 8, 8, "6820b3657b6f615a5725bda0d3b4eb3a257c9af1f8f03009"),
            (
                0xD,
                40,
                40,
                "d5ca91748410c1751ff8a2f618255b68a0a12e093ff454606e59f9c1d0ddc54b65e8628e568bad7aed07ba06a4a69483a7035490c5769e60",
            ),
        ] {
            let mut nonce = *b"\xBB\xAA\x99\x88\x77\x66\x55\x44\x33\x22\x11\x00";
            nonce[11] = last;
            assert_eq!(hex::encode(sealed(&ocb, &nonce, &octets[..associated], &octets[..plain])), expected);
        }
    }

    /// The appendix's check over many lengths.
    fn iterated<C>(ocb: &Ocb<C>) -> String
    where
        C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    {
        let nonce = |number: u32| [[0; 4], [0; 4], number.to_be_bytes()].concat();
        let zeros = [0; 128];
        let mut all = Vec::new();
        for length in 0..128_u32 {
            let zeros = &zeros[..length as usize];
            all.extend(sealed(ocb, &nonce(3 * length + 1), zeros, zeros));
            all.extend(sealed(ocb, &nonce(3 * length + 2), &[], zeros));
            all.extend(sealed(ocb, &nonce(3 * length + 3), zeros, &[]));
        }
        hex::encode(sealed(ocb, &nonce(385), &all, &[]))
    }

    #[test]
    fn the_check_of_the_standard_comes_out_for_both_key_sizes() {
        let mut key = [0; 32];
        key[15] = 128;
        assert_eq!(
            iterated(&Ocb::new(Aes128::new_from_slice(&key[..16]).unwrap())),
            "67e944d23256c5e0b6c61fa22fdf1ea2"
        );
        key[15] = 0;
        key[31] = 128;
        assert_eq!(iterated(&Ocb::new(Aes256::new_from_slice(&key).unwrap())), "d90eb8e9c977c88b79dd793d7ffa161c");
    }
}
