//! What finds a release from outside: `cargo binstall`, and tsuku by its recipe. Both are told of the files there are.

use std::fs;

use xtask::archive;
use xtask::targets::LICENCES;

use crate::support::{root, targets};

/// `cargo binstall` finds an archive for every target, with every program of the package in it.
#[test]
fn binstall_is_told_of_the_archives() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let package = &manifest["package"];
    assert_eq!(
        package["repository"].as_str(),
        Some(format!("https://github.com/{}", targets().repository).as_str())
    );
    let told = &package["metadata"]["binstall"];
    assert_eq!(
        (told["pkg-fmt"].as_str(), told["bin-dir"].as_str()),
        (Some("tgz"), Some("{ bin }{ binary-ext }"))
    );
    let url = |target: &str| {
        let own = told.get("overrides").and_then(|all| all.get(target)).and_then(|own| own.get("pkg-url"));
        let url = own.unwrap_or(&told["pkg-url"]).as_str().unwrap();
        url.replace("{ target }", target)
    };
    let place = "{ repo }/releases/download/v{ version }";
    let mut programs: Vec<_> =
        manifest["bin"].as_array().unwrap().iter().map(|bin| bin["name"].as_str().unwrap()).collect();
    programs.sort_unstable();
    for p in &targets().platforms {
        assert_eq!(url(&p.target), format!("{place}/{}", p.archive));
        assert_eq!(url(&p.target.replace("-linux-gnu", "-linux-musl")), format!("{place}/{}", p.archive));
        let members = archive::members(p).map(|(name, _)| name);
        let mut found: Vec<_> = members.into_iter().filter(|name| *name != LICENCES).collect();
        found.sort_unstable();
        assert_eq!(found, programs);
    }
}

/// tsuku expands `{os}`, `{arch}` and `{version}`, downloads one file, and looks for the pattern in what the command prints.
#[test]
fn the_recipe_is_about_the_programs() {
    let recipe: toml::Table =
        fs::read_to_string(root().join("release/tsuku-verify.toml")).unwrap().parse().unwrap();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    assert_eq!(text(&recipe["version"]["tag_prefix"]), "v");
    let [step] = &recipe["steps"].as_array().unwrap()[..] else { panic!("one step") };
    assert_eq!(text(&step["repo"]), targets().repository);
    let binary = &step["binaries"].as_array().unwrap()[0];
    for p in &targets().platforms {
        let (os, arch) = p.name.split_once('-').unwrap();
        let expand = |value: &toml::Value| text(value).replace("{os}", os).replace("{arch}", arch);
        assert_eq!(expand(&step["asset_pattern"]), p.program.asset);
        assert_eq!(expand(&binary["src"]), p.program.asset);
    }
    assert_eq!(text(&binary["dest"]), "bin/tsuku-verify");
    // What `gate` demands of the program is what the recipe looks for.
    let verify = &recipe["verify"];
    assert_eq!(text(&verify["command"]), "tsuku-verify --version");
    assert_eq!(text(&verify["pattern"]), "tsuku-verify {version}");
}
