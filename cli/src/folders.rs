//! Definitions in folders.

use crate::{
    exit::Exit,
    failure::{Code, Failure, Outcome},
    limits::{FOLDER_DEPTH_MAX, FOLDER_FILES_MAX},
};
use std::path::{Path, PathBuf};

/// What a folder holds, at any depth.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Files named `*.asl.json`, among them `workflow.asl.json`, in the order of their names.
    pub files: Vec<PathBuf>,
    /// How many are named `*.asl.yaml` or `*.asl.yml`.
    pub yaml: usize,
}

/// Searches a folder. Hidden folders, `target` and `node_modules` are passed over, and links to folders are not followed.
pub fn definitions(folder: &Path) -> Outcome<Found> {
    let mut found = Found::default();
    let mut folders = vec![(folder.to_owned(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        let failed = |error| Failure::file("read the folder", &folder, &error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            seen += 1;
            if seen > FOLDER_FILES_MAX {
                let message = format!("there are more than {FOLDER_FILES_MAX} files under the folder");
                return Err(Failure::new(Exit::Bad, Code::File, message).hint("name a folder further down"));
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                let is_left_out =
                    name.starts_with('.') || ["target", "node_modules"].contains(&name.as_ref());
                if !is_left_out && depth < FOLDER_DEPTH_MAX {
                    folders.push((entry.path(), depth + 1));
                }
            } else if name.ends_with(".asl.json") {
                found.files.push(entry.path());
            } else if name.ends_with(".asl.yaml") || name.ends_with(".asl.yml") {
                found.yaml += 1;
            }
        }
    }
    found.files.sort();
    Ok(found)
}
