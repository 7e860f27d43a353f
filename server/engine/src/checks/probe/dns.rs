//! One question to one DNS server: over UDP, and over TCP where the answer does not fit.

use super::{Looked, Seen};
use crate::{
    address,
    checks::failure::{Class, Failure},
};
use domain::plan::{DnsKind, DnsProbe};
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE, rdata::RData};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

const PORT: u16 = 53;
/// More does not come over UDP without being asked for.
const MOST_BY_UDP: usize = 4096;

pub async fn ask(probe: &DnsProbe, internal: bool) -> Looked {
    let (host, port) = host_and_port(&probe.server);
    let servers = address::find(host, port, internal).await?;
    let Some(&server) = servers.first() else {
        return Err(Failure::new(Class::Dns, "the DNS server has no address"));
    };
    let id: u16 = rand::random();
    let question = question(probe, id).map_err(|_| Failure::new(Class::Error, "no DNS name"))?;
    let mut bytes = by_udp(server, &question, id).await?;
    if parsed(&bytes)?.has_flags(PacketFlag::TRUNCATION) {
        bytes = by_tcp(server, &question).await?;
    }
    judge(probe, &parsed(&bytes)?)
}

fn host_and_port(server: &str) -> (&str, u16) {
    let bracketed = server.ends_with(']');
    match server.rsplit_once(':') {
        Some((host, port)) if !bracketed => (host, port.parse().unwrap_or(PORT)),
        _ => (server, PORT),
    }
}

fn question(probe: &DnsProbe, id: u16) -> simple_dns::Result<Vec<u8>> {
    let kind = match probe.kind {
        DnsKind::A => TYPE::A,
        DnsKind::Aaaa => TYPE::AAAA,
        DnsKind::Cname => TYPE::CNAME,
        DnsKind::Mx => TYPE::MX,
        DnsKind::Ns => TYPE::NS,
        DnsKind::Txt => TYPE::TXT,
    };
    let name = Name::new(probe.name.trim_end_matches('.'))?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet
        .questions
        .push(Question::new(name, kind.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec()
}

fn parsed(bytes: &[u8]) -> Result<Packet<'_>, Failure> {
    Packet::parse(bytes).map_err(|_| Failure::wrong("the answer is no DNS message"))
}

/// The socket is connected, so that only the server itself is heard; and what is no answer to this is passed over.
async fn by_udp(server: SocketAddr, question: &[u8], id: u16) -> Result<Vec<u8>, Failure> {
    let any: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut bytes = vec![0; MOST_BY_UDP];
    loop {
        let read = socket.recv(&mut bytes).await?;
        let is_answer = Packet::parse(&bytes[..read])
            .is_ok_and(|p| p.id() == id && p.has_flags(PacketFlag::RESPONSE));
        if is_answer {
            bytes.truncate(read);
            return Ok(bytes);
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_u16(question.len() as u16).await?;
    stream.write_all(question).await?;
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn judge(probe: &DnsProbe, answer: &Packet<'_>) -> Looked {
    let name = &probe.name;
    match answer.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => {
            return Err(Failure::new(Class::Dns, format!("there is no name {name}")));
        }
        RCODE::Refused => {
            return Err(Failure::new(
                Class::Refused,
                "the server refuses the question",
            ));
        }
        other => return Err(Failure::new(Class::Dns, format!("it answers {other:?}"))),
    }
    let found: Vec<String> = answer
        .answers
        .iter()
        .filter_map(|r| text(probe.kind, &r.rdata))
        .collect();
    if found.is_empty() {
        return Err(Failure::wrong(format!("{name} has no such record")));
    }
    let plain = |text: &str| text.trim_end_matches('.').to_lowercase();
    let missing = probe
        .expect
        .iter()
        .find(|wanted| !found.iter().any(|f| plain(f) == plain(wanted)));
    match missing {
        Some(wanted) => {
            let found: String = found.join(", ").chars().take(200).collect();
            Err(Failure::wrong(format!("{wanted} is not among {found}")))
        }
        None => Ok(Seen::new(format!("{name} has {} answers", found.len()))),
    }
}

/// An answer of the kind that was asked for, as a plan writes it.
fn text(kind: DnsKind, data: &RData<'_>) -> Option<String> {
    match (kind, data) {
        (DnsKind::A, RData::A(a)) => Some(Ipv4Addr::from(a.address).to_string()),
        (DnsKind::Aaaa, RData::AAAA(a)) => Some(Ipv6Addr::from(a.address).to_string()),
        (DnsKind::Cname, RData::CNAME(name)) => Some(name.0.to_string()),
        (DnsKind::Ns, RData::NS(name)) => Some(name.0.to_string()),
        (DnsKind::Mx, RData::MX(mx)) => Some(mx.exchange.to_string()),
        (DnsKind::Txt, RData::TXT(txt)) => String::try_from(txt.clone()).ok(),
        _ => None,
    }
}
