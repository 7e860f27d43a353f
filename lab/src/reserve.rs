//! Keeps the lab's ports for the lab.
//!
//! They lie where the kernel takes ports for outgoing connections: while a server is down, any connection of this
//! machine could end up on its port, and hold it for a minute after closing. A socket that is bound but does not
//! listen keeps the kernel away, and still lets a server with SO_REUSEADDR (all of ours) listen. Connecting to such a
//! port is refused, as if nothing were there.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};

use crate::failure::{Failure, Result};
use crate::place::{Node, Ports};
use crate::postgres::connect_refused;
use crate::process::poll;

/// A closed connection holds its port for one minute.
const CLOSING: Duration = Duration::from_secs(65);

pub struct Reserve {
    ports: Ports,
    held: Mutex<BTreeMap<u16, TcpSocket>>,
}

impl Reserve {
    pub fn new(ports: Ports) -> Self {
        Self {
            ports,
            held: Mutex::default(),
        }
    }

    fn wanted(&self) -> [u16; 6] {
        let ports = self.ports;
        [
            ports.database(),
            ports.node(Node::Primary),
            ports.node(Node::Replica),
            ports.app(),
            ports.smtp(),
            ports.outside(),
        ]
    }

    /// Holds what can be held now, and names the rest: ports with a listener, or with a connection that is closing.
    pub fn hold(&self) -> Vec<u16> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = self
            .wanted()
            .into_iter()
            .filter(|port| match held.contains_key(port) {
                true => false,
                false => match bound(*port) {
                    Ok(socket) => held.insert(*port, socket).is_some(),
                    Err(_) => true,
                },
            });
        missing.collect()
    }

    /// Waits until each port is either held or has a listener (a server from before, or a stranger found later).
    pub async fn wait(&self, tell: &(dyn Fn(String) + Sync)) {
        let mut told = false;
        let settled = async |told: &mut bool| {
            for port in self.hold() {
                if connect_refused(port).await {
                    if !std::mem::replace(told, true) {
                        tell(format!(
                            "waiting for port {port}: a closing connection still has it, for a minute at most"
                        ));
                    }
                    return None;
                }
            }
            Some(())
        };
        let deadline = tokio::time::Instant::now() + CLOSING;
        while settled(&mut told).await.is_none() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn bound(port: u16) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

/// Listens, waiting out a connection that is closing; a port that answers belongs to somebody else.
pub async fn listen(port: u16) -> Result<TcpListener> {
    let attempt = async || match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Some(Ok(listener)),
        Err(error) => match connect_refused(port).await {
            true => None,
            false => Some(Err(Failure::failed(format!(
                "port {port} cannot be used ({error}); choose another --base-port"
            )))),
        },
    };
    poll(CLOSING, attempt).await.unwrap_or_else(|| {
        Err(Failure::failed(format!(
            "port {port} does not become free; choose another --base-port"
        )))
    })
}
