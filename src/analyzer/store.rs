//! What is kept of files between runs: sealed envelopes, sparse contents, profiles. Bytes in, bytes out.
//! It must never touch the disk, nor believe a stored byte before its checksum was compared.
//! No loader knows any of this; that nothing is lost is shown by judging again.

pub mod profile;
pub mod sealed;
pub mod sparse;
