//! A real mail server: Debian's Postfix, unpacked by `.ci/setup` and run from a folder of its own, on loopback only.
//!
//! It speaks STARTTLS and nothing without it, delivers into Maildirs, and returns what cannot be delivered. Nothing of
//! the machine's own mail is touched. Postfix's master wants to be root.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::{
    fs::{self, Permissions},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Nothing that is waited for may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Users of every Debian: Postfix shares its own with nobody, and delivers as somebody else.
const OWNER: &str = "mail";
const GROUP: &str = "list";
const BOXES: &str = "nobody";

pub struct Postfix {
    folder: TempDir,
    port: u16,
    master: Child,
}

impl Postfix {
    /// The domain it takes mail for.
    pub const DOMAIN: &str = "factory.example";
    /// A mailbox whose mails are accepted, and then come back to their sender.
    pub const GONE: &str = "gone@factory.example";

    /// With these mailboxes, all of them in [`Self::DOMAIN`]. `None`, loudly, on a machine without Postfix, or not by root.
    pub async fn start(boxes: &[&str]) -> Option<Self> {
        let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let mut unpacked = unpacked.map(|up| up.join("target/tools/postfix"));
        let unpacked = unpacked.find(|place| place.join(DAEMONS).join("master").exists());
        let reason = match unpacked {
            None => "Postfix is not unpacked in target/tools/postfix; `sh .ci/setup test` does it",
            Some(_) if !nix::unistd::geteuid().is_root() => "Postfix runs as root only",
            Some(_) => "",
        };
        let Some(unpacked) = unpacked.filter(|_| reason.is_empty()) else {
            eprintln!("\n******** SKIPPED, NOTHING WAS TESTED: {reason} ********\n");
            return None;
        };
        let folder = tempfile::Builder::new()
            .prefix("muster-postfix-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        lay_out(folder.path());
        make_certificate(&folder.path().join("conf"));
        configure(folder.path(), &unpacked, port, boxes);
        let libraries = unpacked.join("usr/lib/postfix");
        let master = Command::new(unpacked.join(DAEMONS).join("master"))
            .arg("-d")
            .arg("-c")
            .arg(folder.path().join("conf"))
            .env("LD_LIBRARY_PATH", libraries)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own group: master ends all of it with itself.
            .process_group(0)
            .spawn()
            .unwrap();
        let postfix = Self {
            folder,
            port,
            master,
        };
        let up = async || TcpStream::connect(("127.0.0.1", port)).ok();
        postfix.until("it listens", up).await;
        Some(postfix)
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=required", self.port)
    }

    /// Whom a sender has to trust, as PEM.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("conf/authority.pem")
    }

    /// The mails in a mailbox, as they lie there: waits until there are `count` of them.
    pub async fn delivered(&self, address: &str, count: usize) -> Vec<Vec<u8>> {
        let maildir = self.folder.path().join("boxes").join(address).join("new");
        self.until(&format!("{count} mails for {address}"), async || {
            let files = fs::read_dir(&maildir).into_iter().flatten().flatten();
            let mut files: Vec<PathBuf> = files.map(|file| file.path()).collect();
            files.sort();
            (files.len() >= count)
                .then(|| files.iter().map(|file| fs::read(file).unwrap()).collect())
        })
        .await
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("data/mail.log")).unwrap_or_default()
    }

    async fn until<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        mut ask: impl FnMut() -> F,
    ) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "never happened: {what}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        use nix::sys::signal::{Signal, killpg};
        let group = nix::unistd::Pid::from_raw(self.master.id() as i32);
        let _ = killpg(group, Signal::SIGTERM);
        let _ = self.master.wait();
    }
}

const DAEMONS: &str = "usr/lib/postfix/sbin";

fn user(name: &str) -> nix::unistd::User {
    nix::unistd::User::from_name(name).unwrap().unwrap()
}

/// The folders, with the owners that Postfix insists on.
fn lay_out(folder: &Path) {
    let owner = user(OWNER).uid.as_raw();
    let group = nix::unistd::Group::from_name(GROUP).unwrap().unwrap();
    let make = |name: &str, owner: Option<u32>, group: Option<u32>, mode: u32| {
        let path = folder.join(name);
        fs::create_dir_all(&path).unwrap();
        chown(&path, owner, group).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    make("conf", None, None, 0o755);
    make("queue/pid", None, None, 0o755);
    make("data", Some(owner), None, 0o755);
    make("boxes", Some(user(BOXES).uid.as_raw()), None, 0o700);
    make("queue/public", Some(owner), Some(group.gid.as_raw()), 0o710);
    let spool = Some(group.gid.as_raw());
    make("queue/maildrop", Some(owner), spool, 0o730);
    for name in [
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
        "saved", "trace",
    ] {
        make(&format!("queue/{name}"), Some(owner), None, 0o700);
    }
}

fn configure(folder: &Path, unpacked: &Path, port: u16, boxes: &[&str]) {
    let (folder_name, unpacked) = (folder.display(), unpacked.display());
    let (uid, gid) = (user(BOXES).uid, user(BOXES).gid);
    let domain = Postfix::DOMAIN;
    let main = format!(
        "compatibility_level = 3.6
queue_directory = {folder_name}/queue
data_directory = {folder_name}/data
command_directory = {unpacked}/usr/sbin
daemon_directory = {unpacked}/{DAEMONS}
shlib_directory = {unpacked}/usr/lib/postfix
meta_directory = {folder_name}/conf
import_environment = LD_LIBRARY_PATH={unpacked}/usr/lib/postfix TZ
mail_owner = {OWNER}
setgid_group = {GROUP}
default_privs = {BOXES}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.{domain}
mydestination =
alias_maps =
alias_database =
default_database_type = texthash
maillog_file = {folder_name}/data/mail.log
maillog_file_prefixes = {folder_name}
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder_name}/boxes
virtual_mailbox_maps = texthash:{folder_name}/conf/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = inline:{{ {{ {gone} = gone: }} }}
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {folder_name}/conf/key.pem, {folder_name}/conf/certificate.pem
smtpd_relay_restrictions = reject_unauth_destination
",
        gone = Postfix::GONE,
    );
    let master = format!(
        "127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
gone unix - n n - - pipe user={BOXES} argv=/bin/false
"
    );
    let boxes: String = boxes
        .iter()
        .chain(&[Postfix::GONE])
        .map(|address| format!("{address} {address}/\n"))
        .collect();
    for (name, text) in [
        ("main.cf", main),
        ("master.cf", master),
        ("boxes", boxes),
        ("dynamicmaps.cf", String::new()),
    ] {
        fs::write(folder.join("conf").join(name), text).unwrap();
    }
}

fn make_certificate(conf: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".into(), "127.0.0.1".into()];
    let certificate = CertificateParams::new(names).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap().pem();
    fs::write(conf.join("authority.pem"), authority).unwrap();
    fs::write(conf.join("certificate.pem"), certificate).unwrap();
    fs::write(conf.join("key.pem"), key.serialize_pem()).unwrap();
    fs::set_permissions(conf.join("key.pem"), Permissions::from_mode(0o600)).unwrap();
}
