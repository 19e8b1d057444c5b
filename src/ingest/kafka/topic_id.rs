//! The id of a topic, which a topic that is deleted and made again does not share.
//!
//! Invariant: everything that librdkafka hands out here is given back before this returns.
#![allow(unsafe_code, reason = "rd_kafka_DescribeTopics has no safe wrapper in rdkafka")]

use std::ffi::{CStr, CString, c_int};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::types::RDKafka;

/// A pointer of librdkafka's, and how it is given back.
struct Owned<T>(NonNull<T>, unsafe extern "C" fn(*mut T));

impl<T> Owned<T> {
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        NonNull::new(pointer).map(|pointer| Self(pointer, destroy))
    }

    const fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer was handed out to be destroyed so, and is destroyed once.
        unsafe { (self.1)(self.0.as_ptr()) }
    }
}

/// The id of `topic`; nothing from a broker that knows of none, or does not answer in time.
pub(super) fn topic_id(client: NonNull<RDKafka>, topic: &str, within: Duration) -> Option<String> {
    let topic = CString::new(topic).ok()?;
    let timeout_ms = c_int::try_from(within.as_millis()).unwrap_or(c_int::MAX);
    let mut names = [topic.as_ptr()];
    // SAFETY: one C string, copied by the call.
    let names = unsafe { sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), 1) };
    let names = Owned::new(names, sys::rd_kafka_TopicCollection_destroy)?;
    let describe = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    // SAFETY: the client is alive.
    let options = unsafe { sys::rd_kafka_AdminOptions_new(client.as_ptr(), describe) };
    let options = Owned::new(options, sys::rd_kafka_AdminOptions_destroy)?;
    // SAFETY: the options are alive; without room for words none are written.
    unsafe {
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options.as_ptr(),
            timeout_ms,
            ptr::null_mut(),
            0,
        );
    }
    // SAFETY: the client is alive.
    let queue = unsafe { sys::rd_kafka_queue_new(client.as_ptr()) };
    let queue = Owned::new(queue, sys::rd_kafka_queue_destroy)?;
    // SAFETY: all four are alive; the request keeps what it needs of them.
    unsafe {
        sys::rd_kafka_DescribeTopics(
            client.as_ptr(),
            names.as_ptr(),
            options.as_ptr(),
            queue.as_ptr(),
        );
    }
    // SAFETY: the queue is alive.
    let event = unsafe { sys::rd_kafka_queue_poll(queue.as_ptr(), timeout_ms) };
    let event = Owned::new(event, sys::rd_kafka_event_destroy)?;
    // SAFETY: the event is alive; of another kind it has no such result.
    let result = unsafe { sys::rd_kafka_event_DescribeTopics_result(event.as_ptr()) };
    let mut count = 0;
    // SAFETY: not null, and part of the event.
    let topics = (!result.is_null())
        .then(|| unsafe { sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count) })?;
    // SAFETY: an array of so many descriptions, part of the event.
    let first = (count > 0 && !topics.is_null()).then(|| unsafe { *topics })?;
    // SAFETY: a description is alive as long as the event; so is the id, and the text of the id.
    let id = unsafe {
        let failed = !sys::rd_kafka_TopicDescription_error(first).is_null()
            && sys::rd_kafka_error_code(sys::rd_kafka_TopicDescription_error(first))
                != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        let id = sys::rd_kafka_TopicDescription_topic_id(first);
        let text =
            if failed || id.is_null() { ptr::null() } else { sys::rd_kafka_Uuid_base64str(id) };
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    };
    // A broker without ids answers with that of zeros.
    id.filter(|id| !id.bytes().all(|b| b == b'A' || b == b'='))
}
