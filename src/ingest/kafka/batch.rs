//! Batches of records from one partition's own queue, at half of what polling costs a record.
//!
//! Invariant: a queue and what was fetched from it keep the consumer alive, so that librdkafka's
//! pointers never outlive it.
#![allow(unsafe_code, reason = "rd_kafka_consume_batch_queue has no safe wrapper in rdkafka")]

use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::{RDKafka, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};

/// The consumer that queues and messages keep alive, whatever its context.
type Keep = Arc<dyn Any + Send + Sync>;

/// The records of one partition, apart from the consumer's main queue.
pub struct PartitionQueue {
    raw: NonNull<sys::rd_kafka_queue_t>,
    client: NonNull<RDKafka>,
    topic: CString,
    partition: i32,
    /// Whom librdkafka wakes; it holds the address until the callback is taken back.
    woken: Option<Box<Thread>>,
    /// Where reading goes on after a fault.
    resume: Offset,
    keep: Keep,
}

/// What one fetch returned, in the order of the log.
pub struct Messages {
    raw: Vec<NonNull<sys::rd_kafka_message_t>>,
    _keep: Keep,
}

/// One thing that a partition's queue held.
#[derive(Debug)]
pub enum Message<'a> {
    Record(Record<'a>),
    Fault(Fault),
}

/// A record, borrowed from the batch that it was fetched in.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub offset: i64,
    /// When it was written, ms since the Unix epoch, if the log says so.
    pub log_time_ms: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub payload: Option<&'a [u8]>,
}

/// Why a partition could not be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Fault {
    pub code: RDKafkaErrorCode,
    pub reason: String,
}

// SAFETY: librdkafka's queues may be used from any thread; the pointers are owned by this value.
unsafe impl Send for PartitionQueue {}
// SAFETY: as above; messages are only read, and destroyed once, by their owner.
unsafe impl Send for Messages {}

impl PartitionQueue {
    /// Takes the partition's records out of the main queue. To be called before the partition is
    /// assigned, or else first records may already be on their way to the main queue.
    ///
    /// Nothing if librdkafka knows no such partition.
    pub(super) fn split<C: ConsumerContext + 'static>(
        consumer: &Arc<BaseConsumer<C>>,
        topic: &str,
        partition: i32,
        start: Offset,
    ) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        let client = NonNull::new(consumer.client().native_ptr())?;
        // SAFETY: the client lives as long as `consumer`, the topic is a C string.
        let raw = unsafe {
            sys::rd_kafka_queue_get_partition(client.as_ptr(), topic.as_ptr(), partition)
        };
        let raw = NonNull::new(raw)?;
        // SAFETY: the queue was just handed out; forwarding to null is how it is split.
        unsafe { sys::rd_kafka_queue_forward(raw.as_ptr(), ptr::null_mut()) };
        let keep: Keep = Arc::<BaseConsumer<C>>::clone(consumer);
        Some(Self { raw, client, topic, partition, woken: None, resume: start, keep })
    }

    /// Has `thread` unparked whenever the empty queue receives something.
    pub fn wake(&mut self, thread: Thread) {
        self.wake_nobody();
        let thread = Box::new(thread);
        let opaque = ptr::from_ref(&*thread).cast_mut().cast::<c_void>();
        // SAFETY: `opaque` points into the box, which `woken` keeps until the callback is gone.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.raw.as_ptr(), Some(unpark), opaque) };
        self.woken = Some(thread);
    }

    /// Up to `max` messages; waits for the first of them at most for `timeout`.
    pub fn fetch(&mut self, max: usize, timeout: Duration) -> Messages {
        let mut raw: Vec<*mut sys::rd_kafka_message_t> = vec![ptr::null_mut(); max];
        let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the array has room for `max` pointers; the queue belongs to this value.
        let filled = unsafe {
            sys::rd_kafka_consume_batch_queue(self.raw.as_ptr(), timeout_ms, raw.as_mut_ptr(), max)
        };
        raw.truncate(usize::try_from(filled).unwrap_or(0));
        let messages = Messages {
            raw: raw.into_iter().filter_map(NonNull::new).collect(),
            _keep: Arc::clone(&self.keep),
        };
        self.mind_faults(&messages);
        messages
    }

    /// librdkafka takes an error in a batch for a record and puts the position behind it, so that
    /// a pause, such as each rebalance brings, would skip the record that is really next.
    fn mind_faults(&mut self, messages: &Messages) {
        let mut faulty = false;
        for message in messages.iter() {
            match message {
                Message::Record(record) => self.resume = Offset::Offset(record.offset + 1),
                Message::Fault(_) => faulty = true,
            }
        }
        if faulty {
            self.seek();
        }
    }

    /// Goes on at `offset` after the broker had no record at the next one, upon which librdkafka
    /// has stopped: it takes the partition anew, which only a cooperative assignment allows. False
    /// if it cannot be.
    pub fn restart_at(&mut self, offset: i64) -> bool {
        self.resume = Offset::Offset(offset);
        let Some(here) = self.here(self.resume) else { return false };
        let client = self.client.as_ptr();
        // SAFETY: client and list are alive, and both calls copy what they need of the list.
        let errors = unsafe {
            [
                sys::rd_kafka_incremental_unassign(client, here.ptr()),
                sys::rd_kafka_incremental_assign(client, here.ptr()),
            ]
        };
        for error in errors {
            // SAFETY: null or an error that was handed out, which this destroys once.
            unsafe { sys::rd_kafka_error_destroy(error) };
        }
        errors.iter().all(|error| error.is_null())
    }

    fn seek(&self) {
        if let Some(at) = self.here(self.resume) {
            // SAFETY: client and list are alive; without a timeout nothing is waited for, and
            // there is no error to be freed.
            unsafe { sys::rd_kafka_seek_partitions(self.client.as_ptr(), at.ptr(), 0) };
        }
    }

    /// Asks the broker for the first offset of the partition and the one behind its last record;
    /// nothing if it does not answer.
    #[must_use]
    pub fn ask_bounds(&self, within: Duration) -> Option<(i64, i64)> {
        let (mut low, mut high) = (-1, -1);
        let timeout_ms = c_int::try_from(within.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the client outlives this value, the topic is a C string, and the offsets are
        // written before the call returns.
        let error = unsafe {
            sys::rd_kafka_query_watermark_offsets(
                self.client.as_ptr(),
                self.topic.as_ptr(),
                self.partition,
                &raw mut low,
                &raw mut high,
                timeout_ms,
            )
        };
        (error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).then_some((low, high))
    }

    /// The offset behind the partition's last record, as of the last answer of the broker.
    #[must_use]
    pub fn high_watermark(&self) -> Option<i64> {
        self.watermarks().map(|(_, high)| high)
    }

    /// Whether nothing is known to come behind what was fetched, the last record of which lay
    /// before `next_offset`.
    #[must_use]
    pub fn is_at_end(&self, next_offset: i64) -> bool {
        let Some((low, high)) = self.watermarks() else { return false };
        // Markers of transactions have offsets too; only the client's own position knows of them.
        next_offset >= high || low >= high || self.position().is_some_and(|at| at >= high)
    }

    fn watermarks(&self) -> Option<(i64, i64)> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the client outlives this value, and the call only reads what it has in memory.
        let error = unsafe {
            sys::rd_kafka_get_watermark_offsets(
                self.client.as_ptr(),
                self.topic.as_ptr(),
                self.partition,
                &raw mut low,
                &raw mut high,
            )
        };
        let known = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0;
        known.then_some((low, high))
    }

    fn position(&self) -> Option<i64> {
        let here = self.here(Offset::Invalid)?;
        // SAFETY: client and list are alive; the call writes the list's offsets.
        unsafe { sys::rd_kafka_position(self.client.as_ptr(), here.ptr()) };
        here.elements().first().and_then(|here| here.offset().to_raw())
    }

    /// This partition, with an offset.
    fn here(&self, offset: Offset) -> Option<TopicPartitionList> {
        let mut list = TopicPartitionList::with_capacity(1);
        let topic = self.topic.to_str().ok()?;
        list.add_partition_offset(topic, self.partition, offset).ok()?;
        Some(list)
    }

    fn wake_nobody(&mut self) {
        if self.woken.is_some() {
            // SAFETY: takes the queue's lock, so that no callback runs once it has returned.
            unsafe {
                sys::rd_kafka_queue_cb_event_enable(self.raw.as_ptr(), None, ptr::null_mut());
            }
            self.woken = None;
        }
    }
}

impl Drop for PartitionQueue {
    fn drop(&mut self) {
        self.wake_nobody();
        // SAFETY: the reference was taken in `split`, and `keep` is dropped only after this.
        unsafe { sys::rd_kafka_queue_destroy(self.raw.as_ptr()) };
    }
}

/// Runs on a thread of librdkafka that holds the queue's lock: it must only unpark.
unsafe extern "C" fn unpark(_client: *mut RDKafka, opaque: *mut c_void) {
    // SAFETY: `wake` passed the address of a `Thread` that outlives the callback.
    let thread = unsafe { &*opaque.cast::<Thread>() };
    thread.unpark();
}

impl Messages {
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    #[must_use]
    pub fn get(&self, at: usize) -> Option<Message<'_>> {
        // SAFETY: the message lives until `self` is dropped, and nothing writes to it.
        self.raw.get(at).map(|message| unsafe { read(*message) })
    }

    pub fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        // SAFETY: as in `get`.
        self.raw.iter().map(|message| unsafe { read(*message) })
    }
}

/// # Safety
/// The message must live and not change for `'a`.
unsafe fn read<'a>(pointer: NonNull<sys::rd_kafka_message_t>) -> Message<'a> {
    // SAFETY: as the caller promises.
    let message = unsafe { pointer.as_ref() };
    if message.err != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Message::Fault(Fault { code: message.err.into(), reason: reason(message) });
    }
    // SAFETY: the pointer is that of a live message; the type of the timestamp is not asked.
    let log_time_ms = unsafe { sys::rd_kafka_message_timestamp(pointer.as_ptr(), ptr::null_mut()) };
    // SAFETY: of a live message librdkafka says where so many bytes start, or null.
    let (key, payload) =
        unsafe { (bytes(message.key, message.key_len), bytes(message.payload, message.len)) };
    Message::Record(Record {
        offset: message.offset,
        log_time_ms: (log_time_ms >= 0).then_some(log_time_ms),
        key,
        payload,
    })
}

/// Bytes of a message; null is no bytes at all, which is not the same as none.
///
/// # Safety
/// `start` must be null or the start of `len` bytes that live and do not change for `'a`.
unsafe fn bytes<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller promises.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast::<u8>(), len) })
}

fn reason(message: &sys::rd_kafka_message_t) -> String {
    // SAFETY: of a live message with an error librdkafka returns a C string or null.
    let reason: *const c_char = unsafe { sys::rd_kafka_message_errstr(message) };
    if reason.is_null() {
        return String::new();
    }
    // SAFETY: not null, and copied before anything can free it.
    unsafe { CStr::from_ptr(reason) }.to_string_lossy().into_owned()
}

impl Drop for Messages {
    fn drop(&mut self) {
        for message in &self.raw {
            // SAFETY: each was handed out once by the fetch, and is destroyed once.
            unsafe { sys::rd_kafka_message_destroy(message.as_ptr()) };
        }
    }
}
