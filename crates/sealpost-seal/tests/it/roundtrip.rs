//! Whatever is written, in whatever pieces, comes out again.

use proptest::prelude::*;
use sealpost_seal::{GeneratedKey, KeyKind, KeyRequest, generate};

use super::*;

fn key(kind: KeyKind) -> GeneratedKey {
    let request = KeyRequest {
        user_id: "Partner <partner@example.com>",
        kind,
        now: Timestamp::now(),
        valid_for: None,
        passphrase: None,
    };
    generate(&request).unwrap()
}

#[test]
fn any_bytes_in_any_pieces() {
    let keys = [key(KeyKind::Ed25519), key(KeyKind::Ed25519V6)];
    let lengths = prop_oneof![
        0_usize..2000,
        // Around the borders of runs, chunks and partial lengths.
        (1_usize..5, 0_usize..80).prop_map(|(chunks, over)| chunks * 65_536 - 40 + over),
        (1_usize..9, 0_usize..80).prop_map(|(runs, over)| runs * 16_384 - 40 + over),
    ];
    let pieces = proptest::collection::vec(prop_oneof![0_usize..100, 1000_usize..100_000], 1..20);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(96));
    let input = (lengths, pieces, any::<[bool; 3]>(), any::<u8>());
    runner
        .run(&input, |(length, pieces, [armor, signed, v2], seed)| {
            let plain: Vec<u8> = (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed)).collect();
            let key = &keys[usize::from(v2)];
            let recipients = [key.public.clone()];
            let plan = SealPlan { armor, signer: signed.then_some((&key.secret, None)), ..plan(&recipients) };
            let out = MemorySink::default();
            let mut sink = OpenPgp.seal(&plan, Box::new(out.clone())).unwrap();
            let mut left = &plain[..];
            for piece in pieces.iter().cycle() {
                let (now, later) = left.split_at(left.len().min(*piece + 1));
                sink.write_all(now).unwrap();
                left = later;
                if left.is_empty() {
                    break;
                }
            }
            sink.finish().unwrap();
            let message = out.finished().unwrap();
            let mut opened = Vec::new();
            let signer = key.public.as_bytes();
            let decrypted =
                sealpost_seal::decrypt_verified(&message[..], &key.secret, None, signer, &mut opened).unwrap();
            prop_assert!(opened == plain);
            prop_assert_eq!(decrypted.signatures.len(), usize::from(signed));
            prop_assert!(decrypted.signatures.iter().all(|signature| signature.verified));
            Ok(())
        })
        .unwrap();
}
