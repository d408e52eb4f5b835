//! Secret references resolved to values.
