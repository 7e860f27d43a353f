//! Readers that ask again as soon as they were answered, as cheap as can be: they share the machine with what they measure.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

pub struct Load {
    pub a_second: f64,
    pub p50: f64,
    pub p99: f64,
    pub failed: usize,
}

pub struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Reader {
    pub async fn connect(address: SocketAddr, n: usize) -> std::io::Result<Reader> {
        let socket = TcpSocket::new_v4()?;
        // One address has too few ports for many rounds.
        socket.bind(format!("127.0.0.{}:0", 2 + n % 8).parse().unwrap())?;
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Reader {
            stream,
            buffer: Vec::with_capacity(64 * 1024),
        })
    }

    /// Asks once, and reads the whole answer. How long it is, and its status.
    pub async fn ask(&mut self, request: &[u8]) -> std::io::Result<(usize, u16)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut whole = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if whole.is_none() {
                whole = whole_length(&self.buffer);
            }
            if whole.is_some_and(|whole| self.buffer.len() >= whole) {
                let status = std::str::from_utf8(&self.buffer[9..12]).unwrap_or_default();
                return Ok((self.buffer.len(), status.parse().unwrap_or(0)));
            }
        }
    }

    pub fn answer(&self) -> &[u8] {
        &self.buffer
    }
}

/// The head's length and that of what follows, once the head is whole.
fn whole_length(read: &[u8]) -> Option<usize> {
    let head = read.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&read[..head])
        .ok()?
        .to_ascii_lowercase();
    if text.starts_with("http/1.1 304") {
        return Some(head);
    }
    let length = text.split_once("content-length:")?.1.split("\r\n").next()?;
    Some(head + length.trim().parse::<usize>().ok()?)
}

/// So many readers ask for so long; every answer must have this status.
pub async fn load(
    address: SocketAddr,
    request: &str,
    readers: usize,
    lasts: Duration,
    status: u16,
) -> Load {
    let mut tasks = JoinSet::new();
    let until = Instant::now() + lasts;
    for n in 0..readers {
        let request = request.as_bytes().to_vec();
        tasks.spawn(async move {
            let (mut times, mut failed) = (Vec::new(), 0);
            let Ok(mut reader) = Reader::connect(address, n).await else {
                return (times, 1);
            };
            while Instant::now() < until {
                let began = Instant::now();
                match reader.ask(&request).await {
                    Ok((_, found)) if found == status => {
                        times.push(began.elapsed().as_micros() as u32)
                    }
                    _ => {
                        failed += 1;
                        match Reader::connect(address, n).await {
                            Ok(again) => reader = again,
                            Err(_) => break,
                        }
                    }
                }
            }
            (times, failed)
        });
    }
    let (mut times, mut failed) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        let (own, bad) = done.unwrap();
        times.extend(own);
        failed += bad;
    }
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len().saturating_sub(1) * share / 100)
            .map_or(0.0, |t| f64::from(*t) / 1e3)
    };
    Load {
        a_second: times.len() as f64 / lasts.as_secs_f64(),
        p50: at(50),
        p99: at(99),
        failed,
    }
}

/// So many come within a second, are all answered, and stay; then each asks once more.
pub async fn crowd(address: SocketAddr, request: &str, readers: usize) -> (Load, Duration) {
    let began = Instant::now();
    let mut joining = JoinSet::new();
    for n in 0..readers {
        let request = request.as_bytes().to_vec();
        // Spread over the second.
        let when = began + Duration::from_secs(1).mul_f64(n as f64 / readers as f64);
        joining.spawn(async move {
            tokio::time::sleep_until(when.into()).await;
            let mut reader = Reader::connect(address, n).await.ok()?;
            let (_, status) = reader.ask(&request).await.ok()?;
            (status == 200).then_some(reader)
        });
    }
    let mut here = Vec::new();
    let mut failed = 0;
    while let Some(joined) = joining.join_next().await {
        match joined.unwrap() {
            Some(reader) => here.push(reader),
            None => failed += 1,
        }
    }
    let joined = began.elapsed();
    let began = Instant::now();
    let (mut asking, mut times) = (JoinSet::new(), Vec::new());
    let count = here.len();
    for (n, mut reader) in here.into_iter().enumerate() {
        let request = request.as_bytes().to_vec();
        let when = began + Duration::from_secs(2).mul_f64(n as f64 / count.max(1) as f64);
        asking.spawn(async move {
            tokio::time::sleep_until(when.into()).await;
            let began = Instant::now();
            let asked = reader.ask(&request).await;
            (
                asked.is_ok_and(|(_, status)| status == 200),
                began.elapsed(),
                reader,
            )
        });
    }
    // Held until the last one was answered.
    let mut held = Vec::new();
    while let Some(asked) = asking.join_next().await {
        let (well, took, reader) = asked.unwrap();
        held.push(reader);
        times.push(took.as_micros() as u32);
        failed += usize::from(!well);
    }
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len().saturating_sub(1) * share / 100)
            .map_or(0.0, |t| f64::from(*t) / 1e3)
    };
    let load = Load {
        a_second: 0.0,
        p50: at(50),
        p99: at(99),
        failed,
    };
    (load, joined)
}
