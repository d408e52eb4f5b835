use super::*;

/// Both ways, by name.
fn both(key: &[u8; KEY], iv: &[u8; AES_BLOCK]) -> [(&'static str, CfbSha1); 2] {
    [("this processor's", CfbSha1::new(key, iv)), ("portable", CfbSha1::portable(key, iv))]
}

fn octets<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn cfb_gives_the_ciphertext_of_the_standard() {
    // NIST SP 800-38A, F.3.17, CFB128-AES256.Encrypt: four blocks of AES, which are one of SHA-1.
    let key = octets("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
    let iv = octets("000102030405060708090a0b0c0d0e0f");
    let plain: [u8; SHA_BLOCK] = octets(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
         30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
    );
    let expected: [u8; SHA_BLOCK] = octets(
        "dc7e84bfda79164b7ecd8486985d386039ffed143b28b1c832113c6331e5407b\
         df10132415e54b92a13ed0a8267ae2f975a385741ab9cef82031623d55b1e471",
    );
    for (name, mut message) in both(&key, &iv) {
        let mut blocks = [plain];
        message.encrypt(&mut blocks);
        assert_eq!(blocks, [expected], "{name}");
    }
    // The same as the end of a message, of every length.
    for length in 0..=SHA_BLOCK {
        for (name, message) in both(&key, &iv) {
            let mut rest = plain;
            message.encrypt_last(&mut rest[..length]);
            assert_eq!(rest[..length], expected[..length], "{name}");
            assert_eq!(rest[length..], plain[length..], "{name}");
        }
    }
}

#[test]
fn the_cipher_is_aes_256() {
    // FIPS 197, C.3. The first block of CFB is the encrypted IV added to the plaintext, so zeros show the cipher's output.
    let key = octets("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let iv = octets("00112233445566778899aabbccddeeff");
    for (name, mut message) in both(&key, &iv) {
        let mut blocks = [[0; SHA_BLOCK]];
        message.encrypt(&mut blocks);
        assert_eq!(hex::encode(&blocks[0][..AES_BLOCK]), "8ea2b7ca516745bfeafc49904b496089", "{name}");
    }
}

#[test]
fn sha_1_gives_the_digests_of_the_standard() {
    // FIPS 180-4's examples, and the empty message.
    let million = vec![b'a'; 1_000_000];
    let cases: [(&[u8], &str); 4] = [
        (b"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        (&million, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
    ];
    for (plain, expected) in cases {
        for (name, mut message) in both(&[7; KEY], &[0; AES_BLOCK]) {
            assert_eq!(hex::encode(message.digest(plain)), expected, "{name}, in no whole blocks");
            let mut copy = plain.to_vec();
            let (blocks, rest) = copy.as_chunks_mut();
            message.encrypt(blocks);
            assert_eq!(hex::encode(message.digest(rest)), expected, "{name}");
        }
    }
}

#[test]
fn sha_256_gives_the_digests_of_the_standard() {
    // FIPS 180-4's examples, and the empty message.
    let million = vec![b'a'; 1_000_000];
    let cases: [(&[u8], &str); 4] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ];
    for (text, expected) in cases {
        assert_eq!(hex::encode(Sha256::new().finish(text)), expected, "in no whole blocks");
        let (others, rest) = text.as_chunks();
        for (name, mut message) in both(&[7; KEY], &[0; AES_BLOCK]) {
            let mut digest = Sha256::new();
            // Fewer blocks than others, as many, more.
            for (others, count) in [(&others[..others.len() / 3], 1), (&others[others.len() / 3..], others.len())] {
                message.encrypt_beside(&mut vec![[3; SHA_BLOCK]; count], &mut digest, others);
            }
            assert_eq!(hex::encode(digest.finish(rest)), expected, "{name}");
        }
    }
}

#[test]
fn keys_are_overwritten_when_they_are_dropped() {
    // The portable cipher keeps besides this only the last block of ciphertext.
    fn overwritten<T: zeroize::ZeroizeOnDrop>() {}
    overwritten::<aes::Aes256>();
    #[cfg(target_arch = "x86_64")]
    overwritten::<interleaved::Cipher>();
}

/// `SplitMix64`: a case is its number, so it can be made again.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> usize {
        usize::try_from(self.next() % limit).unwrap()
    }

    /// Any octets, or one octet again and again: carries and zeros show there.
    fn fill(&mut self, octets: &mut [u8]) {
        let same = [None, None, None, Some(0x00), Some(0xFF)][self.below(5)];
        for octets in octets.chunks_mut(8) {
            octets.copy_from_slice(&self.next().to_le_bytes()[..octets.len()]);
        }
        if let Some(same) = same {
            octets.fill(same);
        }
    }
}

/// One message in some pieces, by both ways.
fn agree(seed: u64) {
    let mut numbers = Numbers(seed);
    let [mut key, mut iv] = [[0; KEY], [0; KEY]];
    numbers.fill(&mut key);
    numbers.fill(&mut iv);
    let [iv, _] = iv.as_chunks().0 else { panic!("a key is two blocks") };
    let [(_, mut ours), (_, mut twin)] = both(&key, iv);
    let mut digests = [Sha256::new(), Sha256::new()];
    for call in 0..numbers.below(6) {
        let most = [2, 4, 20, 70][numbers.below(4)];
        let length = numbers.below(most) * SHA_BLOCK;
        // Anywhere in memory, with octets around that must stay as they are.
        let before = numbers.below(AES_BLOCK as u64 + 1);
        let mut piece = vec![0; before + length + AES_BLOCK];
        numbers.fill(&mut piece);
        let mut other = piece.clone();
        let (ours_of, twins_of) = (before..before + length, before..before + length);
        let mut beside = vec![0; numbers.below(most) * SHA_BLOCK + before];
        numbers.fill(&mut beside);
        let (blocks, _) = beside[before..].as_chunks();
        if numbers.below(2) == 0 {
            ours.encrypt(piece[ours_of].as_chunks_mut().0);
            digests[0].update(blocks);
        } else {
            ours.encrypt_beside(piece[ours_of].as_chunks_mut().0, &mut digests[0], blocks);
        }
        twin.encrypt(other[twins_of].as_chunks_mut().0);
        digests[1].update(blocks);
        let [one, two] = digests.clone().map(|digest| digest.finish(&beside[..before]));
        assert_eq!(one, two, "seed {seed}, SHA-256 after call {call}");
        assert_eq!(piece, other, "seed {seed}, ciphertext of call {call}, {length} octets");
        let rest = &piece[..numbers.below(piece.len() as u64)];
        assert_eq!(ours.digest(rest), twin.digest(rest), "seed {seed}, digest after call {call}, {} more", rest.len());
    }
    let mut last = vec![0; numbers.below(200)];
    numbers.fill(&mut last);
    let mut other = last.clone();
    ours.encrypt_last(&mut last);
    twin.encrypt_last(&mut other);
    assert_eq!(last, other, "seed {seed}, end of {} octets", last.len());
}

/// `SEALPOST_CFB_SHA1_CASES` makes it longer, `SEALPOST_CFB_SHA1_SEED` begins where a failing run says.
#[test]
fn both_ways_agree() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    let cases = number("SEALPOST_CFB_SHA1_CASES").unwrap_or(50_000);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() << 32;
    let seed = number("SEALPOST_CFB_SHA1_SEED").unwrap_or(now);
    println!("SEALPOST_CFB_SHA1_SEED={seed} SEALPOST_CFB_SHA1_CASES={cases}");
    #[cfg(target_arch = "x86_64")]
    if matches!(CfbSha1::new(&[0; KEY], &[0; AES_BLOCK]).0, Way::Portable(_)) {
        println!("this processor lacks AES-NI or SHA-NI: the portable way is compared with itself");
    }
    for seed in (0..cases).map(|case| seed.wrapping_add(case)) {
        agree(seed);
    }
}
