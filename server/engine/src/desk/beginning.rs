//! What is about to begin, told while it is being written down, for what can be made ready meanwhile.

use domain::Run;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// An attempt of this node that is about to begin, should its commit succeed.
#[derive(Clone)]
pub struct Beginning {
    pub run: Arc<Run>,
    pub step: u32,
    pub attempt: u32,
    pub(super) fate: Arc<Fate>,
}

impl Beginning {
    /// Tells, in the middle of the desk's work, whether the attempt has begun: so `then` must not wait for anything. Where
    /// nobody knows whether the commit has succeeded, it has not begun: not in this way.
    pub fn once_decided(&self, then: impl FnOnce(bool) + Send + 'static) {
        let mut is = self.fate.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *is {
            Is::Open(waiting) => waiting.push(Box::new(then)),
            Is::Decided(has_begun) => then(*has_begun),
        }
    }
}

type Then = Box<dyn FnOnce(bool) + Send>;

/// What becomes of all that one commit begins.
pub(super) struct Fate(Mutex<Is>);

enum Is {
    Open(Vec<Then>),
    Decided(bool),
}

impl Fate {
    fn decide(&self, has_begun: bool) {
        let mut is = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Is::Open(waiting) = &mut *is {
            let waiting = std::mem::take(waiting);
            *is = Is::Decided(has_begun);
            drop(is);
            waiting.into_iter().for_each(|then| then(has_begun));
        }
    }
}

/// The desk's hand on it: dropped before the commit has succeeded, nothing begins.
pub(super) struct Undecided(Arc<Fate>);

impl Undecided {
    pub fn new() -> Self {
        Undecided(Arc::new(Fate(Mutex::new(Is::Open(Vec::new())))))
    }

    pub fn fate(&self) -> Arc<Fate> {
        self.0.clone()
    }

    pub fn begun(self) {
        self.0.decide(true);
    }
}

impl Drop for Undecided {
    fn drop(&mut self) {
        self.0.decide(false);
    }
}

type Hear = Box<dyn Fn(Beginning) + Send + Sync>;

/// Who is told.
#[derive(Clone, Default)]
pub(super) struct Ear(Arc<RwLock<Option<Hear>>>);

impl Ear {
    pub fn lend(&self, hear: impl Fn(Beginning) + Send + Sync + 'static) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hear));
    }

    pub fn tell(&self, coming: Beginning) {
        let hear = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(hear) = &*hear {
            hear(coming);
        }
    }
}
