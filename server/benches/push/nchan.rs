//! The control: nginx with nchan, unpacked from Debian's packages.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command},
    time::Duration,
};
use tempfile::TempDir;

pub struct Nchan {
    nginx: Child,
    pub address: SocketAddr,
    _home: TempDir,
}

impl Nchan {
    /// Nothing where it is not there.
    pub async fn start() -> Option<Nchan> {
        let folder = std::env::var("NCHAN").ok()?;
        let folder = Path::new(&folder);
        let module = folder.join("usr/lib/nginx/modules/ngx_nchan_module.so");
        let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let home = tempfile::tempdir().unwrap();
        let here = home.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {here}/{kind};\n"))
            .collect();
        let conf = home.path().join("nginx.conf");
        let text = format!(
            "load_module {};\n\
             daemon off; worker_processes auto; pid {here}/pid; error_log {here}/error.log;\n\
             events {{ worker_connections 16384; }}\n\
             http {{\naccess_log off; tcp_nodelay on;\n{temporary}\
             server {{\nlisten {address};\n\
             location = /pub {{ nchan_publisher; nchan_channel_id live; nchan_message_buffer_length 10; }}\n\
             location = /sub {{ nchan_subscriber eventsource; nchan_channel_id live; nchan_subscriber_first_message newest; }}\n\
             }}\n}}\n",
            module.display()
        );
        fs::write(&conf, text).unwrap();
        let nginx = Command::new(folder.join("usr/sbin/nginx"))
            .arg("-c")
            .arg(&conf)
            .arg("-e")
            .arg(home.path().join("error.log"))
            .spawn()
            .ok()?;
        let nchan = Nchan {
            nginx,
            address,
            _home: home,
        };
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Some(nchan);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }

    pub fn publish(&self) -> String {
        format!("http://{}/pub", self.address)
    }

    pub fn pid(&self) -> String {
        self.nginx.id().to_string()
    }
}

impl Drop for Nchan {
    fn drop(&mut self) {
        // Its workers end with it only when it is asked.
        let pid = self.pid();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.nginx.wait();
    }
}
