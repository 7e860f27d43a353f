//! What mail servers report of a mail they took (RFC 3464): that it could not be delivered, or that it was.
//!
//! The report comes to an address of its own for each mail, with a mark in it that nobody else can make: whoever writes to
//! that address without it is not heard.

use crate::{channels::line, notify::Receipt};
use lettre::Address;
use mail_parser::{Message, MessageParser, MimeHeaders};
use ring::hmac;

/// Of the mark this much is written, in hex.
const MARK: usize = 16;

/// Where reports go, and what they must be handed over with.
pub struct Bounces {
    address: Address,
    key: hmac::Key,
    secret: String,
}

impl Bounces {
    pub fn new(address: Address, secret: String) -> Self {
        Bounces {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            address,
            secret,
        }
    }

    /// Whether somebody shows the secret.
    pub fn admits(&self, shown: &str) -> bool {
        // Compared by their marks, which takes the same time wherever they differ.
        let of = |secret: &str| hmac::sign(&self.key, format!("admits {secret}").as_bytes());
        hmac::verify(
            &self.key,
            format!("admits {shown}").as_bytes(),
            of(&self.secret).as_ref(),
        )
        .is_ok()
    }

    /// `bounces@example.com` and the notification `1042.3` are `bounces+1042.3-9f86d081884c7d65@example.com`.
    pub fn sender(&self, id: &str) -> Option<Address> {
        let user = format!("{}+{}", self.address.user(), self.envelope(id));
        Address::new(user, self.address.domain()).ok()
    }

    /// The name of a mail among mail servers.
    pub fn envelope(&self, id: &str) -> String {
        format!("{id}-{}", self.mark(id))
    }

    fn mark(&self, id: &str) -> String {
        let mut mark = hex::encode(hmac::sign(&self.key, id.as_bytes()));
        mark.truncate(MARK);
        mark
    }

    /// Of which notification a report is, and what it says; nothing where it is no report, not of a mail of ours, or says
    /// that its server goes on trying.
    pub fn read(&self, raw: &[u8]) -> Option<(String, Receipt)> {
        let mail = MessageParser::default().parse(raw)?;
        let is = |part: &&mail_parser::MessagePart<'_>| {
            part.content_type().is_some_and(|t| {
                t.ctype().eq_ignore_ascii_case("message")
                    && t.subtype()
                        .is_some_and(|s| s.eq_ignore_ascii_case("delivery-status"))
            })
        };
        let report = mail.parts.iter().find(is)?;
        let report = unfolded(&String::from_utf8_lossy(report.contents()));
        let id = self.known(&mail, &report)?;
        let status = field(&report, "Status").unwrap_or_default();
        let says = field(&report, "Diagnostic-Code").unwrap_or_default();
        let says = says.split_once(';').map_or(says, |(_, says)| says.trim());
        let receipt = match field(&report, "Action")
            .unwrap_or_default()
            .to_ascii_lowercase()
            .as_str()
        {
            "delivered" => Receipt::Delivered,
            "failed" => Receipt::Failed(line(&format!("it came back ({status}): {says}"), 200)),
            // Delayed; or relayed, and beyond there nobody reports.
            _ => return None,
        };
        Some((id, receipt))
    }

    fn known(&self, mail: &Message<'_>, report: &str) -> Option<String> {
        let addressed = mail.to().into_iter().flat_map(|to| to.iter());
        let addressed =
            addressed.filter_map(|to| Some(to.address()?.rsplit_once('@')?.0.split_once('+')?.1));
        let mut named = field(report, "Original-Envelope-Id")
            .into_iter()
            .chain(addressed);
        named.find_map(|name| {
            let name = name.to_ascii_lowercase();
            let (id, mark) = name.rsplit_once('-')?;
            (mark == self.mark(id)).then(|| id.to_owned())
        })
    }
}

/// A field may go on in a line that begins with a space.
fn unfolded(report: &str) -> String {
    let report = report.replace("\r\n", "\n");
    report.replace("\n ", " ").replace("\n\t", " ")
}

fn field<'a>(report: &'a str, name: &str) -> Option<&'a str> {
    report.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounces() -> Bounces {
        Bounces::new("bounces@sentia.com".parse().unwrap(), "the secret".into())
    }

    /// As Postfix writes it.
    fn report(to: &str, action: &str, status: &str, envelope: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mail.sentia.com (Mail Delivery System)\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"AB.1/mail.sentia.com\"\r\n\r\n\
             --AB.1/mail.sentia.com\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system.\r\n\r\n\
             --AB.1/mail.sentia.com\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mail.sentia.com\r\n{envelope}X-Postfix-Queue-ID: 4XYZ\r\n\r\n\
             Final-Recipient: rfc822; dba@example.com\r\nAction: {action}\r\nStatus: {status}\r\nRemote-MTA: dns; mx.example.com\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 <dba@example.com>: Recipient address\r\n    rejected: User unknown\r\n\r\n\
             --AB.1/mail.sentia.com\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: [SEV1] INC-2026-014\r\n\r\n--AB.1/mail.sentia.com--\r\n"
        )
    }

    #[test]
    fn a_mail_that_came_back_is_known_by_its_address_and_says_why() {
        let bounces = bounces();
        let to = bounces.sender("1042.3").unwrap().to_string();
        let read = bounces.read(report(&to, "failed", "5.1.1", "").as_bytes());
        let why = "it came back (5.1.1): 550 5.1.1 <dba@example.com>: Recipient address rejected: User unknown";
        assert_eq!(read, Some(("1042.3".into(), Receipt::Failed(why.into()))));
        let delivered = bounces.read(report(&to, "delivered", "2.0.0", "").as_bytes());
        assert_eq!(delivered, Some(("1042.3".into(), Receipt::Delivered)));
        let delayed = bounces.read(report(&to, "delayed", "4.4.1", "").as_bytes());
        assert_eq!(delayed, None);
        let envelope = format!("Original-Envelope-Id: {}\r\n", bounces.envelope("7.0"));
        let by_envelope =
            bounces.read(report("bounces@sentia.com", "failed", "5.0.0", &envelope).as_bytes());
        assert_eq!(by_envelope.map(|(id, _)| id), Some("7.0".into()));
    }

    #[test]
    fn a_report_that_somebody_made_up_is_not_heard() {
        let bounces = bounces();
        let forged = [
            "bounces+1042.3@sentia.com",
            "bounces+1042.3-0000000000000000@sentia.com",
            "bounces@sentia.com",
        ];
        for to in forged {
            assert_eq!(
                bounces.read(report(to, "failed", "5.1.1", "").as_bytes()),
                None,
                "{to}"
            );
        }
        assert_eq!(bounces.read(b"Subject: hello\r\n\r\nhello"), None);
        assert_eq!(bounces.read(b""), None);
        assert!(
            bounces.admits("the secret") && !bounces.admits("the secre") && !bounces.admits("")
        );
    }
}
