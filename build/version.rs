//! Which versions a build may call itself: the package's own, or one of its release candidates.
//! It must never guess: what is neither is refused.
//! Shared by the build script and the release tool, so that both mean the same.

/// Whether `release` is `package` itself or `package-rc.N`, N without leading zeros; 0 is for rehearsals.
pub fn is_release_of(release: &str, package: &str) -> bool {
    release.strip_prefix(package).is_some_and(|rest| rest.is_empty() || is_candidate(rest))
}

/// Whether `text` is `-rc.N`.
fn is_candidate(text: &str) -> bool {
    text.strip_prefix("-rc.").is_some_and(|number| {
        !number.is_empty()
            && number.len() <= 9
            && (number == "0" || !number.starts_with('0'))
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}
