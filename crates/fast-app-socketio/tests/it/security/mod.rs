//! What the numbered checks of `docs/security.md` ask for and no test beside its subject proves; each is named after its
//! number.

mod code;
mod kept;
mod memory;
