//! A mail server that keeps what it is given (RFC 5321): PIPELINING, SIZE, 8BITMIME, STARTTLS, AUTH.
//!
//! Faults are drawn once for each mail, at MAIL; those that concern the whole connection at its beginning.

use std::sync::Arc;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Sinks;
use super::faults::{Drawn, Fault};
use super::kept::Sink;
use super::mail;
use super::serve::Reset;
use super::sign::{base64, from_base64};
use super::wire::{Line, SIZE, Wire};

const RECIPIENTS: usize = 100;

pub async fn run(listener: TcpListener, sinks: Arc<Sinks>, tls: TlsAcceptor) {
    loop {
        let stream = super::accept(&listener).await;
        tokio::spawn(connection(stream, sinks.clone(), tls.clone()));
    }
}

async fn connection(stream: TcpStream, sinks: Arc<Sinks>, tls: TlsAcceptor) {
    let reset = Reset::of(&stream);
    let mut session = Session {
        wire: Wire::new(stream),
        sinks,
        tls: Some(tls),
        helo: String::new(),
        user: None,
        mail: None,
    };
    let end = session.talk().await.unwrap_or(End::Close);
    if end == End::Reset {
        drop(session);
        reset.now();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Close,
    Reset,
}

/// A mail on its way in.
struct Envelope {
    from: String,
    to: Vec<String>,
    drawn: Option<Drawn>,
}

struct Session {
    wire: Wire,
    sinks: Arc<Sinks>,
    /// None once TLS is spoken.
    tls: Option<TlsAcceptor>,
    helo: String,
    user: Option<String>,
    mail: Option<Envelope>,
}

impl Session {
    async fn talk(&mut self) -> std::io::Result<End> {
        let at_connect = |fault| matches!(fault, Fault::Refuse | Fault::Hang);
        if let Some(drawn) = self.sinks.faults.draw_if(Sink::Smtp, at_connect) {
            return self.turn_away(drawn.fault).await;
        }
        self.wire.reply("220 localhost ESMTP muster-lab");
        loop {
            let line = match self.wire.line().await? {
                None => return Ok(End::Close),
                Some(Line::TooLong) => {
                    self.wire.reply("500 5.5.6 Line too long");
                    continue;
                }
                Some(Line::Is(line)) => line,
            };
            let Ok(line) = std::str::from_utf8(&line).map(str::to_owned) else {
                self.wire.reply("500 5.5.2 Not understood");
                continue;
            };
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let rest = rest.trim();
            let end = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.hello(rest, true),
                "HELO" => self.hello(rest, false),
                "STARTTLS" => self.start_tls().await?,
                "AUTH" => self.authenticate(rest).await?,
                "MAIL" => self.mail(rest).await?,
                "RCPT" => self.recipient(rest),
                "DATA" => self.data().await?,
                "RSET" => {
                    self.mail = None;
                    self.say("250 2.0.0 OK")
                }
                "NOOP" => self.say("250 2.0.0 OK"),
                "VRFY" => self.say("252 2.1.5 Send some mail, and see"),
                "QUIT" => {
                    self.wire.reply("221 2.0.0 Goodbye");
                    self.wire.close().await?;
                    Some(End::Close)
                }
                _ => self.say("500 5.5.1 No such command here"),
            };
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    fn say(&mut self, reply: &str) -> Option<End> {
        self.wire.reply(reply);
        None
    }

    async fn turn_away(&mut self, fault: Fault) -> std::io::Result<End> {
        if fault == Fault::Refuse {
            self.wire.reply("421 4.3.2 The service is not available");
            self.wire.close().await?;
            return Ok(End::Close);
        }
        // Hangs until the sender gives up.
        while self.wire.more().await? {
            self.wire.discard();
        }
        Ok(End::Close)
    }

    fn hello(&mut self, name: &str, extended: bool) -> Option<End> {
        if name.is_empty() {
            return self.say("501 5.5.4 And your name is?");
        }
        self.mail = None;
        self.helo = name.to_owned();
        if !extended {
            return self.say("250 localhost");
        }
        self.wire.reply("250-localhost");
        self.wire.reply("250-PIPELINING");
        self.wire.reply("250-8BITMIME");
        self.wire.reply("250-ENHANCEDSTATUSCODES");
        self.wire.reply(match self.tls {
            Some(_) => "250-STARTTLS",
            None => "250-AUTH PLAIN LOGIN",
        });
        self.say(&format!("250 SIZE {SIZE}"))
    }

    async fn start_tls(&mut self) -> std::io::Result<Option<End>> {
        let Some(tls) = self.tls.take() else {
            return Ok(self.say("503 5.5.1 TLS is spoken already"));
        };
        self.wire.reply("220 2.0.0 Go ahead");
        self.wire.encrypt(tls).await?;
        self.helo.clear();
        self.mail = None;
        Ok(None)
    }

    async fn authenticate(&mut self, rest: &str) -> std::io::Result<Option<End>> {
        if self.tls.is_some() {
            return Ok(self.say("538 5.7.11 Encryption is required for that"));
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let answer = match initial {
                    "" => self.ask("").await?,
                    initial => from_base64(initial),
                };
                answer.and_then(|answer| {
                    let text = String::from_utf8(answer).ok()?;
                    let mut parts = text.split('\0').skip(1).map(str::to_owned);
                    Some((parts.next()?, parts.next()?))
                })
            }
            "LOGIN" => {
                let text = |answer: Option<Vec<u8>>| String::from_utf8(answer?).ok();
                let user = match initial {
                    "" => self.ask(&base64(b"Username:")).await?,
                    initial => from_base64(initial),
                };
                let password = self.ask(&base64(b"Password:")).await?;
                text(user).zip(text(password))
            }
            _ => return Ok(self.say("504 5.5.4 PLAIN and LOGIN are what there is")),
        };
        let keys = &self.sinks.keys;
        let known = (keys.smtp_user.clone(), keys.smtp_password.clone());
        if given.as_ref() != Some(&known) {
            return Ok(self.say("535 5.7.8 Wrong user or password"));
        }
        self.user = Some(known.0);
        Ok(self.say("235 2.7.0 Welcome"))
    }

    async fn ask(&mut self, challenge: &str) -> std::io::Result<Option<Vec<u8>>> {
        self.wire.reply(&format!("334 {challenge}"));
        Ok(match self.wire.line().await? {
            Some(Line::Is(line)) => std::str::from_utf8(&line).ok().and_then(from_base64),
            Some(Line::TooLong) | None => None,
        })
    }

    async fn mail(&mut self, rest: &str) -> std::io::Result<Option<End>> {
        if self.helo.is_empty() || self.mail.is_some() {
            return Ok(self.say("503 5.5.1 EHLO first, then one mail at a time"));
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return Ok(self.say("501 5.1.7 MAIL FROM:<address>, please"));
        };
        for parameter in parameters.split_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.to_ascii_uppercase().as_str() {
                "SIZE" if value.parse().is_ok_and(|size: usize| size > SIZE) => {
                    return Ok(self.say("552 5.3.4 That is too large"));
                }
                "SIZE" | "BODY" | "AUTH" => {}
                _ => return Ok(self.say("555 5.5.4 No such parameter here")),
            }
        }
        let drawn = self.sinks.faults.draw(Sink::Smtp);
        match drawn.map(|drawn| drawn.fault) {
            Some(fault @ (Fault::Refuse | Fault::Hang)) => {
                return self.turn_away(fault).await.map(Some);
            }
            Some(Fault::RateLimit) => {
                return Ok(self.say("450 4.7.1 Too many mails, try again later"));
            }
            _ => {}
        }
        self.mail = Some(Envelope {
            from: from.to_owned(),
            to: Vec::new(),
            drawn,
        });
        Ok(self.say("250 2.1.0 OK"))
    }

    fn recipient(&mut self, rest: &str) -> Option<End> {
        let Some(mail) = &mut self.mail else {
            return self.say("503 5.5.1 MAIL first");
        };
        let address = path(rest, "TO:").map(|(to, _)| to);
        let domain = address.and_then(|to| Some((to, to.rsplit_once('@')?.1)));
        let rejects = mail.drawn.is_some_and(|drawn| drawn.fault == Fault::Reject);
        let reply = match domain {
            None => "501 5.1.3 RCPT TO:<user@domain>, please",
            // RFC 2606: no domain in .invalid will ever exist.
            Some((_, domain)) if domain.to_ascii_lowercase().ends_with(".invalid") => {
                "550 5.1.2 There is no such domain"
            }
            Some(_) if rejects => "550 5.1.1 There is no such mailbox",
            Some(_) if mail.to.len() == RECIPIENTS => "452 4.5.3 Too many recipients",
            Some((to, _)) => {
                mail.to.push(to.to_owned());
                "250 2.1.5 OK"
            }
        };
        self.say(reply)
    }

    async fn data(&mut self) -> std::io::Result<Option<End>> {
        let Some(mail) = self.mail.take_if(|mail| !mail.to.is_empty()) else {
            return Ok(self.say("503 5.5.1 A recipient first"));
        };
        self.wire.reply("354 End with a dot on a line of its own");
        let Some(content) = self.wire.data().await? else {
            return Ok(Some(End::Close));
        };
        let Some(content) = content else {
            return Ok(self.say("552 5.3.4 That was too large"));
        };
        let fault = mail.drawn.map(|drawn| drawn.fault);
        match fault {
            Some(Fault::Drop) => return Ok(Some(End::Close)),
            Some(Fault::Error500) => {
                return Ok(self.say("451 4.3.0 A local error, try again later"));
            }
            _ => {}
        }
        let detail = json!({
            "from": mail.from, "tls": self.tls.is_none(), "user": self.user, "helo": self.helo, "size": content.len(),
        });
        let delivery = mail::delivery(mail.to, content, fault, detail);
        let Ok(number) = self.sinks.kept.keep(Sink::Smtp, &delivery) else {
            return Ok(self.say("452 4.3.1 There is no room for it"));
        };
        match mail.drawn {
            Some(Drawn {
                fault: Fault::ResetAfterAccept,
                ..
            }) => return Ok(Some(End::Reset)),
            Some(Drawn {
                fault: Fault::Slow,
                delay,
                ..
            }) => tokio::time::sleep(delay).await,
            _ => {}
        }
        Ok(self.say(&format!("250 2.0.0 Kept as {number}")))
    }
}

/// `FROM:<address> PARAMETER=…`
fn path<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let (found, rest) = text.split_at_checked(word.len())?;
    let rest = found
        .eq_ignore_ascii_case(word)
        .then_some(rest.trim_start())?;
    let (address, parameters) = rest.strip_prefix('<')?.split_once('>')?;
    let clean = !address.contains(|c: char| c.is_control() || c == ' ' || c == '<');
    clean.then_some((address, parameters))
}
