//! Values found by their type.

use std::{
    any::{Any, TypeId, type_name},
    sync::Arc,
};

/// A few values, at most one of each type. A short list: a session holds one or two.
#[derive(Clone, Default)]
pub(crate) struct Values(Vec<(TypeId, Arc<dyn Any + Send + Sync>)>);

impl Values {
    /// Stores a value in place of an earlier one of its type, which is returned: dropping it runs code of the application,
    /// and that is not for whoever holds a lock.
    #[must_use = "it is dropped when no lock is held"]
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> Option<Arc<T>> {
        let earlier = self.remove();
        self.0.reserve_exact(1);
        self.0.push((TypeId::of::<T>(), Arc::new(value)));
        earlier
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let (_, value) = self.0.iter().find(|(id, _)| *id == TypeId::of::<T>())?;
        value.clone().downcast().ok()
    }

    pub(crate) fn remove<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        let index = self.0.iter().position(|(id, _)| *id == TypeId::of::<T>())?;
        self.0.swap_remove(index).1.downcast().ok()
    }

    /// A value that the application has promised to be there.
    pub(crate) fn expect<T: Send + Sync + 'static>(&self) -> Arc<T> {
        self.get().unwrap_or_else(|| {
            let name = type_name::<T>();
            panic!("no state of type `{name}`: pass one to `SocketIo::builder().state(..)`")
        })
    }
}
