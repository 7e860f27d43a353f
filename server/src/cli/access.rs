//! `muster signin` and `muster token create`: working on the database itself, so that they help when nobody can sign in.

use super::{Data, Exit};
use clap::{Args, Subcommand};
use domain::{AccessRole, Actor, Source};
use engine::{Clock, Desk, access};

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
