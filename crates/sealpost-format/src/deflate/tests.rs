//! Read back by flate2, whatever was marked.

use std::io::Read;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::proptest;

use super::*;

/// The blocks, compressed as one stream.
fn compressed(blocks: &[(Vec<u8>, Vec<Mark>)]) -> Vec<u8> {
    let (mut deflate, mut out) = (Deflate::new(), Vec::new());
    for (bytes, marks) in blocks {
        deflate.write(bytes, marks, &mut out);
    }
    deflate.finish(&mut out);
    out
}

fn read(compressed: &[u8]) -> Vec<u8> {
    let mut reader = flate2::bufread::DeflateDecoder::new(compressed);
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert_eq!(reader.total_in(), compressed.len() as u64, "nothing is behind the end");
    all
}

fn survives(blocks: &[(Vec<u8>, Vec<Mark>)]) -> Vec<u8> {
    let all: Vec<u8> = blocks.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
    let compressed = compressed(blocks);
    assert!(read(&compressed) == all);
    compressed
}

/// Rows of a sheet, marked as they should be.
fn sheet(rows: std::ops::Range<u32>) -> (Vec<u8>, Vec<Mark>) {
    let (mut text, mut marks, mut at) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        let values = [row.to_string(), format!("{}", u64::from(row) * 7919 % 100_003), "Fahrrad".to_owned()];
        for (slot, value) in values.iter().enumerate() {
            text.extend_from_slice(format!("</v></c><c r=\"{}{row}\" s=\"2\"><v>", ["A", "B", "C"][slot]).as_bytes());
            marks.push(Mark { slot: slot as u32, at, value: text.len() as u32 });
            text.extend_from_slice(value.as_bytes());
            at = text.len() as u32;
        }
    }
    (text, marks)
}

#[test]
fn nothing_and_little_survive() {
    assert_eq!(compressed(&[]), [0b011, 0]);
    survives(&[(Vec::new(), Vec::new())]);
    for count in 0..600 {
        survives(&[(vec![b'a'; count], Vec::new())]);
        survives(&[((0..count).map(|at| (at % 251) as u8).collect(), Vec::new())]);
    }
}

#[test]
fn streams_follow_each_other() {
    let (mut deflate, blocks) = (Deflate::new(), [sheet(1..50), sheet(50..70)]);
    let streams = blocks.each_ref().map(|(bytes, marks)| {
        let mut out = Vec::new();
        deflate.write(bytes, marks, &mut out);
        deflate.finish(&mut out);
        out
    });
    for ((bytes, _), stream) in blocks.iter().zip(&streams) {
        assert!(read(stream) == *bytes);
    }
}

#[test]
fn marks_make_a_sheet_smaller_and_wrong_ones_do_no_harm() {
    let (text, marks) = sheet(1..3000);
    let marked = survives(&[(text.clone(), marks.clone())]).len();
    let unmarked = survives(&[(text.clone(), Vec::new())]).len();
    assert!(
        marked * 10 < unmarked * 9 && marked * 8 < text.len(),
        "{marked} of {}, {unmarked} without marks",
        text.len()
    );
    // Slots that are not alike, and marks that are behind the text.
    let wrong = marks.iter().map(|mark| Mark { slot: mark.at % 7, at: mark.at, value: mark.value + mark.at % 5 });
    survives(&[(text.clone(), wrong.collect())]);
    survives(&[(text[..text.len() / 2].to_vec(), marks)]);
}

#[test]
fn a_mark_farther_away_than_deflate_reaches_is_not_used() {
    for gap in MAX_DISTANCE - 40..MAX_DISTANCE + 40 {
        let mut text = b"<the same again>".to_vec();
        // What repeats nowhere, so that only the marks could find it.
        let mut noise = 1_u32;
        text.extend(
            std::iter::repeat_with(|| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (noise >> 24) as u8
            })
            .take(gap),
        );
        let at = text.len() as u32;
        text.extend_from_slice(b"<the same again>");
        let end = text.len() as u32;
        survives(&[(text, vec![Mark { slot: 0, at: 0, value: 16 }, Mark { slot: 0, at, value: end }])]);
    }
}

/// Bytes of all kinds: few letters, runs, anything.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(b'a'..b'e', 0..300),
        vec(any::<u8>(), 0..300),
        (any::<u8>(), 0_usize..2000).prop_map(|(byte, count)| vec![byte; count]),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn marks() -> impl Strategy<Value = Vec<Mark>> {
    (vec((0_u32..4, 0_u32..2500, 0_u32..40), 0..60), any::<bool>()).prop_map(|(mut marks, sorted)| {
        if sorted {
            marks.sort_unstable_by_key(|(_, at, _)| *at);
        }
        marks.into_iter().map(|(slot, at, length)| Mark { slot, at, value: at + length }).collect()
    })
}

proptest! {
    #[test]
    fn anything_survives_with_any_marks(blocks in vec((bytes(), marks()), 0..4)) {
        survives(&blocks);
    }
}
