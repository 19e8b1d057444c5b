//! Listens, and runs the connections within bounds of number and time.
//!
//! Invariant: whoever holds the [`Server`] ends all that it started; nothing outlives `stop`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::api::{self, Erase};
use super::config::{Config, ExportConfig};
use super::exposition::{Exemplars, Exposition};
use super::health::Readiness;
use super::instruments::{Build, Instruments};
use super::reload::Reload;
use super::routes::{self, Sources, Status};
use super::stall::Stalling;
use crate::model::Params;
use crate::view::{ShiftLog, Views};

/// Rest after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is shown.
pub struct Parts {
    pub views: Views,
    pub shifts: ShiftLog,
    /// Where every part has its own metrics.
    pub registry: Registry,
    pub params: Params,
    pub readiness: Readiness,
    pub status: Status,
    /// How actors are erased; nothing where that is not enabled.
    pub erase: Option<Erase>,
    /// How the configuration is read anew.
    pub reload: Reload,
    pub build: Build,
    /// Examples of what the metrics of the registry count.
    pub exemplars: Exemplars,
}

/// A running server. Dropped without [`Server::stop`], it cuts its connections.
pub struct Server {
    address: SocketAddr,
    exposition: Arc<Exposition>,
    stop: watch::Sender<bool>,
    connections: Accepting,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot resolve serve.listen {listen}")]
    Resolve { listen: String, source: io::Error },
    #[error("cannot listen on {listen}")]
    Listen { listen: String, source: io::Error },
    #[error("cannot register the metrics of the server")]
    Register(#[from] prometheus::Error),
}

impl Server {
    /// Listens before it returns: what follows can be asked for at once.
    pub fn start(
        runtime: &Handle,
        config: &Config,
        export: &ExportConfig,
        parts: Parts,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Listen { listen: config.listen.clone(), source };
        let addresses = config
            .addresses()
            .map_err(|source| Error::Resolve { listen: config.listen.clone(), source })?;
        let listener = std::net::TcpListener::bind(&*addresses).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let _within = runtime.enter();
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let Parts { views, shifts, registry, params, readiness, status, .. } = parts;
        let Parts { erase, reload, build, exemplars, .. } = parts;
        let instruments = Instruments::register(&registry, &build, &routes::PATHS)?;
        let render = instruments.render_seconds.clone();
        let exposition = Exposition::new(export, &params, views.clone(), registry, render);
        let exposition = Arc::new(exposition.with_exemplars(exemplars));
        let (stop, stopping) = watch::channel(false);
        let router = routes::router(Arc::new(Sources {
            views,
            shifts,
            params,
            readiness,
            status,
            erase,
            reload,
            build,
            exposition: Arc::clone(&exposition),
            instruments,
            request_timeout: config.request_timeout.0,
            followers: Arc::new(Semaphore::new(api::FOLLOWERS_MAX)),
            stop: stopping.clone(),
        }));
        let accepting = accept(listener, router, config.clone(), stopping);
        let connections = Accepting(runtime.spawn(accepting));
        Ok(Self { address, exposition, stop, connections })
    }

    /// Where it listens, with the port that it got when it asked for any.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Publishes every view.
    #[must_use]
    pub fn exposition(&self) -> &Arc<Exposition> {
        &self.exposition
    }

    /// Whether it still accepts: false after a panic in the server itself.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.connections.0.is_finished()
    }

    /// Accepts no more, lets the answers under way end, and after `within` cuts the rest.
    pub async fn stop(mut self, within: Duration) {
        self.stop.send_replace(true);
        if tokio::time::timeout(within, &mut self.connections.0).await.is_err() {
            tracing::warn!(within = ?within, "cut the connections that did not end in time");
        }
    }
}

/// The task that holds all connections; they end with it.
struct Accepting(JoinHandle<()>);

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    config: Config,
    mut stop: watch::Receiver<bool>,
) {
    let permits = Arc::new(Semaphore::new(config.max_connections as usize));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => log_panic(ended),
            (stream, permit) = next(&listener, &permits) => {
                let service = TowerToHyperService::new(router.clone());
                connections.spawn(serve(stream, service, config.clone(), stop.clone(), permit));
            }
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        log_panic(ended);
    }
}

async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // Never closed, so there is always a permit in the end.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(
    stream: TcpStream,
    service: TowerToHyperService<Router>,
    config: Config,
    mut stop: watch::Receiver<bool>,
    _permit: Option<OwnedSemaphorePermit>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot send without delay");
    }
    let io = TokioIo::new(Stalling::new(stream, config.stall_timeout.0));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout.0)
        .serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The other side's doing: it left, stalled, or does not speak HTTP.
        tracing::debug!(%error, "a connection broke");
    }
}

/// Ends when the server is to stop, or is gone.
async fn told(stop: &mut watch::Receiver<bool>) {
    while !*stop.borrow_and_update() {
        if stop.changed().await.is_err() {
            return;
        }
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection failed");
    }
}
