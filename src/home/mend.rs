//! What would mend a home, in the terms of the one who can: tsuku's commands, a recipe's fields, one link.
//! It must never suggest a file that is not there or that the loader would refuse as well.
//! A suggestion is typed; its sentence and its command are made here and nowhere else.

/// One suggestion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mend {
    /// Install the tree again.
    Reinstall {
        /// `name@version`.
        package: String,
        /// Why.
        because: Reason,
    },
    /// What is missing is in the home but not on the search path.
    AddDependency {
        /// The one that needs it.
        package: String,
        /// The name that is needed.
        needed: Vec<u8>,
        /// Name of the library that has it.
        dependency: String,
        /// The path element that would lead to it.
        rpath: Vec<u8>,
    },
    /// The path pins a version that is gone, while another is there.
    StalePin {
        /// The one with the path.
        package: String,
        /// The directory that is named.
        pinned: Vec<u8>,
        /// The one that is there.
        present: Vec<u8>,
    },
    /// A file lacks the link it is looked for under.
    LinkSoname {
        /// What the link says.
        target: Vec<u8>,
        /// The link's path.
        link: Vec<u8>,
    },
    /// Nothing in the home has it.
    InstallProvider {
        /// The one that needs it.
        package: String,
        /// The name that is needed.
        needed: Vec<u8>,
    },
    /// The C library of this system is too old.
    OlderBuild {
        /// The one that needs it.
        package: String,
        /// The library that lacks the version.
        provider: Vec<u8>,
        /// The version.
        version: Vec<u8>,
        /// The symbols that carry it.
        symbols: Vec<Vec<u8>>,
        /// All of them are weak.
        only_weak: bool,
    },
    /// A file of the home or of the system takes the place of the right one.
    Shadowed {
        /// The one that fails.
        package: String,
        /// The file in the way.
        by: Vec<u8>,
        /// It lies in the home.
        in_home: bool,
    },
    /// A plugin: its program gives it what it lacks.
    NeedsHost {
        /// The one that fails.
        package: String,
    },
    /// Remove what nobody needs.
    Remove {
        /// The directory.
        path: Vec<u8>,
    },
    /// Let the state know it.
    Track {
        /// `name@version`.
        package: String,
    },
}

/// Why a tree should be installed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Files are not as they were.
    Changed,
    /// Files are gone.
    Gone,
    /// A file is for another machine.
    WrongMachine,
    /// A file for another machine lies beside one for this machine.
    WrongMachineBesideRight,
    /// A file is damaged.
    Damaged,
}

impl Mend {
    /// A stable name.
    pub fn kind(&self) -> &'static str {
        match self {
            Mend::Reinstall { .. } => "reinstall",
            Mend::AddDependency { .. } => "add-dependency",
            Mend::StalePin { .. } => "stale-pin",
            Mend::LinkSoname { .. } => "link-soname",
            Mend::InstallProvider { .. } => "install-provider",
            Mend::OlderBuild { .. } => "older-build",
            Mend::Shadowed { .. } => "shadowed",
            Mend::NeedsHost { .. } => "needs-host",
            Mend::Remove { .. } => "remove",
            Mend::Track { .. } => "track",
        }
    }

    /// The suggestion, as a sentence.
    pub fn text(&self) -> String {
        let lossy = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        match self {
            Mend::Reinstall { package, because } => match because {
                Reason::Changed => format!("{package} was changed since it was installed: install it again"),
                Reason::Gone => format!("files of {package} are gone: install it again"),
                Reason::WrongMachine => {
                    format!("{package} holds a file for another machine: install it again for this one")
                }
                Reason::WrongMachineBesideRight => {
                    format!(
                        "{package} holds a file for another machine beside one for this machine: install it again, and remove the other from its recipe"
                    )
                }
                Reason::Damaged => format!("a file of {package} is damaged: install it again"),
            },
            Mend::AddDependency { package, needed, dependency, rpath } => format!(
                "{} is in {dependency} of this home but not on the search path of {package}: add {} to its runtime_dependencies, or the rpath {}",
                lossy(needed),
                dependency.split('@').next().unwrap_or(dependency),
                lossy(rpath)
            ),
            Mend::StalePin { package, pinned, present } => format!(
                "the rpath of {package} names {}, which is gone; {} is there: install {package} again so that it is named",
                lossy(pinned),
                lossy(present)
            ),
            Mend::LinkSoname { target, link } => {
                format!("{} lacks its link {}", lossy(target), lossy(link))
            }
            Mend::InstallProvider { package, needed } => format!(
                "nothing in this home and on this system is called {}: add the library that has it to the runtime_dependencies of {package}",
                lossy(needed)
            ),
            Mend::OlderBuild { package, provider, version, symbols, only_weak } => {
                let named: Vec<String> = symbols.iter().take(3).map(|s| lossy(s)).collect();
                let carried = match (named.is_empty(), only_weak) {
                    (true, _) => String::new(),
                    (false, true) => format!(" (only weak symbols need it: {})", named.join(", ")),
                    (false, false) => format!(" (needed by {})", named.join(", ")),
                };
                format!(
                    "{} does not define {}{carried}: take a build of {package} made for this system, or upgrade it",
                    lossy(provider),
                    lossy(version)
                )
            }
            Mend::Shadowed { package, by, in_home } => {
                let whose = if *in_home { "of this home" } else { "of the system" };
                format!(
                    "{} {whose} takes the place of the one {package} was built with: give {package} an rpath to its own",
                    lossy(by)
                )
            }
            Mend::NeedsHost { package } => {
                format!("{package} holds plugins: judge them inside their program with --host PROGRAM")
            }
            Mend::Remove { path } => format!("{} is left over and not used", lossy(path)),
            Mend::Track { package } => {
                format!(
                    "tsuku does not know that {package} is installed: install it by name to have it recorded"
                )
            }
        }
    }

    /// The command that does it, if one does.
    pub fn command(&self) -> Option<Vec<u8>> {
        let name = |package: &str| package.split('@').next().unwrap_or(package).to_owned();
        Some(match self {
            Mend::Reinstall { package, .. } | Mend::StalePin { package, .. } => {
                format!("tsuku install --reinstall {}", name(package)).into_bytes()
            }
            Mend::LinkSoname { target, link } => {
                [b"ln -s ".as_slice(), &quoted(target), b" ", &quoted(link)].concat()
            }
            Mend::Remove { path } => [b"rm -r ".as_slice(), &quoted(path)].concat(),
            Mend::Track { package } => format!("tsuku install {}", name(package)).into_bytes(),
            _ => return None,
        })
    }
}

/// A word for the shell.
fn quoted(word: &[u8]) -> Vec<u8> {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._+-=@,:".contains(b);
    if !word.is_empty() && word.iter().all(plain) {
        return word.to_vec();
    }
    let mut out = vec![b'\''];
    for b in word {
        if *b == b'\'' { out.extend_from_slice(b"'\\''") } else { out.push(*b) }
    }
    out.push(b'\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_safe_to_paste() {
        let command = Mend::Remove { path: b"/h/libs/.a b;rm -r ~'x".to_vec() }.command().unwrap();
        assert_eq!(command, b"rm -r '/h/libs/.a b;rm -r ~'\\''x'");
        let link = Mend::LinkSoname { target: b"liba.so.1.2".to_vec(), link: b"/h/liba.so.1".to_vec() };
        assert_eq!(link.command().unwrap(), b"ln -s liba.so.1.2 /h/liba.so.1");
    }
}
