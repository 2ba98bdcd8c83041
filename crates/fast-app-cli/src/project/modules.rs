//! Modules: which file declares which.

use std::path::{Path, PathBuf};

use super::{
    Kind, Project,
    source::{self, Module, Visibility},
};
use crate::{
    error::Error,
    plan::{Plan, shown},
    templates,
};

impl Project {
    /// Declares all modules on the way from the crate root to this folder, which is relative to the project's root and
    /// lies beside the crate root. Files that are missing are made.
    pub(crate) fn declare_folder(&self, plan: &mut Plan, folder: &Path) -> Result<(), Error> {
        let below = folder.strip_prefix(self.source()).unwrap_or(folder);
        let mut parent = self.source().to_owned();
        for part in below.components() {
            let name = part.as_os_str().to_string_lossy();
            check_name(folder, &name)?;
            let visibility = self.visibility_in(&parent);
            let module = Module {
                name: &name,
                visibility,
                export: None,
            };
            self.declare(plan, &parent, module)?;
            parent.push(part);
            let file = self.module_file(plan, &parent);
            plan.provide(file, templates::module(&name))?;
        }
        Ok(())
    }

    /// Declares a module in that of a folder.
    pub(crate) fn declare(
        &self,
        plan: &mut Plan,
        folder: &Path,
        module: Module<'_>,
    ) -> Result<(), Error> {
        let file = self.module_file(plan, folder);
        plan.edit(&file, |text| source::declare(&shown(&file), text, module))
    }

    /// The file that holds the module of a folder: the crate root, `folder/mod.rs`, or `folder.rs` if that is there.
    pub(crate) fn module_file(&self, plan: &Plan, folder: &Path) -> PathBuf {
        let beside = folder.with_extension("rs");
        match folder {
            folder if folder == self.source() => self.crate_root.clone(),
            folder if !plan.has(folder.join("mod.rs")) && plan.has(&beside) => beside,
            folder => folder.join("mod.rs"),
        }
    }

    /// Only in the root of a binary nobody outside could use a module.
    fn visibility_in(&self, folder: &Path) -> Visibility {
        match self.kind {
            Kind::Binary if folder == self.source() => Visibility::Private,
            _ => Visibility::Public,
        }
    }
}

fn check_name(folder: &Path, part: &str) -> Result<(), Error> {
    match part.is_ascii() && syn::parse_str::<syn::Ident>(part).is_ok() {
        true => Ok(()),
        false => Err(Error::ModulePath {
            path: folder.into(),
            part: part.to_owned(),
        }),
    }
}
