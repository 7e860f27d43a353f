//! Where a program is.

use nix::unistd::{AccessFlags, access};
use std::path::{Path, PathBuf};

/// What would be executed for this name; or why nothing can be.
pub fn find(name: &str, folders: &str) -> Result<PathBuf, String> {
    if name.is_empty() {
        return Err("the command is empty".into());
    }
    if name.contains('/') {
        let path = PathBuf::from(name);
        return match (path.is_file(), runs(&path)) {
            (true, true) => Ok(path),
            (true, false) => Err(format!("{name} may not be executed")),
            (false, _) => Err(format!("there is no program {name}")),
        };
    }
    let found: Vec<PathBuf> = folders
        .split(':')
        .map(|folder| Path::new(folder).join(name))
        .filter(|path| path.is_file())
        .collect();
    match found.iter().find(|path| runs(path)) {
        Some(path) => Ok(path.clone()),
        None => Err(match found.first() {
            Some(path) => format!("{} may not be executed", path.display()),
            None => format!("`{name}` is in no folder of PATH ({folders})"),
        }),
    }
}

fn runs(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}
