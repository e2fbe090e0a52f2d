//! Asks the program under test for its prediction.

use super::directives::Case;
use super::outcome::{Outcome, Stop};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

/// One line of the report.
pub struct Prediction {
    pub outcome: Outcome,
    pub findings: Vec<String>,
    pub line: String,
}

/// Runs `tsuku-verify verify` on the root of a built case, under the machine's loader or a named one.
pub fn predict(case: &Case, dir: &Path, loader: Option<&str>) -> Result<Prediction, Stop> {
    let place = |text: &str| text.replace("{D}", &dir.display().to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsuku-verify"));
    command.arg("verify").arg(dir.join(&case.root)).args(["--level", "2", "--format", "ndjson"]);
    if let Some(loader) = loader {
        command.args(["--loader", loader]);
    }
    for (key, value) in &case.env {
        command.arg("--env").arg(format!("{key}={}", place(value)));
    }
    let cwd = super::run::working_directory(case, dir);
    if case.cwd.is_some() {
        command.arg("--cwd").arg(&cwd);
    }
    for library in &case.preloaded {
        command.arg("--preloaded").arg(dir.join(place(library)));
    }
    super::run::clean_environment(&mut command, &cwd);
    let out =
        command.stdin(Stdio::null()).output().map_err(|e| Stop::broken(format!("tsuku-verify: {e}")))?;
    let text = String::from_utf8_lossy(&out.stdout);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let [line] = lines.as_slice() else {
        let said = String::from_utf8_lossy(&out.stderr);
        return Ok(unreadable(format!("{} lines, {}: {}", lines.len(), out.status, said.trim())));
    };
    match serde_json::from_str::<Value>(line) {
        Ok(value) => Ok(read(&value, line)),
        Err(error) => Ok(unreadable(format!("not JSON: {error}: {line}"))),
    }
}

fn unreadable(what: String) -> Prediction {
    Prediction { outcome: Outcome::Other(what), findings: Vec::new(), line: String::new() }
}

fn read(value: &Value, line: &str) -> Prediction {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let dies = &value["dies"];
    let outcome = match (value["verdict"].as_str(), text(&dies["how"]), text(&value["message"])) {
        (Some("loads"), None, None) => Outcome::Loads,
        (Some("fails"), Some(how), _) if how == "signal" => {
            Outcome::Dies(text(&dies["signal"]).unwrap_or_else(|| "unnamed signal".to_owned()))
        }
        (Some("fails"), Some(how), _) => Outcome::Dies(how),
        (Some("fails"), None, Some(message)) => Outcome::Fails(message),
        (verdict, how, message) => {
            Outcome::Other(format!("verdict {verdict:?}, dies {how:?}, message {message:?}"))
        }
    };
    let findings = value["findings"].as_array().into_iter().flatten();
    let findings = findings.filter_map(|finding| text(&finding["code"])).collect();
    Prediction { outcome, findings, line: line.to_owned() }
}
