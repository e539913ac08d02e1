//! Work on many items, on as many threads as wanted; a panic belongs to its item.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, mpsc};
use std::time::Duration;

/// Real time after which an item that is worked on hangs.
const HANGS: Duration = Duration::from_secs(600);

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(vec![]) };
}

/// Panics are noted for their thread: tasks of a runtime keep theirs to themselves.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.with_borrow_mut(|panics| panics.push(info.to_string().replace('\n', " ")));
            before(info);
        }));
    });
}

/// Does `work` on each item, in a runtime of its own with virtual time. What is found, in the order of the items.
pub fn each<T: Sync, R: Send>(
    items: &[T],
    name: impl Fn(&T) -> String + Sync,
    work: impl AsyncFn(&T) -> R + Sync,
) -> Vec<Result<R, String>> {
    note_panics();
    let next = AtomicUsize::new(0);
    let found: Mutex<Vec<Option<Result<R, String>>>> = Mutex::new(items.iter().map(|_| None).collect());
    let working: Mutex<Vec<usize>> = Mutex::default();
    let (done, watch) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..super::number("BCMP_THREADS", 2) {
            let done = done.clone();
            let (next, found, working, work) = (&next, &found, &working, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    working.lock().unwrap().push(index);
                    let result = alone(|| work(item));
                    found.lock().unwrap()[index] = Some(result);
                    working.lock().unwrap().retain(|other| *other != index);
                    let _ = done.send(());
                }
            });
        }
        drop(done);
        loop {
            match watch.recv_timeout(HANGS) {
                Ok(()) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let names: Vec<String> = working.lock().unwrap().iter().map(|index| name(&items[*index])).collect();
                    eprintln!("hangs: {names:#?}");
                    std::process::exit(1);
                }
            }
        }
    });
    found.into_inner().unwrap().into_iter().flatten().collect()
}

fn alone<R>(work: impl AsyncFnOnce() -> R) -> Result<R, String> {
    PANICS.with_borrow_mut(Vec::clear);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(work())
    }));
    let panics = PANICS.with_borrow_mut(std::mem::take);
    match result {
        Ok(found) if panics.is_empty() => Ok(found),
        _ => Err(format!("panics: {}", panics.join("; "))),
    }
}
