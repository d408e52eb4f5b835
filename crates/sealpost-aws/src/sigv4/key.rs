//! The key that one day's requests to one service are signed with.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag};
use zeroize::Zeroizing;

use super::{Scope, TERMINATOR};

/// The chain from the secret to the key: day, region, service, terminator.
pub(super) fn signing_key(secret: &[u8], day: &str, scope: &Scope) -> Key {
    let mut first = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
    first.extend_from_slice(b"AWS4");
    first.extend_from_slice(secret);
    let links = [day, &scope.region, &scope.service, TERMINATOR];
    links.into_iter().fold(Key::new(HMAC_SHA256, &first), |key, link| {
        let tag: Tag = aws_lc_rs::hmac::sign(&key, link.as_bytes());
        Key::new(HMAC_SHA256, tag.as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The string to sign and signature that AWS's documentation works out step by step for `ListUsers` of IAM.
    #[test]
    fn the_published_example_is_signed_as_published() {
        let text = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
            f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let key = signing_key(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", &Scope::new("us-east-1", "iam"));
        let signature = hex::encode(aws_lc_rs::hmac::sign(&key, text.as_bytes()).as_ref());
        assert_eq!(signature, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }
}
