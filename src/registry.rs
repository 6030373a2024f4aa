//! Who has which entry open, so that two session objects on one entry are one session.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The open entries of one process, given to each builder. Sessions that share no registry behave as two
/// processes.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<HashMap<String, Weak<dyn Any + Send + Sync>>>>);

impl Registry {
    /// The object that is open under this name, or the one that `open` makes now.
    pub(crate) fn join_or_open<T: Any + Send + Sync>(
        &self,
        name: &str,
        open: impl FnOnce() -> Arc<T>,
    ) -> (Arc<T>, bool) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| entry.strong_count() > 0);
        if let Some(known) = entries
            .get(name)
            .and_then(Weak::upgrade)
            .and_then(|entry| entry.downcast::<T>().ok())
        {
            return (known, true);
        }
        let opened = open();
        let weak: Weak<T> = Arc::downgrade(&opened);
        entries.insert(name.to_owned(), weak);
        (opened, false)
    }

    /// Forgets a name that was closed, so that the next one opens it anew.
    pub(crate) fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registry")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_object_while_somebody_holds_it() {
        let registry = Registry::default();
        let (first, joined) = registry.join_or_open("a", || Arc::new(1));
        assert!(!joined);
        let (second, joined) = registry.clone().join_or_open("a", || Arc::new(2));
        assert!(joined && Arc::ptr_eq(&first, &second));
        drop((first, second));
        assert_eq!(registry.join_or_open("a", || Arc::new(3)), (Arc::new(3), false));
    }
}
