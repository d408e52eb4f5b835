//! The moto server: S3 and other AWS services on loopback.
