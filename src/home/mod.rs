//! What tsuku installed: where the home is, what its state says, what lies on the disk, and how the two differ.
//! It must never write into a home, take a lock, or need tsuku; the analyzer says what loads, this room says whose it is.
//! Follows tsuku's own layout and `state.json`; the exact entry of the state comes before any reading of directory names.

pub mod catalogue;
pub mod causes;
pub mod files;
pub mod finding;
pub mod integrity;
pub mod layout;
pub mod mend;
pub mod near;
pub mod providers;
pub mod state;
pub mod survey;
pub mod targets;
pub mod vocabulary;
