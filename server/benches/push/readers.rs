//! Readers of an event stream on loopback, as cheap as can be: they share the machine with what they measure.

use crate::now;
use futures::{StreamExt, stream};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

pub const RECORDED: &str = "\"recorded\":";
/// How many join at the same time.
const ABREAST: usize = 200;
const PATIENCE: Duration = Duration::from_secs(60);

/// One event that one reader has read, and how long after it was recorded, in microseconds.
#[derive(Clone, Copy)]
pub struct Heard {
    pub recorded: i64,
    pub after: i64,
}

#[derive(Default)]
struct Notes {
    heard: Vec<Heard>,
    /// The last event, as it came.
    sample: String,
}

pub struct Readers {
    reading: Vec<Arc<Mutex<Notes>>>,
    _tasks: JoinSet<()>,
    _stalled: Vec<TcpStream>,
}

impl Readers {
    /// So many join; of them some never read.
    pub async fn join(address: SocketAddr, head: &str, count: usize, stalled: usize) -> Readers {
        let request = format!("{head}Host: {address}\r\n\r\n");
        let mut streams: Vec<_> = stream::iter(0..count)
            .map(|n| open(address, n, &request, n < stalled))
            .buffered(ABREAST)
            .collect()
            .await;
        let (mut tasks, mut reading) = (JoinSet::new(), Vec::new());
        for (stream, read) in streams.split_off(stalled) {
            let notes = Arc::new(Mutex::new(Notes::default()));
            reading.push(notes.clone());
            tasks.spawn(listen(stream, read, notes));
        }
        Readers {
            reading,
            _tasks: tasks,
            _stalled: streams.into_iter().map(|(stream, _)| stream).collect(),
        }
    }

    /// What came before the measurement.
    pub fn forget(&self) {
        for reader in &self.reading {
            reader.lock().unwrap().heard.clear();
        }
    }

    /// All that was heard, once every reader has heard of every event.
    pub async fn until_heard(&self, events: usize) -> (Vec<Heard>, String) {
        let began = Instant::now();
        loop {
            let behind = |r: &&Arc<Mutex<Notes>>| r.lock().unwrap().heard.len() < events;
            let behind = self.reading.iter().filter(behind).count();
            if behind == 0 {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{behind} readers are behind");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let all = self.reading.iter().flat_map(|r| {
            let notes = r.lock().unwrap();
            assert_eq!(notes.heard.len(), events, "each event once");
            notes.heard.clone()
        });
        (
            all.collect(),
            self.reading[0].lock().unwrap().sample.clone(),
        )
    }
}

/// Opens one stream. Who reads has seen the answer begin.
async fn open(address: SocketAddr, n: usize, request: &str, stalled: bool) -> (TcpStream, Vec<u8>) {
    let socket = TcpSocket::new_v4().unwrap();
    if stalled {
        socket.set_recv_buffer_size(4096).unwrap();
    }
    // One address has too few ports for many rounds.
    let from = format!("127.0.0.{}:0", 2 + n % 8).parse().unwrap();
    socket.bind(from).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !stalled && !read.windows(4).any(|w| w == b"\r\n\r\n") {
        stream.readable().await.unwrap();
        match stream.try_read_buf(&mut read) {
            Ok(0) => panic!("the answer ends: {}", String::from_utf8_lossy(&read)),
            _ => continue,
        }
    }
    assert!(stalled || read.starts_with(b"HTTP/1.1 200"), "{read:?}");
    (stream, read)
}

async fn listen(stream: TcpStream, mut read: Vec<u8>, notes: Arc<Mutex<Notes>>) {
    while stream.readable().await.is_ok() {
        let mut piece = [0; 4096];
        match stream.try_read(&mut piece) {
            Ok(0) => return,
            Ok(size) => read.extend_from_slice(&piece[..size]),
            Err(_) => continue,
        }
        let Some(whole) = read.windows(2).rposition(|w| w == b"\n\n") else {
            continue;
        };
        let (at, text) = (now(), String::from_utf8_lossy(&read[..whole]).into_owned());
        read.drain(..whole + 2);
        read.shrink_to(64);
        let events = text.lines().filter(|l| l.contains("\"note_added\""));
        for data in events.filter_map(|l| l.strip_prefix("data: ")) {
            let Some((_, rest)) = data.split_once(RECORDED) else {
                continue;
            };
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
            let recorded = rest[..digits].parse().unwrap();
            let mut notes = notes.lock().unwrap();
            notes.heard.push(Heard {
                recorded,
                after: at - recorded,
            });
            notes.sample = data.to_owned();
        }
    }
}
