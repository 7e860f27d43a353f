//! The control: nginx hands out a file with the same bytes under the same heads.

use reqwest::header::HeaderMap;
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command},
    time::Duration,
};
use tempfile::TempDir;

pub struct Nginx {
    child: Child,
    pub address: SocketAddr,
    _home: TempDir,
}

impl Nginx {
    /// Nothing where it is not here.
    pub async fn start(heads: &HeaderMap, body: &[u8]) -> Option<Nginx> {
        let folder = std::env::var("NCHAN").ok()?;
        let program = Path::new(&folder).join("usr/sbin/nginx");
        let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let home = tempfile::tempdir().unwrap();
        let here = home.path().display();
        fs::create_dir_all(home.path().join("www")).unwrap();
        fs::write(home.path().join("www/status"), body).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {here}/{kind};\n"))
            .collect();
        // What nginx says by itself is left out.
        let own = ["date", "content-length", "content-type", "etag"];
        let same: String = heads
            .iter()
            .filter(|(name, _)| !own.contains(&name.as_str()))
            .map(|(name, value)| format!("add_header {name} {:?};\n", value.to_str().unwrap()))
            .collect();
        // As an administrator would tune it: one worker, files held open, no log.
        let text = format!(
            "daemon off; worker_processes 1; pid {here}/pid; error_log {here}/error.log;\n\
             worker_rlimit_nofile 20000;\n\
             events {{ worker_connections 16384; multi_accept on; }}\n\
             http {{\naccess_log off; sendfile on; tcp_nopush on; tcp_nodelay on; server_tokens off;\n\
             keepalive_requests 100000000; keepalive_timeout 60; open_file_cache max=10; open_file_cache_valid 60;\n\
             {temporary}server {{\nlisten {address} backlog=4096;\nroot {here}/www;\n\
             location = /status {{ default_type 'text/html; charset=utf-8';\n{same}}}\n}}\n}}\n"
        );
        let conf = home.path().join("nginx.conf");
        fs::write(&conf, text).unwrap();
        let child = Command::new(program)
            .arg("-c")
            .arg(&conf)
            .arg("-e")
            .arg(home.path().join("error.log"))
            .spawn()
            .ok()?;
        let nginx = Nginx {
            child,
            address,
            _home: home,
        };
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Some(nginx);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with it only when it is asked.
        let _ = Command::new("kill").args(["-TERM", &self.pid()]).status();
        let _ = self.child.wait();
    }
}
