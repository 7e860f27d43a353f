//! The plan's folder on disk: which files are part of a plan, read within bounds.

use super::{Fault, PARTS, RUNBOOKS};
use domain::plan::nearest;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

const MOST_FILES: usize = 500;
const MOST_BYTES: u64 = 1 << 20;

/// The texts of a plan by file (`services.yaml`, `runbooks/failover.yaml`).
#[derive(Default)]
pub(super) struct Texts {
    pub by_file: BTreeMap<String, String>,
    /// Files that are there and could not be read, and `runbooks` where one of its files could not.
    pub incomplete: BTreeSet<String>,
}

/// Reads what belongs to the plan. A folder that cannot be read at all is an error; a file that cannot is a fault.
pub(super) fn read(dir: &Path, faults: &mut Vec<Fault>) -> Result<Texts, Vec<Fault>> {
    let shown = dir.display().to_string();
    let no_folder = |why: io::Error| {
        vec![Fault::file(
            &shown,
            &shown,
            format!(
                "the plan's folder cannot be read ({why}); name a folder with a plan.yaml in it"
            ),
        )]
    };
    let root = fs::canonicalize(dir).map_err(no_folder)?;
    let mut files = list(&root, "").map_err(no_folder)?;
    let runbooks = root.join(RUNBOOKS);
    if fs::symlink_metadata(&runbooks).is_ok() {
        match fs::canonicalize(&runbooks) {
            Ok(folder) if !folder.starts_with(&root) => {
                faults.push(Fault::file(RUNBOOKS, RUNBOOKS, LEADS_OUT))
            }
            Ok(folder) => match list(&folder, "runbooks/") {
                Ok(more) => files.extend(more),
                Err(why) => faults.push(Fault::file(
                    RUNBOOKS,
                    RUNBOOKS,
                    format!("this folder cannot be read ({why})"),
                )),
            },
            Err(why) => faults.push(Fault::file(
                RUNBOOKS,
                RUNBOOKS,
                format!("this folder cannot be read ({why})"),
            )),
        }
    }
    if files.len() > MOST_FILES {
        let says = format!(
            "the folder holds {} YAML files, a plan at most {MOST_FILES}; take those away that are not part of it",
            files.len()
        );
        return Err(vec![Fault::file(&shown, &shown, says)]);
    }
    let mut texts = Texts::default();
    for (name, path) in files {
        let text = belongs(&name).and_then(|()| contents(&root, &name, &path));
        match text {
            Ok(text) => _ = texts.by_file.insert(name, text),
            Err(fault) => {
                texts.incomplete.insert(if name.starts_with("runbooks/") {
                    RUNBOOKS.to_owned()
                } else {
                    name
                });
                faults.push(fault);
            }
        }
    }
    Ok(texts)
}

const LEADS_OUT: &str = "this link leads out of the plan's folder; put the file itself here";

/// The YAML files right in a folder, hidden ones aside (editors and Kubernetes keep theirs there).
fn list(folder: &Path, prefix: &str) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && (name.ends_with(".yaml") || name.ends_with(".yml")) {
            files.insert(format!("{prefix}{name}"), entry.path());
        }
    }
    Ok(files)
}

/// Is this a file that a plan has?
fn belongs(name: &str) -> Result<(), Fault> {
    if let Some(stem) = name.strip_suffix(".yml") {
        return Err(Fault::file(
            name,
            name,
            format!("the files of a plan end in .yaml; name this one {stem}.yaml"),
        ));
    }
    let known = PARTS.map(|(_, file, _)| file);
    if name.starts_with("runbooks/") || known.contains(&name) {
        return Ok(());
    }
    Err(Fault::file(
        name,
        name,
        match nearest(name, known) {
            Some(near) => format!("a plan has no such file; did you mean `{near}`?"),
            None => format!(
                "a plan has no such file; a runbook belongs into runbooks/, and the other files are {}",
                known.join(", ")
            ),
        },
    ))
}

fn contents(root: &Path, name: &str, path: &Path) -> Result<String, Fault> {
    let unreadable =
        |why: io::Error| Fault::file(name, name, format!("this file cannot be read ({why})"));
    let real = fs::canonicalize(path).map_err(unreadable)?;
    if !real.starts_with(root) {
        return Err(Fault::file(name, name, LEADS_OUT));
    }
    // Asked before opening: to open a pipe is to wait for its writer.
    if !fs::metadata(&real).map_err(unreadable)?.is_file() {
        return Err(Fault::file(
            name,
            name,
            "this is not a file; a plan is made of plain files",
        ));
    }
    let mut bytes = Vec::new();
    File::open(&real)
        .and_then(|f| f.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Fault::file(
            name,
            name,
            "this file is larger than 1 MiB; no part of a plan is",
        ));
    }
    let at = |upto: &[u8], found: String, says: &str| {
        let before = String::from_utf8_lossy(upto);
        let (line, last) = before.split('\n').enumerate().last().unwrap_or((0, ""));
        Fault {
            file: name.into(),
            line: line + 1,
            column: last.chars().count() + 1,
            found,
            says: says.into(),
        }
    };
    let text = String::from_utf8(bytes).map_err(|wrong| {
        let upto = wrong.utf8_error().valid_up_to();
        let byte = wrong.as_bytes().get(upto).copied().unwrap_or_default();
        at(
            &wrong.as_bytes()[..upto],
            format!("byte {byte:#04x}"),
            "this is not UTF-8; save the file as UTF-8",
        )
    })?;
    match text.find('\0') {
        Some(nul) => Err(at(
            &text.as_bytes()[..nul],
            "\0".into(),
            "a NUL has no place in a plan; take it out",
        )),
        None => Ok(text),
    }
}
