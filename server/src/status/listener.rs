//! A door for the public alone: it hands out what is published and knows of nothing else. It has a thread of its own, so that
//! work elsewhere in this process makes nobody wait here.

use super::{answer::answer, publisher::StatusPage};
use axum::{
    body::Bytes,
    http::{Request, Response},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, sync::Semaphore};

/// So many may wait to be let in.
const BACKLOG: i32 = 4096;
/// Who has asked for nothing in this time leaves, also in the middle of a question.
const IDLE: Duration = Duration::from_secs(15);
/// A question is a few lines.
const LARGEST_HEAD: usize = 16 * 1024;

/// Opens the door. `most`: so many may be inside at once.
pub fn listen(address: SocketAddr, page: StatusPage, most: usize) -> io::Result<SocketAddr> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(socket);
    let bound = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("status".into())
        .spawn(move || {
            runtime.block_on(async {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => let_in(listener, page, most).await,
                    Err(error) => tracing::error!(%error, "The public listener cannot be used"),
                }
            });
        })?;
    Ok(bound)
}

async fn let_in(listener: tokio::net::TcpListener, page: StatusPage, most: usize) {
    let room = Arc::new(Semaphore::new(most));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No descriptor left, or the other side has gone already: the next one may fare better.
                tracing::debug!(%error, "Nobody was let in");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let page = page.clone();
        tokio::spawn(async move {
            serve(stream, page).await;
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, page: StatusPage) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = public(&page, &request);
        async { Ok::<_, Infallible>(answer) }
    });
    // Whoever breaks off or asks in riddles is gone: there is nobody to tell.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(LARGEST_HEAD)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// What is published under this path; the page itself stands at the root too.
fn public(page: &StatusPage, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let uri = request.uri();
    let path = if uri.path() == "/" {
        "/status"
    } else {
        uri.path()
    };
    answer(
        &page.published(),
        request.method(),
        path,
        uri.query(),
        request.headers(),
    )
    .map(Full::new)
}
