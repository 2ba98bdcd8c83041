//! The only code that writes files of a project.
//!
//! Every text is first written beside its place under a name that nobody reads, then each is renamed. Until the first
//! rename nothing has happened; if one fails, or a signal comes between, those before it are taken back.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tempfile::NamedTempFile;

use super::{File, nearest, read, shown};
use crate::error::Error;

/// Writes all files, or none.
pub(super) fn write<'a>(root: &Path, files: impl Iterator<Item = &'a File>) -> Result<(), Error> {
    let files: Vec<_> = files.collect();
    if files.is_empty() {
        return Ok(());
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let signals: Vec<_> = [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter_map(|signal| signal_hook::flag::register(signal, interrupted.clone()).ok())
        .collect();
    let mut written = Written::default();
    let done = write_all(root, &files, &interrupted, &mut written);
    if done.is_err() {
        written.take_back();
    }
    for signal in signals {
        signal_hook::low_level::unregister(signal);
    }
    done
}

/// What has been done so far.
#[derive(Default)]
struct Written<'a> {
    folders: Vec<PathBuf>,
    files: Vec<(PathBuf, &'a File)>,
}

fn write_all<'a>(
    root: &Path,
    files: &[&'a File],
    interrupted: &AtomicBool,
    written: &mut Written<'a>,
) -> Result<(), Error> {
    for file in files {
        check(root, file)?;
    }
    let mut staged = Vec::new();
    for &file in files {
        staged.push((file, stage(root, file, written)?));
        if interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
    }
    for (file, text) in staged {
        let place = root.join(&file.path);
        put(text, &place, file).map_err(failed(root, file))?;
        written.files.push((place, file));
        if interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}

/// Whether the file is as the plan found it, lies in the project, and may be written.
fn check(root: &Path, file: &File) -> Result<(), Error> {
    let place = root.join(&file.path);
    if read(&place).map_err(failed(root, file))? != file.before {
        return Err(Error::Changed {
            path: shown(&file.path),
        });
    }
    let there = nearest(place.parent().unwrap_or(root));
    let real = there.canonicalize().map_err(failed(root, file))?;
    let real_root = nearest(root).canonicalize().map_err(failed(root, file))?;
    if !real.starts_with(&real_root) {
        return Err(Error::Outside {
            path: file.path.clone(),
        });
    }
    // Asked here too, so that root heeds it as everybody else has to.
    let is_read_only = |path: &Path| path.metadata().is_ok_and(|it| it.permissions().readonly());
    if is_read_only(there) || is_read_only(&place) {
        return Err(failed(root, file)(io::ErrorKind::PermissionDenied.into()));
    }
    Ok(())
}

/// The new text, on the disk beside its place. It vanishes when it is dropped.
fn stage(root: &Path, file: &File, written: &mut Written<'_>) -> Result<NamedTempFile, Error> {
    let place = root.join(&file.path);
    let folder = place.parent().unwrap_or(root);
    make_folder(folder, written).map_err(failed(root, file))?;
    let mut staged = tempfile::Builder::new()
        .prefix(".fast-app-")
        .permissions(permissions(&place))
        .tempfile_in(folder)
        .map_err(failed(root, file))?;
    io::Write::write_all(&mut staged, file.after.as_bytes())
        .and_then(|()| staged.as_file().sync_all())
        .map_err(failed(root, file))?;
    Ok(staged)
}

/// Makes a folder and those above it, and remembers which.
fn make_folder(folder: &Path, written: &mut Written<'_>) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above, written)?;
    }
    fs::create_dir(folder)?;
    written.folders.push(folder.to_owned());
    Ok(())
}

/// Those of the file that is replaced, or of any new file.
fn permissions(place: &Path) -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    match place.metadata() {
        Ok(metadata) => metadata.permissions(),
        Err(_) => fs::Permissions::from_mode(0o666),
    }
}

fn put(staged: NamedTempFile, place: &Path, file: &File) -> io::Result<()> {
    let put = match file.before {
        // A file that came into being since the check stays.
        None => staged.persist_noclobber(place),
        // A link stays a link: its target is replaced.
        Some(_) => staged.persist(place.canonicalize()?),
    };
    put.map(drop).map_err(|error| error.error)
}

impl Written<'_> {
    /// Undoes everything. What cannot be undone is left: the error that led here is the one to report.
    fn take_back(&mut self) {
        for (place, file) in self.files.drain(..).rev() {
            let _ = match &file.before {
                None => fs::remove_file(place),
                Some(before) => fs::write(place, before),
            };
        }
        for folder in self.folders.drain(..).rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn failed(root: &Path, file: &File) -> impl Fn(io::Error) -> Error {
    let path = root.join(&file.path);
    move |source| Error::Write {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(path: &str) -> File {
        File {
            path: path.into(),
            before: None,
            after: "text\n".into(),
            replaces: false,
        }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_signal_takes_everything_back() {
        let root = tempfile::tempdir().unwrap();
        let file = new("a/b/c.rs");
        let mut written = Written::default();
        let error = write_all(root.path(), &[&file], &AtomicBool::new(true), &mut written);
        assert!(matches!(error, Err(Error::Interrupted)));
        written.take_back();
        assert!(names(root.path()).is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_written_keeps_the_others_from_it() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), "a file, no folder").unwrap();
        let files = [new("first/x.rs"), new("a/y.rs")];
        assert!(write(root.path(), files.iter()).is_err());
        assert_eq!(names(root.path()), ["a"]);
    }

    #[test]
    fn a_file_that_changed_since_it_was_read_is_left() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("x"), "mine").unwrap();
        let error = write(root.path(), [new("x")].iter());
        assert!(matches!(error, Err(Error::Changed { .. })));
        assert_eq!(fs::read(root.path().join("x")).unwrap(), b"mine");
    }

    #[test]
    fn a_folder_that_leads_out_of_the_project_is_refused() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(elsewhere.path(), root.path().join("app")).unwrap();
        let error = write(root.path(), [new("app/x.rs")].iter());
        assert!(matches!(error, Err(Error::Outside { .. })));
        assert!(names(elsewhere.path()).is_empty());
    }

    #[test]
    fn what_was_changed_before_a_failure_is_restored() {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().join("x");
        fs::write(&place, "new").unwrap();
        let file = File {
            before: Some("old".into()),
            ..new("x")
        };
        let mut written = Written {
            files: vec![(place.clone(), &file)],
            ..Written::default()
        };
        written.take_back();
        assert_eq!(fs::read(place).unwrap(), b"old");
    }
}
