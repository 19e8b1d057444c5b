//! Against the reference model.
