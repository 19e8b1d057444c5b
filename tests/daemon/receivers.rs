//! Receivers of shifts on real sockets, well and unwell, as they are told to be from now on.
//!
//! Invariant: what is taken was answered well, or its sender had gone by then.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

const LOOK_EVERY: Duration = Duration::from_millis(5);
const TRICKLE_EVERY: Duration = Duration::from_secs(1);
const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Broken\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Well,
    /// Accepts, and never answers.
    Mute,
    /// Refuses connections.
    Away,
    /// Answers 500.
    Broken,
    /// Answers a byte a second.
    Trickling,
}

/// A web server; it is there until the process ends.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    health: Arc<Mutex<Health>>,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    pub(crate) fn start(health: Health) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let receiver =
            Self { address, health: Arc::new(Mutex::new(health)), taken: Arc::default() };
        let listening = receiver.clone();
        thread::spawn(move || listening.listen(listener));
        receiver
    }

    pub(crate) fn is_now(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }

    /// The bodies that were taken, in the order in which they came.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }

    fn listen(&self, listener: TcpListener) {
        let mut listener = Some(listener);
        loop {
            if self.health() == Health::Away {
                listener = None;
            } else if listener.is_none() {
                // The port may be somebody else's for a moment.
                listener = TcpListener::bind(self.address).ok();
            }
            let accepted = listener.as_ref().and_then(|listener| {
                listener.set_nonblocking(true).unwrap();
                listener.accept().map_err(|e| assert_eq!(e.kind(), ErrorKind::WouldBlock)).ok()
            });
            match accepted {
                Some((stream, _)) => {
                    let receiver = self.clone();
                    thread::spawn(move || receiver.answer(stream));
                }
                None => thread::park_timeout(LOOK_EVERY),
            }
        }
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some(body) = body(&mut stream) else { return };
        // Whoever asked may have gone: that is part of what is tried.
        match self.health() {
            Health::Well => {
                self.taken.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                drop(stream.write_all(TAKEN.as_bytes()));
            }
            Health::Mute => drop(stream.read_to_end(&mut Vec::new())),
            Health::Broken => drop(stream.write_all(BROKEN.as_bytes())),
            Health::Trickling => {
                for byte in TAKEN.bytes() {
                    if stream.write_all(&[byte]).is_err() {
                        return;
                    }
                    thread::park_timeout(TRICKLE_EVERY);
                }
            }
            Health::Away => {}
        }
    }

    fn health(&self) -> Health {
        *self.health.lock().unwrap()
    }
}

fn body(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length: usize =
                head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                return Some(bytes[end + 4..end + 4 + length].to_vec());
            }
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}
