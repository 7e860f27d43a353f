//! The control: nginx hands out a file with the same bytes under the same heads.

use crate::nginx::Nginx;
use reqwest::header::HeaderMap;
use std::fs;

pub async fn start(heads: &HeaderMap, body: &[u8]) -> Option<Nginx> {
    // What nginx says by itself is left out.
    let own = ["date", "content-length", "content-type", "etag"];
    let same: String = heads
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| format!("add_header {name} {:?};\n", value.to_str().unwrap()))
        .collect();
    Nginx::start(|place| {
        fs::create_dir_all(place.home.join("www")).unwrap();
        fs::write(place.home.join("www/status"), body).unwrap();
        let here = place.home.display();
        let (temporary, address) = (place.temporary, place.address);
        // As an administrator would tune it: one worker, files held open, no log.
        format!(
            "daemon off; worker_processes 1; pid {here}/pid; error_log {here}/error.log;\n\
             worker_rlimit_nofile 20000;\n\
             events {{ worker_connections 16384; multi_accept on; }}\n\
             http {{\naccess_log off; sendfile on; tcp_nopush on; tcp_nodelay on; server_tokens off;\n\
             keepalive_requests 100000000; keepalive_timeout 60; open_file_cache max=10; open_file_cache_valid 60;\n\
             {temporary}server {{\nlisten {address} backlog=4096;\nroot {here}/www;\n\
             location = /status {{ default_type 'text/html; charset=utf-8';\n{same}}}\n}}\n}}\n"
        )
    })
    .await
}
