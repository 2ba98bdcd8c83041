mod rooms;
pub use rooms::*;
