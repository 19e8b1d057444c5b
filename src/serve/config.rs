//! Where the outside reads and how much it is shown: the `serve` and `export` parts of the
//! configuration.

use std::net::{SocketAddr, ToSocketAddrs};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{Duration, Invalid};

/// The HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of page, API and metrics. There is no authentication: keep it on a
    /// trusted network. Port 0 takes any free one.
    pub listen: String,
    /// Whether `DELETE /api/v1/actors/{actor}` erases people, by an event in `kafka.erase_topic`.
    /// Who reaches the address can then erase anybody.
    pub erase: bool,
    /// Most connections served at once; more wait to be accepted.
    pub max_connections: u32,
    /// Longest wait for the head of a request, idle connections included.
    pub header_timeout: Duration,
    /// Longest time to work on an answer.
    pub request_timeout: Duration,
    /// Longest time in which a reader takes no byte of its answer.
    pub stall_timeout: Duration,
}

/// What is exported to Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExportConfig {
    /// Influencers exported per segment, those with the most influence. One that falls below
    /// stays for three views, or until it falls below this rank and a fifth.
    pub top_k: usize,
    /// Names of influencers that are exported at any rank.
    pub watch: Vec<String>,
    /// Most series of scores. What exceeds it is left out, the lowest ranks first, and counted.
    pub series_limit: usize,
}

impl Config {
    pub fn validate(&self) -> Result<(), Invalid> {
        if !names_a_port(&self.listen) {
            let allowed = "host and port, such as 127.0.0.1:9464";
            return Err(Invalid::new("listen", &self.listen, allowed));
        }
        if self.max_connections == 0 || self.max_connections > 65_536 {
            return Err(Invalid::new("max_connections", self.max_connections, "1 to 65536"));
        }
        for (key, value) in [
            ("header_timeout", self.header_timeout),
            ("request_timeout", self.request_timeout),
            ("stall_timeout", self.stall_timeout),
        ] {
            if value < Duration::from_millis(100) || value > Duration::from_secs(600) {
                return Err(Invalid::new(key, value, "100ms to 10m"));
            }
        }
        Ok(())
    }

    pub(super) fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        Ok(self.listen.to_socket_addrs()?.collect())
    }
}

impl ExportConfig {
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.top_k == 0 || self.top_k > 10_000 {
            return Err(Invalid::new("top_k", self.top_k, "1 to 10000"));
        }
        if self.series_limit < 100 || self.series_limit > 10_000_000 {
            return Err(Invalid::new("series_limit", self.series_limit, "100 to 10000000"));
        }
        if self.watch.len() > 10_000 {
            let names = format!("a list of {}", self.watch.len());
            return Err(Invalid::new("watch", names, "at most 10000 names"));
        }
        let bad = self.watch.iter().find(|name| name.is_empty() || name.len() > 256);
        match bad {
            Some(name) => Err(Invalid::new("watch", name, "names of 1 to 256 bytes")),
            None => Ok(()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".into(),
            erase: false,
            max_connections: 256,
            header_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self { top_k: 25, watch: Vec::new(), series_limit: 100_000 }
    }
}

fn names_a_port(listen: &str) -> bool {
    let Some((host, port)) = listen.rsplit_once(':') else { return false };
    !host.is_empty() && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listens_on_host_and_port_only() {
        let cases = [
            ("127.0.0.1:9464", true),
            ("[::]:0", true),
            ("localhost:80", true),
            (":9464", false),
            ("9464", false),
            ("localhost", false),
            ("localhost:http", false),
            ("localhost:65536", false),
        ];
        for (listen, fine) in cases {
            let config = Config { listen: listen.into(), ..Config::default() };
            assert_eq!(config.validate().is_ok(), fine, "{listen}");
        }
    }

    #[test]
    fn the_default_is_valid_and_what_is_out_of_bounds_is_named() {
        Config::default().validate().unwrap();
        ExportConfig::default().validate().unwrap();
        let none = ExportConfig { top_k: 0, ..ExportConfig::default() };
        let said = none.validate().unwrap_err().to_string();
        assert_eq!(said, "top_k: 0 is not allowed, it must be 1 to 10000");
        let slow = Config { stall_timeout: Duration::from_secs(3600), ..Config::default() };
        assert_eq!(slow.validate().unwrap_err().key, "stall_timeout");
    }
}
