//! Releases that must not happen, each refused with its own problem and nothing published; and one that must.
//! The files of other platforms are stand-ins; the logic, the directory and the command line are the real ones.

mod finders;
mod forge;
mod gate;
mod install;
mod plan;
mod publish;
mod roots;
mod script;
mod set;
mod support;
mod unpinned;
mod workflows;
