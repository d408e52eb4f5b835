//! Lists over all partners. Each stands in several partitions, so that none of them gets hot; who reads such a list
//! reads all of them at once.

/// How many partitions a list has. Part of the stored format: with another number, what is listed is not found.
const SHARDS: u32 = 16;

/// The partition of a list in which this id stands.
pub(super) fn of(list: &str, id: &str) -> String {
    named(list, hash(id) % SHARDS)
}

/// All partitions of a list.
pub(super) fn all(list: &str) -> Vec<String> {
    (0..SHARDS).map(|shard| named(list, shard)).collect()
}

fn named(list: &str, shard: u32) -> String {
    format!("{list}#{shard:02}")
}

/// FNV-1a, 32 bits (<https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>): the same in every version of the program.
fn hash(id: &str) -> u32 {
    id.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_where_it_always_stood() {
        // The published vectors, by the number of shards.
        for (text, expected) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
            assert_eq!(hash(text), expected);
        }
        assert_eq!(of("partners", "a"), "partners#12");
        assert!(all("partners").contains(&of("partners", "acme")));
    }

    #[test]
    fn ids_spread() {
        let used: std::collections::BTreeSet<_> = (0..200).map(|number| of("l", &format!("p{number}"))).collect();
        assert_eq!(used.len(), all("l").len());
    }
}
