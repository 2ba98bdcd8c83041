//! How clients see something.

use fast_app::prelude::*;

// Edit: the model that clients see, in place of `str`.
/// What clients see of it, and under which names.
pub struct TypeName<'a>(pub &'a str);

impl Resource for TypeName<'_> {
    fn to_object(&self) -> Object {
        // Edit: a line for each field.
        Object::new().field("_id", self.0)
    }
}
