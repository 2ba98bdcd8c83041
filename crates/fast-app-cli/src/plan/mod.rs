//! What a command is going to write. All of it is known, and checked, before the first file is touched.
//!
//! ```text
//!  command ─► create · provide · edit ─► conflicts? ──no─► write: check ─► stage ─► rename each
//!                                            │yes     └──► diff (--dry-run)
//!                                            ▼
//!                                   nothing is written
//! ```

mod diff;
mod write;

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use crate::{cli::Writing, error::Error, output::Report};

/// The changes of one command to the files below one folder.
#[derive(Debug)]
pub(crate) struct Plan {
    root: PathBuf,
    files: Vec<File>,
    next: Vec<String>,
}

/// A file as it is and as it will be.
#[derive(Debug)]
struct File {
    /// Relative to the root.
    path: PathBuf,
    before: Option<String>,
    after: String,
    /// The text was not made from what is there, so writing it would lose something.
    replaces: bool,
}

impl Plan {
    /// No changes yet.
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            files: Vec::new(),
            next: Vec::new(),
        }
    }

    /// The text of a file as the plan leaves it, if there is such a file.
    pub(crate) fn text(&self, path: impl AsRef<Path>) -> Result<Option<String>, Error> {
        match self.file(path.as_ref()) {
            Some(file) => Ok(Some(file.after.clone())),
            None => self.on_disk(path.as_ref()),
        }
    }

    /// Whether there is, or will be, such a file.
    pub(crate) fn has(&self, path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        self.file(path).is_some() || self.root.join(path).exists()
    }

    /// A file of its own. If there is another one, that is a conflict.
    pub(crate) fn create(&mut self, path: impl AsRef<Path>, text: String) -> Result<(), Error> {
        let before = self.on_disk(path.as_ref())?;
        let replaces = before.as_ref().is_some_and(|before| *before != text);
        self.put(path.as_ref(), before, text, replaces);
        Ok(())
    }

    /// A file that is made only if there is none.
    pub(crate) fn provide(&mut self, path: impl AsRef<Path>, text: String) -> Result<(), Error> {
        let path = path.as_ref();
        if self.file(path).is_none() {
            let before = self.on_disk(path)?;
            let after = before.clone().unwrap_or(text);
            self.put(path, before, after, false);
        }
        Ok(())
    }

    /// Makes the new text of a file from what it is, which is nothing if it is not there.
    pub(crate) fn edit(
        &mut self,
        path: impl AsRef<Path>,
        change: impl FnOnce(&str) -> Result<String, Error>,
    ) -> Result<(), Error> {
        self.provide(path.as_ref(), String::new())?;
        let mut files = self.files.iter_mut();
        if let Some(file) = files.find(|file| file.path == path.as_ref()) {
            file.after = change(&file.after)?;
        }
        Ok(())
    }

    /// Something that is left to a person.
    pub(crate) fn next(&mut self, step: impl Into<String>) {
        self.next.push(step.into());
    }

    /// Writes all of it, or shows it, or nothing.
    pub(crate) fn carry_out(mut self, writing: &Writing) -> Result<Report, Error> {
        self.allow(&writing.force)?;
        let conflicts: Vec<_> = self.files.iter().filter(|file| file.replaces).collect();
        if !conflicts.is_empty() {
            let paths = conflicts.iter().map(|file| shown(&file.path)).collect();
            return Err(Error::Conflicts { paths });
        }
        let mut report = self.report();
        if writing.dry_run {
            report.diff = Some(self.diff());
        } else {
            write::write(&self.root, self.changes())?;
        }
        Ok(report)
    }

    /// Lets the files that are named be overwritten.
    fn allow(&mut self, forced: &[PathBuf]) -> Result<(), Error> {
        for path in forced {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            let root = self.root.clone();
            let file = self
                .files
                .iter_mut()
                .find(|file| file.path == *path || real(&root.join(&file.path)) == real(&absolute));
            let file = file.ok_or_else(|| Error::ForcedNothing { path: path.clone() })?;
            file.replaces = false;
        }
        Ok(())
    }

    fn report(&self) -> Report {
        let paths = |kind: fn(&File) -> bool| {
            let files = self.files.iter().filter(|file| kind(file));
            files.map(|file| shown(&file.path)).collect()
        };
        Report {
            created: paths(|file| file.before.is_none()),
            changed: paths(|file| file.before.is_some() && file.is_changed()),
            unchanged: paths(|file| !file.is_changed()),
            next: self.next.clone(),
            diff: None,
        }
    }

    fn diff(&self) -> String {
        let changes = self.changes();
        changes
            .map(|file| diff::unified(&shown(&file.path), file.before.as_deref(), &file.after))
            .collect()
    }

    fn changes(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_changed())
    }

    fn file(&self, path: &Path) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    fn put(&mut self, path: &Path, before: Option<String>, after: String, replaces: bool) {
        self.files.push(File {
            path: path.to_owned(),
            before,
            after,
            replaces,
        });
    }

    fn on_disk(&self, path: &Path) -> Result<Option<String>, Error> {
        let place = self.root.join(path);
        read(&place).map_err(|source| match source.kind() {
            io::ErrorKind::InvalidData => Error::NotText { path: shown(path) },
            io::ErrorKind::NotADirectory => Error::NoFolder {
                path: nearest(&place).to_owned(),
            },
            _ => Error::Read {
                path: shown(path),
                source,
            },
        })
    }
}

impl File {
    fn is_changed(&self) -> bool {
        self.before.as_ref() != Some(&self.after)
    }
}

/// The text of a file; `None` when there is none.
fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path itself, or the nearest above it that exists.
pub(crate) fn nearest(path: &Path) -> &Path {
    let mut above = path.ancestors();
    above.find(|it| it.exists()).unwrap_or(Path::new("."))
}

/// A path as people and scripts see it, the same on every system.
pub(crate) fn shown(path: &Path) -> String {
    let parts = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/").replace("//", "/")
}

/// Where a path leads: links are followed as far as it exists.
pub(crate) fn real(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    });
    normal(&found.unwrap_or_else(|| path.to_owned()))
}

/// A path without `.` and `..`, whether it exists or not.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}
