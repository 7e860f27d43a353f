//! Web servers, good and bad.

use super::{class, look};
use engine::checks::Class;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{net::SocketAddr, process::Command, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers each request for a path with what `say` says.
async fn server(say: fn(&str, SocketAddr) -> Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 2048];
                let read = stream.read(&mut bytes).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or("/");
                let _ = stream.write_all(&say(path, place)).await;
                // An endless answer: until the other side has had enough.
                while path == "/endless" && stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            });
        }
    });
    place
}

fn said(status: &str, more: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn paths(path: &str, place: SocketAddr) -> Vec<u8> {
    let to = |place: &str| said("302 Found", &format!("location: {place}\r\n"), "");
    match path {
        "/ok" => said("200 OK", "", r#"{"status": "ok", "depth": {"n": 3}}"#),
        "/endless" => b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        "/once" => to("/ok"),
        "/around" => to("/around"),
        "/metadata" => to("http://169.254.169.254/latest/meta-data"),
        "/elsewhere" => to(&format!("http://localhost:{}/ok", place.port())),
        "/file" => to("file:///etc/passwd"),
        _ => said("404 Not Found", "", ""),
    }
}

fn http(place: SocketAddr, path: &str, more: &str) -> String {
    format!(
        "{{probe: {{http: {{url: 'http://{place}{path}'{more}}}}}, internal: true, timeout: 10s, interval: 20s}}"
    )
}

#[tokio::test]
async fn json_is_looked_into() {
    let place = server(paths).await;
    let json = |more: &str| http(place, "/ok", &format!(", json: {more}"));
    let good = json("{/status: ok, /depth/n: '3'}");
    assert_eq!(look(&good).await, Ok("status 200".into()));
    let wrong = look(&json("{/status: fine}")).await.unwrap_err();
    assert_eq!(
        wrong,
        (Class::WrongAnswer, "/status is ok, expected fine".into())
    );
    let none = look(&json("{/no: fine}")).await.unwrap_err();
    assert_eq!(none.1, "the answer has no /no");
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let place = server(paths).await;
    assert!(look(&http(place, "/endless", "")).await.is_ok());
    let sought = look(&http(place, "/endless", ", contains: y")).await;
    assert_eq!(class(sought), Class::WrongAnswer);
}

#[tokio::test]
async fn a_redirect_is_followed_only_where_it_is_allowed_and_each_hop_is_judged() {
    let place = server(paths).await;
    let told = look(&http(place, "/once", "")).await.unwrap_err();
    assert_eq!(told.1, "status 302, expected 200");
    let followed = |path: &str| http(place, path, ", follow_redirects: true");
    assert_eq!(look(&followed("/once")).await, Ok("status 200".into()));
    // The plan's word `internal` is for the host that it names.
    assert_eq!(class(look(&followed("/metadata")).await), Class::Forbidden);
    assert_eq!(class(look(&followed("/elsewhere")).await), Class::Forbidden);
    assert_eq!(class(look(&followed("/file")).await), Class::WrongAnswer);
    let around = look(&followed("/around")).await.unwrap_err();
    assert_eq!(around.1, "redirected: that would be the sixth redirect");
}

/// A server with a certificate for so many days, and its authority's certificate in a file.
async fn tls_server(days: i64, authority: &std::path::Path) -> SocketAddr {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(authority, issuer.pem()).unwrap();
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let now = std::time::SystemTime::now();
    let day = std::time::Duration::from_secs(86_400);
    params.not_before = (now - day * 30).into();
    params.not_after = if days < 0 {
        (now - day).into()
    } else {
        (now + day * days as u32).into()
    };
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut bytes = [0; 2048];
                let _ = stream.read(&mut bytes).await;
                let _ = stream.write_all(&said("200 OK", "", "")).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    place
}

/// The trusted authorities are the process's: each case is a process of its own.
fn in_a_process_that_trusts(case: &str, days: i64) {
    const CASE: &str = "MUSTER_TEST_CERTIFICATE_DAYS";
    if std::env::var_os(CASE).is_none() {
        let dir = tempfile::tempdir().unwrap();
        let ran = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", case, "--nocapture"])
            .env("SSL_CERT_FILE", dir.path().join("authority.pem"))
            .env(CASE, days.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        return;
    }
    let authority = std::env::var_os("SSL_CERT_FILE").unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let place = tls_server(days, authority.as_ref()).await;
        let yaml = format!(
            "{{probe: {{http: {{url: 'https://localhost:{}/', certificate_days: 14}}}}, internal: true, timeout: 10s}}",
            place.port()
        );
        let looked = look(&yaml).await.map_err(|(class, says)| {
            println!("{says}");
            class
        });
        let expected = match days {
            ..0 => Err(Class::Tls),
            0..14 => Err(Class::Certificate),
            _ => Ok(format!("status 200, certificate good for {days} days")),
        };
        assert_eq!(looked, expected);
    });
}

#[test]
fn a_certificate_that_ends_soon_is_degraded() {
    in_a_process_that_trusts("web::a_certificate_that_ends_soon_is_degraded", 6);
    assert_eq!(Class::Certificate.health(), domain::Health::Degraded);
}

#[test]
fn a_certificate_that_is_good_for_long_is_well() {
    in_a_process_that_trusts("web::a_certificate_that_is_good_for_long_is_well", 60);
}

#[test]
fn a_certificate_that_has_ended_is_no_connection() {
    in_a_process_that_trusts("web::a_certificate_that_has_ended_is_no_connection", -1);
}
