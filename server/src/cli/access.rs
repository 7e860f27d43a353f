//! `muster signin`, `muster token` and `muster secret`: working on the database itself, so that they help when nobody can sign in.

use super::{Data, Exit};
use clap::{Args, Subcommand};
use domain::{AccessRole, Actor, Source};
use engine::{
    Clock, Desk, access,
    secrets::{self, Vault},
};

/// Whoever may read the data folder may let people in.
fn operator() -> Actor {
    Actor {
        id: "system:cli".into(),
        name: "command line".into(),
        role: AccessRole::System,
        source: Source::Cli,
    }
}

async fn desk(data: &Data) -> Result<Desk, Exit> {
    Ok(Desk::open(data.open().await?, Clock::system(), "cli").await?)
}

#[derive(Args)]
pub struct Signin {
    #[command(flatten)]
    data: Data,
    /// Who will use it.
    #[arg(long, default_value = "Commander")]
    name: String,
    #[arg(long, default_value = "commander")]
    role: AccessRole,
    /// Where people reach the server.
    #[arg(long, env = "MUSTER_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

impl Signin {
    pub async fn run(self) -> Result<(), Exit> {
        let desk = desk(&self.data).await?;
        println!("{}", link(&desk, &self.url, &self.name, self.role).await?);
        Ok(())
    }
}

/// A one-time sign-in link.
pub async fn link(desk: &Desk, url: &str, name: &str, role: AccessRole) -> Result<String, Exit> {
    let secret = access::issue_link(desk, &operator(), name, role).await?;
    Ok(format!(
        "{}/signin?token={secret}",
        url.trim_end_matches('/')
    ))
}

#[derive(Subcommand)]
pub enum Token {
    /// Make a token and print it, once.
    Create {
        #[command(flatten)]
        data: Data,
        #[arg(long)]
        name: String,
        #[arg(long)]
        role: AccessRole,
    },
}

impl Token {
    pub async fn run(self) -> Result<(), Exit> {
        let Token::Create { data, name, role } = self;
        let desk = desk(&data).await?;
        let (_, secret) =
            access::issue_token(&desk, &operator(), &name, role, access::TOKEN_LASTS).await?;
        println!("{secret}");
        Ok(())
    }
}

#[derive(Subcommand)]
pub enum Secret {
    /// Keep a secret under a name; its value is read from standard input, to its first line's end.
    Set {
        #[command(flatten)]
        data: Data,
        name: String,
    },
    /// The names of all secrets. Nobody can print a value.
    List {
        #[command(flatten)]
        data: Data,
    },
    /// Forget a secret.
    Remove {
        #[command(flatten)]
        data: Data,
        name: String,
    },
}

impl Secret {
    pub async fn run(self) -> Result<(), Exit> {
        match self {
            Secret::Set { data, name } => {
                let desk = desk(&data).await?;
                let vault = Vault::open(&data.data)?;
                if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                    eprintln!(
                        "Type the value of `{name}` and press Enter (it is shown as you type):"
                    );
                }
                let mut value = String::new();
                let read = std::io::stdin().read_line(&mut value);
                read.map_err(|e| Exit::Failed(format!("cannot read the value: {e}")))?;
                let value = value.trim_end_matches(['\n', '\r']);
                vault.set(&desk, &operator(), &name, value).await?;
                println!("The secret `{name}` is set.");
            }
            Secret::List { data } => {
                let store = data.open_existing().await?;
                let all = store.secrets("").await?;
                for secret in all.iter().filter(|s| !s.name.contains('/')) {
                    let at = domain::Stamp(secret.changed_at);
                    println!("{}  set {}", secret.name, at.minute());
                }
            }
            Secret::Remove { data, name } => {
                let desk = desk(&data).await?;
                if desk.store().secret(&name).await?.is_none() {
                    return Err(Exit::Failed(format!("There is no secret `{name}`.")));
                }
                secrets::remove(&desk, &operator(), &name).await?;
                println!("The secret `{name}` is gone.");
            }
        }
        Ok(())
    }
}
