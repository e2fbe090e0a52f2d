//! From a set to a release, with everything that can go wrong on the way: a draft stays a draft until all of it is right.

use std::fs;

use xtask::assemble::{Assembled, difference};
use xtask::backend::{Backend, Directory, Fault, Faulty, State};
use xtask::flip::{Flipped, flip};
use xtask::host::host;
use xtask::problem::Problem;

use crate::support::{Release, plan, root, targets};

fn is_draft(place: &Directory) -> bool {
    matches!(place.state(&plan()).unwrap(), State::Draft(_))
}

#[test]
fn a_release_is_made_and_never_again() {
    let release = Release::new();
    let (set, place) = (release.assembled(), Directory::new(release.place()));
    assert!(matches!(flip(&set, &place), Err(Problem::NotDraft(_))));
    host(&set, &place).unwrap();
    assert!(is_draft(&place));
    host(&set, &place).unwrap();
    assert_eq!(flip(&set, &place).unwrap(), Flipped::Now);
    assert_eq!(place.state(&plan()).unwrap(), State::Published);
    assert!(matches!(host(&set, &place), Err(Problem::AlreadyPublished(_))));
    // The same again looks and does nothing; anything else is refused.
    assert_eq!(flip(&set, &place).unwrap(), Flipped::Before);
    let public = release.place().join("download/v1.2.3/install.sh");
    let installer = fs::read(&public).unwrap();
    fs::write(&public, "#!/bin/sh\n").unwrap();
    assert!(matches!(flip(&set, &place), Err(Problem::AlreadyPublished(_))));
    fs::write(&public, installer).unwrap();
    assert!(matches!(place.flip(&plan()), Err(Problem::NotDraft(_))));
    assert!(
        place.create_draft(&plan()).is_ok(),
        "a directory does not decide; `host` asks for the state first"
    );
    assert_eq!(place.state(&plan()).unwrap(), State::Published);
    for way in ["download/v1.2.3", "latest/download"] {
        assert_eq!(difference(&set.dir, &release.place().join(way)).unwrap(), None);
    }
}

#[test]
fn a_candidate_is_a_pre_release_and_never_the_latest() {
    let release = Release::new();
    let place = Directory::new(release.place());
    let mut set = release.assembled();
    set.plan.prerelease = true;
    host(&set, &place).unwrap();
    set.plan.prerelease = false;
    assert!(matches!(flip(&set, &place), Err(Problem::Kind { expected: false, found: true, .. })));
    set.plan.prerelease = true;
    place.flip(&set.plan).unwrap();
    assert!(!release.place().join("latest").exists());
}

/// A release of another version, published before.
fn publish_other(place: &Directory, version: &str) {
    let mut other = plan();
    (other.version, other.tag) = (version.to_owned(), format!("v{version}"));
    place.create_draft(&other).unwrap();
    place.flip(&other).unwrap();
    place.make_latest(&other).unwrap();
}

#[test]
fn an_older_line_does_not_become_the_latest() {
    for (before, after) in
        [("1.10.0", "v1.10.0"), ("1.2.4", "v1.2.4"), ("1.2.2", "v1.2.3"), ("0.20.0", "v1.2.3")]
    {
        let release = Release::new();
        let (set, place) = (release.assembled(), Directory::new(release.place()));
        publish_other(&place, before);
        host(&set, &place).unwrap();
        flip(&set, &place).unwrap();
        assert_eq!(place.latest().unwrap().as_deref(), Some(after), "{before}");
        assert!(release.place().join("download/v1.2.3/checksums.txt").exists());
    }
    let release = Release::new();
    let (set, place) = (release.assembled(), Directory::new(release.place()));
    publish_other(&place, "next");
    host(&set, &place).unwrap();
    assert!(matches!(flip(&set, &place), Err(Problem::Latest(tag)) if tag == "vnext"));
    assert!(is_draft(&place));
}

#[test]
fn a_run_that_dies_after_the_publication_is_completed() {
    let release = Release::new();
    let (set, place) = (release.assembled(), Directory::new(release.place()));
    host(&set, &place).unwrap();
    let dying = Faulty::new(Directory::new(release.place()), Fault::DieBeforeLatest);
    assert!(matches!(flip(&set, &dying), Err(Problem::Backend { .. })));
    assert_eq!(place.state(&plan()).unwrap(), State::Published);
    assert_eq!(place.latest().unwrap(), None);
    // What an earlier form of this tool left when it died there.
    std::os::unix::fs::symlink("nowhere", {
        fs::create_dir_all(release.place().join("latest")).unwrap();
        release.place().join("latest/.new")
    })
    .unwrap();
    assert_eq!(flip(&set, &place).unwrap(), Flipped::Before);
    assert_eq!(place.latest().unwrap().as_deref(), Some("v1.2.3"));
    assert_eq!(difference(&set.dir, &release.place().join("latest/download")).unwrap(), None);
}

#[test]
fn an_upload_that_dies_after_any_number_of_files() {
    let count = targets().assets().len();
    for k in 0..count {
        let release = Release::new();
        let set = release.assembled();
        let dying = Faulty::new(Directory::new(release.place()), Fault::DieAfter(k));
        assert!(matches!(host(&set, &dying), Err(Problem::Backend { .. })), "{k}");
        let place = Directory::new(release.place());
        assert!(is_draft(&place));
        match flip(&set, &place) {
            Err(Problem::ReadBack { what: "is missing", .. }) => {}
            other => panic!("{k}: {other:?}"),
        }
        assert!(is_draft(&place));
        // Run again: completed, then published.
        host(&set, &place).unwrap();
        flip(&set, &place).unwrap();
        assert_eq!(difference(&set.dir, &release.place().join("latest/download")).unwrap(), None);
    }
    // As many as there are: nothing is left to die.
    let release = Release::new();
    host(&release.assembled(), &Faulty::new(Directory::new(release.place()), Fault::DieAfter(count)))
        .unwrap();
}

#[test]
fn any_one_asset_that_comes_back_otherwise() {
    for asset in targets().assets() {
        let faults =
            [Fault::Truncate(asset.clone()), Fault::Corrupt(asset.clone()), Fault::Lose(asset.clone())];
        for fault in faults {
            let release = Release::new();
            let set = release.assembled();
            let lost = matches!(fault, Fault::Lose(_));
            let Err(Problem::ReadBack { asset: found, what }) =
                host(&set, &Faulty::new(Directory::new(release.place()), fault))
            else {
                panic!("{asset} was not missed")
            };
            assert_eq!((found.as_str(), what == "is missing"), (asset.as_str(), lost));
            let place = Directory::new(release.place());
            assert!(matches!(flip(&set, &place), Err(Problem::ReadBack { .. })));
            assert!(is_draft(&place));
            host(&set, &place).unwrap();
        }
    }
}

#[test]
fn somebody_elses_file_or_draft() {
    let release = Release::new();
    let set = release.assembled();
    let stray = Faulty::new(Directory::new(release.place()), Fault::Stray("tsuku-verify-linux-s390x".into()));
    assert!(
        matches!(host(&set, &stray), Err(Problem::Unexpected(names)) if names == ["tsuku-verify-linux-s390x"])
    );
    let place = Directory::new(release.place());
    assert!(matches!(host(&set, &place), Err(Problem::Unexpected(_))));
    assert!(matches!(flip(&set, &place), Err(Problem::Unexpected(_))));

    let release = Release::new();
    let place = Directory::new(release.place());
    let mut other = plan();
    other.commit = "f".repeat(40);
    place.create_draft(&other).unwrap();
    let set = release.assembled();
    assert!(matches!(host(&set, &place), Err(Problem::ForeignDraft { .. })));
    assert!(matches!(flip(&set, &place), Err(Problem::ForeignDraft { .. })));
    assert!(place.create_draft(&plan()).is_err());
}

#[test]
fn a_publication_that_is_refused_or_raced() {
    let release = Release::new();
    let set = release.assembled();
    let place = Directory::new(release.place());
    host(&set, &place).unwrap();
    let refusing = Faulty::new(Directory::new(release.place()), Fault::RefuseFlip);
    assert!(matches!(flip(&set, &refusing), Err(Problem::Backend { .. })));
    assert!(is_draft(&place));
    // Somebody replaces a file between the last look and the publication: it is out, and that is said.
    let swapping = Faulty::new(Directory::new(release.place()), Fault::Swap("install.sh".into()));
    let problem = flip(&set, &swapping).unwrap_err();
    assert!(
        matches!(&problem, Problem::PublishedDiffers { asset, what: "differs" } if asset == "install.sh")
    );
    assert!(problem.to_string().starts_with("PUBLISHED, but install.sh"));
}

#[test]
fn a_set_that_changes_after_it_was_checked() {
    let release = Release::new();
    let set = release.assembled();
    let place = Directory::new(release.place());
    host(&set, &place).unwrap();
    fs::write(set.dir.join("install.sh"), "#!/bin/sh\n").unwrap();
    assert!(matches!(flip(&set, &place), Err(Problem::ReadBack { asset, .. }) if asset == "install.sh"));
    assert!(matches!(Assembled::new(&root(), release.set(), plan()), Err(Problem::Checksum { .. })));
    assert!(is_draft(&place));
}

#[test]
fn two_runs_at_once() {
    for _ in 0..10 {
        let release = Release::new();
        let runs = |work: &(dyn Fn(&Assembled, &Directory) -> Result<(), Problem> + Sync)| {
            std::thread::scope(|scope| {
                let run = || work(&release.assembled(), &Directory::new(release.place()));
                let threads = [scope.spawn(run), scope.spawn(run)];
                threads.map(|thread| thread.join().unwrap())
            })
        };
        // Both upload the same bytes: whoever is told otherwise was told so by the backend, and the draft is whole.
        for result in runs(&|set, place| host(set, place)) {
            assert!(matches!(result, Ok(()) | Err(Problem::Backend { .. })), "{result:?}");
        }
        host(&release.assembled(), &Directory::new(release.place())).unwrap();
        // Both publish: one does, and the other finds it done or is told that it came too late.
        let results = runs(&|set, place| match flip(set, place) {
            Ok(Flipped::Now) => Ok(()),
            Ok(Flipped::Before) => Err(Problem::NotDraft(plan().tag)),
            Err(problem) => Err(problem),
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        flip(&release.assembled(), &Directory::new(release.place())).unwrap();
        assert_eq!(difference(&release.set(), &release.place().join("latest/download")).unwrap(), None);
    }
}
