//! Whether the group counts a client among its members.
#![allow(unsafe_code, reason = "rd_kafka_memberid has no safe wrapper in rdkafka")]

use std::ffi::CStr;
use std::ptr::NonNull;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::context::Context;

/// Whether the client goes by an id that the group gave it: from the first answer to its joining
/// until librdkafka has sent word that it leaves. Under the new protocol a client gives itself an id,
/// and keeps it.
pub(super) fn is_member(consumer: &BaseConsumer<Context>) -> bool {
    let client = consumer.client().native_ptr();
    // SAFETY: the client is alive, and asked on no thread of its own.
    let Some(id) = NonNull::new(unsafe { sys::rd_kafka_memberid(client) }) else { return false };
    // SAFETY: what is handed out is a C string.
    let is_named = !unsafe { CStr::from_ptr(id.as_ptr()) }.is_empty();
    // SAFETY: it was handed out to be given back, once.
    unsafe { sys::rd_kafka_mem_free(client, id.as_ptr().cast()) };
    is_named
}
