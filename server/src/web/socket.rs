//! Connections, and how an answer without an end takes one over.
//!
//! hyper keeps two buffers and its own state for as long as a connection is answered: 25 KB for each reader of the live
//! stream, of which a reader needs nothing. So an [`Endless`] answer is given the socket itself, after every layer has had
//! its say, and hyper is let go.

use axum::{
    extract::{ConnectInfo, Request, connect_info::Connected},
    http::{HeaderValue, Version, header, response::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
    serve::{IncomingStream, Listener},
};
use bytes::Bytes;
use futures::StreamExt;
use std::{
    io::{self, IoSlice, Write},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
};

/// What a connection may have waiting in the kernel beyond what is on its way: no limit to its speed.
const UNSENT: u32 = 16 * 1024;

/// Marks an answer that goes on until one of the two has enough.
#[derive(Clone, Copy)]
pub struct Endless;

/// Accepts connections.
pub struct Sockets(pub TcpListener);

impl Listener for Sockets {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Socket, SocketAddr) {
        let (stream, from) = Listener::accept(&mut self.0).await;
        let options = socket2::SockRef::from(&stream);
        // An event is sent at once, and who does not read makes the kernel hold no more than this.
        let _ = options.set_tcp_nodelay(true);
        let _ = options.set_tcp_notsent_lowat(UNSENT);
        (Socket::new(stream), from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection as hyper holds it: the stream can be taken away from under it. Then nothing comes any more, and what is
/// written goes nowhere.
#[derive(Clone)]
pub struct Socket(Arc<Mutex<Held>>);

struct Held {
    stream: Option<TcpStream>,
    /// hyper has something that could not be sent yet.
    blocked: bool,
}

impl Socket {
    fn new(stream: TcpStream) -> Self {
        Socket(Arc::new(Mutex::new(Held {
            stream: Some(stream),
            blocked: false,
        })))
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Option<std::net::IpAddr> {
        let held = self.held();
        Some(held.stream.as_ref()?.peer_addr().ok()?.ip())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing where an earlier answer is not sent to its end yet.
    fn let_go(&self) -> Option<TcpStream> {
        let mut held = self.held();
        match held.blocked {
            true => None,
            false => held.stream.take(),
        }
    }

    fn send(
        &self,
        all: usize,
        write: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut held = self.held();
        let Some(stream) = &mut held.stream else {
            return Poll::Ready(Ok(all));
        };
        let written = write(Pin::new(stream));
        held.blocked = written.is_pending();
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.held().stream {
            Some(stream) => Pin::new(stream).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.send(buf.len(), |stream| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|buf| buf.len()).sum();
        self.send(all, |stream| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TCP stream has nothing to flush.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.held().stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Connected<IncomingStream<'_, Sockets>> for Socket {
    fn connect_info(stream: IncomingStream<'_, Sockets>) -> Self {
        stream.io().clone()
    }
}

/// The outermost layer: hands the connection to an answer without an end. One of several on a connection (HTTP/2) stays
/// with hyper.
pub async fn hand_over(request: Request, next: Next) -> Response {
    let socket = match request.version() {
        Version::HTTP_10 | Version::HTTP_11 => request.extensions().get::<ConnectInfo<Socket>>(),
        _ => None,
    };
    let socket = socket.map(|ConnectInfo(socket)| socket.clone());
    let answer = next.run(request).await;
    if answer.extensions().get::<Endless>().is_none() {
        return answer;
    }
    let Some(stream) = socket.and_then(|socket| socket.let_go()) else {
        return answer;
    };
    tokio::spawn(answer_on(stream, answer));
    // Nobody hears it: with it hyper is done with this connection.
    [(header::CONNECTION, HeaderValue::from_static("close"))].into_response()
}

/// Its end is the connection's, as in HTTP/1.0.
async fn answer_on(mut stream: TcpStream, answer: Response) {
    let (head, body) = answer.into_parts();
    let (mut next, mut pieces) = (head_of(head), body.into_data_stream());
    while stream.write_all(&next).await.is_ok() {
        // Who waits holds nothing that was sent.
        drop(next);
        next = tokio::select! {
            piece = pieces.next() => match piece {
                Some(Ok(piece)) => piece,
                _ => break,
            },
            () = gone(&stream) => return,
        };
    }
    let _ = stream.shutdown().await;
}

/// Until the reader has left. What it still says nobody asked for.
async fn gone(stream: &TcpStream) {
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut [0; 512]) {
            Ok(0) => return,
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}

fn head_of(mut head: Parts) -> Bytes {
    let now = jiff::Timestamp::now();
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
    if let Some(date) = date.ok().and_then(|date| HeaderValue::try_from(date).ok()) {
        head.headers.insert(header::DATE, date);
    }
    let close = HeaderValue::from_static("close");
    head.headers.insert(header::CONNECTION, close);
    let mut all = Vec::with_capacity(512);
    // Writing to memory does not fail.
    let _ = write!(all, "HTTP/1.1 {}\r\n", head.status);
    for (name, value) in &head.headers {
        all.extend_from_slice(name.as_ref());
        all.extend_from_slice(b": ");
        all.extend_from_slice(value.as_bytes());
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b"\r\n");
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::poll;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn an_answer_that_is_not_sent_to_its_end_keeps_its_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut sockets = Sockets(listener);
        let (peer, (mut socket, _)) = tokio::join!(TcpStream::connect(address), sockets.accept());
        let (mut peer, mut sent) = (peer.unwrap(), 0);
        while let Poll::Ready(more) = poll!(std::pin::pin!(socket.write(&[0; 65_536]))) {
            sent += more.unwrap();
        }
        assert!(socket.let_go().is_none(), "something waits to be sent");
        peer.read_exact(&mut vec![0; sent]).await.unwrap();
        socket.write_all(b"the end").await.unwrap();
        assert!(socket.let_go().is_some());
        assert_eq!(socket.write(b"nobody hears it").await.unwrap(), 15);
        assert_eq!(socket.read(&mut [0; 8]).await.unwrap(), 0);
        peer.read_exact(&mut [0; 7]).await.unwrap();
        assert_eq!(peer.read(&mut [0; 8]).await.unwrap(), 0, "that was all");
    }
}
