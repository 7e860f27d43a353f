//! nginx, unpacked from Debian's packages: the control of what is served and pushed.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};
use tempfile::TempDir;

pub struct Nginx {
    child: Child,
    pub address: SocketAddr,
    _home: TempDir,
}

/// What a configuration is written for.
pub struct Place<'a> {
    /// A folder of its own.
    pub home: &'a Path,
    pub address: SocketAddr,
    /// Lines for `http` that keep its temporary files there.
    pub temporary: &'a str,
}

/// Where they are unpacked.
pub fn packages() -> Option<PathBuf> {
    std::env::var_os("NCHAN").map(PathBuf::from)
}

impl Nginx {
    /// With the configuration that is written for this place. Nothing where nginx is not here.
    pub async fn start(conf: impl FnOnce(&Place<'_>) -> String) -> Option<Nginx> {
        let packages = packages()?;
        let address = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?;
        let home = tempfile::tempdir().unwrap();
        let here = home.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {here}/{kind};\n"))
            .collect();
        let text = conf(&Place {
            home: home.path(),
            address,
            temporary: &temporary,
        });
        let file = home.path().join("nginx.conf");
        fs::write(&file, text).unwrap();
        let child = Command::new(packages.join("usr/sbin/nginx"))
            .arg("-c")
            .arg(&file)
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
