//! A way to the broker that can be slow, or end.
//!
//! Invariant: bytes pass in order and unchanged, or their connection ends.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Passes connections to `address` on to `behind`, until the process ends.
pub(crate) struct Proxy {
    open: Arc<Mutex<Vec<TcpStream>>>,
    delay_ms: Arc<AtomicU64>,
    closed: Arc<AtomicBool>,
    refused: Arc<AtomicI32>,
}

/// No two bytes are this key.
const NONE: i32 = -1;

impl Proxy {
    pub(crate) fn start(address: &str, behind: String) -> Self {
        let listener = TcpListener::bind(address).expect("the port is free");
        let (open, delay_ms) = (Arc::<Mutex<Vec<TcpStream>>>::default(), Arc::default());
        let closed = Arc::<AtomicBool>::default();
        let refused = Arc::new(AtomicI32::new(NONE));
        let proxy = Self {
            open: Arc::clone(&open),
            delay_ms: Arc::clone(&delay_ms),
            closed: Arc::clone(&closed),
            refused: Arc::clone(&refused),
        };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Its connection has ended, as it does without a broker.
                if closed.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&behind) else { continue };
                let mut open = open.lock().unwrap();
                let none = Arc::new(AtomicI32::new(NONE));
                for (from, to, refused) in [(&client, &server, &refused), (&server, &client, &none)]
                {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (delay_ms, refused) = (Arc::clone(&delay_ms), Arc::clone(refused));
                    thread::spawn(move || pass(from, to, &delay_ms, &refused));
                }
                open.push(client);
                open.push(server);
            }
        });
        proxy
    }

    /// Ends all connections, and new ones at once, until it is opened again.
    pub(crate) fn close(&self, closed: bool) {
        self.closed.store(closed, Ordering::SeqCst);
        if closed {
            self.cut();
        }
    }

    /// Ends all connections; new ones are taken.
    pub(crate) fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            // Ended already is as good.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Ends connections at a request of a kind, by its key in Kafka's protocol, from now on.
    pub(crate) fn refuse(&self, key: Option<u16>) {
        self.refused.store(key.map_or(NONE, i32::from), Ordering::SeqCst);
    }

    /// Has every piece of up to 16 KiB take so long from now on.
    pub(crate) fn slow_down(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).unwrap();
        self.delay_ms.store(ms, Ordering::Relaxed);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, delay_ms: &AtomicU64, refused: &AtomicI32) {
    let (mut bytes, mut rest) = ([0; 16 << 10], 0);
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let refused = refused.load(Ordering::SeqCst);
        if keys(&bytes[..read], &mut rest).any(|key| i32::from(key) == refused) {
            break;
        }
        let delay = Duration::from_millis(delay_ms.load(Ordering::Relaxed));
        if !delay.is_zero() {
            thread::park_timeout(delay);
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

/// The keys of the requests that begin in `bytes`, of which the first `rest` belong to one before:
/// a length of four bytes, then the key. One that is cut within these is not looked at.
fn keys<'a>(bytes: &'a [u8], rest: &'a mut usize) -> impl Iterator<Item = u16> + 'a {
    let mut at = std::mem::take(rest);
    std::iter::from_fn(move || {
        let Some([a, b, c, d, key @ ..]) = bytes.get(at..at + 6) else {
            *rest = at.saturating_sub(bytes.len());
            return None;
        };
        at += 4 + u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        Some(u16::from_be_bytes([key[0], key[1]]))
    })
}
