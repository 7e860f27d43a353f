//! The TCP proxy between the app and the database: where it points, and what it does to the bytes.
//!
//! Architecture invariant: [`Proxy::settled`] returns only when the wanted setting holds: after a cut the port refuses,
//! and after a change of route no old connection is left.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::place::{Node, Ports};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    Primary,
    Replica,
    /// Nowhere: the port is closed.
    Cut,
}

impl Route {
    pub fn node(self) -> Option<Node> {
        match self {
            Self::Primary => Some(Node::Primary),
            Self::Replica => Some(Node::Replica),
            Self::Cut => None,
        }
    }

    pub fn name(self) -> &'static str {
        self.node().map_or("cut", Node::name)
    }
}

impl From<Node> for Route {
    fn from(node: Node) -> Self {
        match node {
            Node::Primary => Self::Primary,
            Node::Replica => Self::Replica,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum Mode {
    Pass,
    /// New connections are refused, existing ones reset.
    Cut,
    /// Each piece of data waits this long, in both directions.
    Delay {
        ms: u64,
    },
    /// Connections are accepted and reset at once.
    Reset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub route: Route,
    #[serde(flatten)]
    pub mode: Mode,
}

impl Setting {
    fn delay(self) -> Duration {
        match self.mode {
            Mode::Delay { ms } => Duration::from_millis(ms),
            Mode::Pass | Mode::Cut | Mode::Reset => Duration::ZERO,
        }
    }

    fn listens(self) -> bool {
        self.route != Route::Cut && self.mode != Mode::Cut
    }

    /// Must connections made under `self` end when the setting becomes `next`?
    fn resets_for(self, next: Self) -> bool {
        self.route != next.route || !next.listens() || next.mode == Mode::Reset
    }
}

pub struct Proxy {
    wanted: watch::Sender<Setting>,
    applied: watch::Receiver<Setting>,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn start(ports: Ports, setting: Setting) -> Self {
        let (wanted, orders) = watch::channel(setting);
        let (report, applied) = watch::channel(Setting {
            route: Route::Cut,
            mode: Mode::Cut,
        });
        let connections = Arc::new(AtomicUsize::new(0));
        tokio::spawn(run(ports, orders, report, connections.clone()));
        Self {
            wanted,
            applied,
            connections,
        }
    }

    pub fn setting(&self) -> Setting {
        *self.wanted.borrow()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn want(&self, setting: Setting) {
        self.wanted.send_replace(setting);
    }

    /// Waits until what is wanted is what is done.
    pub async fn settled(&self) {
        let wanted = self.setting();
        // An error means the proxy task is gone, and with it every connection.
        let _ = self
            .applied
            .clone()
            .wait_for(|applied| *applied == wanted)
            .await;
    }
}

async fn run(
    ports: Ports,
    mut orders: watch::Receiver<Setting>,
    report: watch::Sender<Setting>,
    connections: Arc<AtomicUsize>,
) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.database()));
    let mut running = JoinSet::new();
    let mut listener: Option<TcpListener> = None;
    let mut current = *orders.borrow_and_update();
    loop {
        if !current.listens() {
            listener = None;
        } else if listener.is_none() {
            listener = bind(address, &mut orders).await;
            current = *orders.borrow_and_update();
            if listener.is_none() {
                continue;
            }
        }
        report.send_replace(current);
        tokio::select! {
            changed = orders.changed() => {
                if changed.is_err() {
                    return;
                }
                let next = *orders.borrow_and_update();
                if current.resets_for(next) {
                    // Stop accepting first, so that nothing slips in between.
                    listener = None;
                    running.shutdown().await;
                }
                current = next;
            }
            accepted = accept(listener.as_ref()) => {
                let client = Socket::new(accepted);
                if let (Some(node), false) = (current.route.node(), current.mode == Mode::Reset) {
                    running.spawn(forward(client, ports.node(node), orders.clone(), connections.clone()));
                }
            }
            Some(_) = running.join_next() => {}
        }
    }
}

/// Binds again and again until it works or the wish changes.
async fn bind(address: SocketAddr, orders: &mut watch::Receiver<Setting>) -> Option<TcpListener> {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Some(listener),
            Err(error) => crate::daemon::note(&format!(
                "the proxy cannot listen on {address} yet: {error}"
            )),
        }
        tokio::select! {
            _ = orders.changed() => return None,
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
        // Out of descriptors, most likely: the next one may do better.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A socket that resets its peer when dropped, unless it came to an orderly end.
struct Socket {
    stream: TcpStream,
    orderly: bool,
}

impl Socket {
    fn new(stream: TcpStream) -> Self {
        // Only latency is lost when this fails.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            orderly: false,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.orderly {
            let _ = self.stream.set_zero_linger();
        }
    }
}

struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(connections: Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(connections)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn forward(
    mut client: Socket,
    port: u16,
    orders: watch::Receiver<Setting>,
    connections: Arc<AtomicUsize>,
) {
    let _counted = Counted::new(connections);
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        return;
    };
    let mut server = Socket::new(server);
    let (from_client, to_client) = client.stream.split();
    let (from_server, to_server) = server.stream.split();
    // Either direction failing ends both: a database that died is felt at once.
    let ended = tokio::try_join!(
        pump(from_client, to_server, orders.clone()),
        pump(from_server, to_client, orders),
    );
    client.orderly = ended.is_ok();
    server.orderly = ended.is_ok();
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut orders: watch::Receiver<Setting>,
) -> std::io::Result<()> {
    let mut buffer = vec![0u8; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        wait_out_delay(&mut orders).await;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}

/// Holds data back for the delay; healing the network lets it go at once.
async fn wait_out_delay(orders: &mut watch::Receiver<Setting>) {
    let began = tokio::time::Instant::now();
    loop {
        let until = began + orders.borrow_and_update().delay();
        if until <= tokio::time::Instant::now() {
            return;
        }
        tokio::select! {
            changed = orders.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(until) => return,
        }
    }
}
