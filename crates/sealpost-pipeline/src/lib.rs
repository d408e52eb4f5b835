//! The flow: submit, produce, deliver, retry.
