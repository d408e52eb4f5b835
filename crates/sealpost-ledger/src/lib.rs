//! Job state and task queue.
