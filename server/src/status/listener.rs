//! A door for the public alone: it hands out what is published, and takes what subscribers send. It has a thread of its own,
//! so that work elsewhere in this process makes nobody wait here; what needs the database is done elsewhere.

use super::{
    answer::answer,
    publisher::StatusPage,
    subscribers::{Subscribers, is_ours},
};
use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
    response::IntoResponse,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{net::TcpStream, runtime::Handle, sync::Semaphore};
use tower::{Layer, ServiceExt};
use tower_http::csrf::CsrfLayer;

/// Where subscribers are answered, as soon as there is a database.
pub type Door = Arc<OnceLock<Subscribers>>;

/// So many may wait to be let in.
const BACKLOG: i32 = 4096;
/// Who has asked for nothing in this time leaves, also in the middle of a question.
const IDLE: Duration = Duration::from_secs(15);
/// A question is a few lines.
const LARGEST_HEAD: usize = 16 * 1024;

/// What a connection is answered from.
#[derive(Clone)]
struct House {
    page: StatusPage,
    door: Door,
    /// Where the database is spoken to.
    work: Handle,
}

/// Opens the door. `most`: so many may be inside at once.
pub fn listen(
    address: SocketAddr,
    page: StatusPage,
    door: Door,
    most: usize,
) -> io::Result<SocketAddr> {
    let work = Handle::try_current().map_err(io::Error::other)?;
    let house = House { page, door, work };
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
                    Ok(listener) => let_in(listener, house, most).await,
                    Err(error) => tracing::error!(%error, "The public listener cannot be used"),
                }
            });
        })?;
    Ok(bound)
}

async fn let_in(listener: tokio::net::TcpListener, house: House, most: usize) {
    let room = Arc::new(Semaphore::new(most));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else {
            return;
        };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // No descriptor left, or the other side has gone already: the next one may fare better.
                tracing::debug!(%error, "Nobody was let in");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let house = house.clone();
        tokio::spawn(async move {
            serve(stream, from.ip(), house).await;
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, from: IpAddr, house: House) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let house = house.clone();
        async move {
            Ok::<_, Infallible>(match is_ours(request.method(), request.uri().path()) {
                true => subscribing(house, from, request).await,
                false => public(&house.page, &request),
            })
        }
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
fn public(page: &StatusPage, request: &Request<Incoming>) -> Response<Body> {
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
    .map(Body::from)
}

/// Under the rule on writes that holds at the other door, too.
async fn subscribing(house: House, from: IpAddr, request: Request<Incoming>) -> Response<Body> {
    let Some(subscribers) = house.door.get().cloned() else {
        let retry = [(header::RETRY_AFTER, HeaderValue::from_static("5"))];
        return (StatusCode::SERVICE_UNAVAILABLE, retry).into_response();
    };
    let answers = tower::service_fn(move |request: Request<Body>| {
        let subscribers = subscribers.clone();
        async move { Ok::<_, Infallible>(subscribers.answer(from, request).await) }
    });
    let guarded = CsrfLayer::new().layer(answers);
    let answer = house.work.spawn(guarded.oneshot(request.map(Body::new)));
    match answer.await {
        Ok(Ok(answer)) => answer.map(Body::new),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
