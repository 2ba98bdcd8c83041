//! Events: what something that happened is called.

/// Something that happens in an application. `#[derive(Event)]` names it after its type: `UpdateChat` is `update_chat`,
/// a trailing `Event` is dropped.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no event",
    note = "add `#[derive(Event)]` to `{Self}`"
)]
pub trait Event {
    /// The event's name on the wire.
    const NAME: &'static str;
}
