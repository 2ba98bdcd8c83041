//! The project that a command works on.

pub(crate) mod checks;
pub(crate) mod manifest;
pub(crate) mod modules;
pub(crate) mod registration;
pub(crate) mod source;

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package, Target};

use crate::error::Error;

/// A package, found from a folder in it.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder of its Cargo.toml.
    pub(crate) root: PathBuf,
    pub(crate) package: String,
    /// What the crate is called in Rust, which its manifest may say apart from the package's name.
    pub(crate) crate_name: String,
    /// The file of the library, or of the binary where there is no library. Relative to the root.
    pub(crate) crate_root: PathBuf,
    pub(crate) kind: Kind,
}

/// What the crate root is that of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Library,
    Binary,
}

impl Project {
    /// The project of this folder: that of the nearest Cargo.toml in it or above it.
    pub(crate) fn find(from: &Path) -> Result<Self, Error> {
        let manifest =
            manifest_above(from).ok_or_else(|| Error::NoManifest { from: from.into() })?;
        let metadata = metadata(&manifest)?;
        let package = metadata.packages.into_iter();
        let package = package
            .into_iter()
            .find(|package| package.manifest_path == manifest)
            .ok_or(Error::NoPackage)?;
        let (target, kind) = target(&package).ok_or(Error::NoTarget)?;
        let root = manifest.parent().unwrap_or(from).to_owned();
        let crate_root = target.src_path.as_std_path();
        let crate_root = crate_root.strip_prefix(&root).map_err(|_| Error::Outside {
            path: crate_root.into(),
        })?;
        Ok(Self {
            crate_root: crate_root.into(),
            crate_name: target.name.replace('-', "_"),
            package: package.name.to_string(),
            kind,
            root,
        })
    }

    /// The project of the folder that the command was started in.
    pub(crate) fn here() -> Result<Self, Error> {
        Self::find(&current_folder()?)
    }

    /// The folder of the crate root, beside which the modules lie: `app`, or `src`. Relative to the root.
    pub(crate) fn source(&self) -> &Path {
        self.crate_root.parent().unwrap_or(Path::new(""))
    }

    /// A folder that was named on the command line, relative to the root.
    pub(crate) fn inside(&self, folder: &Path) -> Result<PathBuf, Error> {
        let outside = || Error::Outside {
            path: folder.into(),
        };
        let absolute = super::plan::real(&current_folder()?.join(folder));
        let inside = absolute.strip_prefix(&self.root).map_err(|_| outside())?;
        Ok(inside.into())
    }
}

/// The folder that the command was started in, without links, so that it can be compared with what cargo says.
pub(crate) fn current_folder() -> Result<PathBuf, Error> {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    here.map_err(|source| Error::Read {
        path: "the current folder".into(),
        source,
    })
}

fn manifest_above(from: &Path) -> Option<PathBuf> {
    let manifests = from.ancestors().map(|folder| folder.join("Cargo.toml"));
    manifests.into_iter().find(|manifest| manifest.is_file())
}

fn metadata(manifest: &Path) -> Result<Metadata, Error> {
    MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .exec()
        .map_err(|error| match error {
            cargo_metadata::Error::CargoMetadata { stderr } => Error::Manifest {
                message: without_prefix(&stderr),
            },
            cargo_metadata::Error::Io(source) => Error::Run {
                program: "cargo".into(),
                source,
            },
            error => Error::Manifest {
                message: error.to_string(),
            },
        })
}

/// What cargo says, without its own `error:`.
fn without_prefix(stderr: &str) -> String {
    let text = stderr.trim();
    text.strip_prefix("error: ").unwrap_or(text).to_owned()
}

/// The library, else the binary that is called like the package, else any binary.
fn target(package: &Package) -> Option<(&Target, Kind)> {
    let targets = || package.targets.iter();
    let library = targets().find(|target| target.is_lib() || target.is_proc_macro());
    let binary = targets()
        .filter(|target| target.is_bin())
        .max_by_key(|target| target.name == *package.name);
    match library {
        Some(library) => Some((library, Kind::Library)),
        None => Some((binary?, Kind::Binary)),
    }
}
