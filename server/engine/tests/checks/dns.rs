//! A DNS server that speaks the protocol.

use super::{class, look};
use engine::checks::Class;
use simple_dns::{
    CLASS, Packet, PacketFlag, RCODE, ResourceRecord,
    rdata::{A, RData, TXT},
};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

/// Knows `www.example.com` and, over TCP only, `long.example.com`.
fn answer(question: &[u8], by_udp: bool) -> Vec<u8> {
    let question = Packet::parse(question).unwrap();
    let asked = question.questions[0].clone();
    let name = asked.qname.clone();
    let mut reply = Packet::new_reply(question.id());
    reply.questions.push(asked);
    let mut say = |data| {
        let record = ResourceRecord::new(name.clone(), CLASS::IN, 60, data);
        reply.answers.push(record);
    };
    match name.to_string().as_str() {
        "www.example.com" => say(RData::A(A {
            address: Ipv4Addr::new(192, 0, 2, 7).into(),
        })),
        "long.example.com" if by_udp => reply.set_flags(PacketFlag::TRUNCATION),
        "long.example.com" => say(RData::TXT(TXT::new().with_string("v=1").unwrap())),
        _ => *reply.rcode_mut() = RCODE::NameError,
    }
    reply.build_bytes_vec().unwrap()
}

async fn server() -> SocketAddr {
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let place = udp.local_addr().unwrap();
    let tcp = TcpListener::bind(place).await.unwrap();
    tokio::spawn(async move {
        let mut bytes = [0; 512];
        while let Ok((read, from)) = udp.recv_from(&mut bytes).await {
            // An answer to another question comes first, and is passed over.
            let mut stray = answer(&bytes[..read], true);
            stray[0] ^= 0xff;
            udp.send_to(&stray, from).await.unwrap();
            let reply = answer(&bytes[..read], true);
            udp.send_to(&reply, from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let mut bytes = vec![0; stream.read_u16().await.unwrap().into()];
            stream.read_exact(&mut bytes).await.unwrap();
            let reply = answer(&bytes, false);
            stream.write_u16(reply.len() as u16).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        }
    });
    place
}

#[tokio::test]
async fn a_dns_server_is_asked_and_its_answer_compared() {
    let place = server().await;
    let ask = |more: &str| {
        format!("{{probe: {{dns: {{server: '{place}', {more}}}}}, internal: true, timeout: 4s}}")
    };
    let good = ask("name: www.example.com, expect: [192.0.2.7]");
    assert_eq!(
        look(&good).await,
        Ok("www.example.com has 1 answers".into())
    );
    let other = ask("name: www.example.com, expect: [192.0.2.8]");
    assert_eq!(class(look(&other).await), Class::WrongAnswer);
    let nobody = ask("name: nobody.example.com");
    assert_eq!(class(look(&nobody).await), Class::Dns);
    let long = ask("name: long.example.com, type: TXT, expect: ['v=1']");
    assert!(look(&long).await.is_ok());
}
