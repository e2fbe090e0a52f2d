//! Requests and replies as bytes, on the main program's side.
//! It must never accept a reply whose nonce is not the request's, nor a length beyond its bound.
//! The layout is in `universal/wire.rs`, which the helpers share.

#[path = "universal/wire.rs"]
pub mod wire;

use std::ops::Range;

use wire::{FILTER_CAP, LIMIT_CAP, MAGIC, MESSAGE_CAP, NO_LIMIT, OUTPUT_CAP, PATH_CAP, VERSION};

/// A number nobody can guess before the request is sent.
pub type Nonce = [u8; 16];

/// What all probes of a helper have in common.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// What cannot be put in force stops the probe.
    pub strict: bool,
    /// User and group of the probed process.
    pub user: Option<(u32, u32)>,
    /// Landlock rules, as a descriptor of the helper.
    pub ruleset: Option<i32>,
    /// Seccomp program.
    pub filter: Vec<u64>,
    /// The part of it that Landlock makes needless where it is in force.
    pub spare: Range<usize>,
    /// Libraries opened first, each ended by NUL.
    pub before: Vec<u8>,
    /// Resource limits, soft and hard.
    pub limits: Vec<(u32, u64, u64)>,
}

/// The setup, or none if something in it is too long.
pub fn setup(frame: &Frame) -> Option<Vec<u8>> {
    if frame.filter.len() > FILTER_CAP
        || frame.before.len() > wire::BEFORE_CAP
        || frame.limits.len() > LIMIT_CAP
    {
        return None;
    }
    let (uid, gid) = frame.user.unwrap_or((u32::MAX, u32::MAX));
    let ruleset = frame.ruleset.unwrap_or(-1).cast_unsigned();
    let flags = if frame.strict { wire::STRICT } else { 0 };
    let spare = [u32::try_from(frame.spare.start).ok()?, u32::try_from(frame.spare.len()).ok()?];
    let words = [MAGIC, VERSION, flags, uid, gid, ruleset, len(&frame.filter)?, len(&frame.before)?];
    let words = words.into_iter().chain(spare);
    let mut out: Vec<u8> = words.flat_map(u32::to_ne_bytes).collect();
    let none = std::iter::repeat((NO_LIMIT, 0, 0));
    for (resource, soft, hard) in frame.limits.iter().copied().chain(none).take(LIMIT_CAP) {
        out.extend(resource.to_ne_bytes());
        out.extend([0; 4]);
        out.extend(soft.to_ne_bytes());
        out.extend(hard.to_ne_bytes());
    }
    out.extend(frame.filter.iter().flat_map(|word| word.to_ne_bytes()));
    out.extend(&frame.before);
    Some(out)
}

/// A request, or none if no loader could be asked for such a path.
pub fn request(nonce: &Nonce, deadline_ms: u32, flags: u32, path: &[u8]) -> Option<Vec<u8>> {
    if path.len() >= PATH_CAP || path.contains(&0) {
        return None;
    }
    let mut out = nonce.to_vec();
    for word in [deadline_ms, flags, len(path)?.checked_add(1)?, 0] {
        out.extend(word.to_ne_bytes());
    }
    out.extend(path);
    out.push(0);
    Some(out)
}

fn len<T>(slice: &[T]) -> Option<u32> {
    u32::try_from(slice.len()).ok()
}

/// A helper's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whose answer it is.
    pub nonce: Nonce,
    /// `wire::LOADED` and following.
    pub kind: u32,
    /// Signal or exit status.
    pub code: u32,
    /// `wire::STARTING` and following.
    pub phase: u32,
    /// `wire::LANDLOCK` and others.
    pub in_force: u32,
    /// Duration of the call.
    pub open_us: u32,
    /// The loader's sentence.
    pub message: Vec<u8>,
    /// What the library wrote.
    pub output: Vec<u8>,
}

/// What stands at the head of a stream of replies.
#[derive(Debug, PartialEq, Eq)]
pub enum Head {
    /// More bytes are needed.
    Partial,
    /// No helper of ours wrote this.
    Nonsense,
    /// A reply and its length.
    Whole(Reply, usize),
}

/// Reads one reply.
pub fn reply(bytes: &[u8]) -> Head {
    const HEAD: usize = size_of::<wire::Reply>();
    let Some((nonce, rest)) = bytes.split_first_chunk::<16>() else { return Head::Partial };
    let Some(words) = rest.get(..HEAD - 16) else { return Head::Partial };
    let word = |index: usize| {
        let at = words.get(index * 4..).and_then(|w| w.first_chunk::<4>());
        at.map_or(0, |w| u32::from_ne_bytes(*w))
    };
    let (message, output) = (word(5) as usize, word(6) as usize);
    if message > MESSAGE_CAP || output > OUTPUT_CAP || !(wire::LOADED..=wire::HURT).contains(&word(0)) {
        return Head::Nonsense;
    }
    let Some(tail) = rest.get(HEAD - 16..HEAD - 16 + message + output) else { return Head::Partial };
    let (message, output) = tail.split_at(message);
    let reply = Reply {
        nonce: *nonce,
        kind: word(0),
        code: word(1),
        phase: word(2),
        in_force: word(3),
        open_us: word(4),
        message: message.to_vec(),
        output: output.to_vec(),
    };
    Head::Whole(reply, HEAD + tail.len())
}
