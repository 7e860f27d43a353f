//! The wire of SMTP: lines in, replies out, in plain text or TLS.
//!
//! Architecture invariant: a line ends with CRLF and nothing else, so that no mail can be smuggled inside another.

use bytes::BytesMut;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

pub const SIZE: usize = 10 << 20;
const LINE: usize = 4096;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Lines in, replies out. Replies wait until there is nothing left to read: pipelining costs one packet each way.
pub struct Wire {
    stream: Option<Box<dyn Stream>>,
    input: BytesMut,
    output: Vec<u8>,
}

pub enum Line {
    Is(BytesMut),
    TooLong,
}

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream: Some(Box::new(stream)),
            input: BytesMut::new(),
            output: Vec::new(),
        }
    }

    /// What came in the same breath as STARTTLS was not encrypted, and is thrown away.
    pub async fn encrypt(&mut self, tls: TlsAcceptor) -> std::io::Result<()> {
        self.flush().await?;
        self.discard();
        if let Some(plain) = self.stream.take() {
            self.stream = Some(Box::new(tls.accept(plain).await?));
        }
        Ok(())
    }

    /// The orderly end: over TLS the other side is told that nothing was cut off.
    pub async fn close(&mut self) -> std::io::Result<()> {
        self.flush().await?;
        self.stream()?.shutdown().await
    }

    pub fn discard(&mut self) {
        self.input.clear();
    }

    pub fn reply(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    fn stream(&mut self) -> std::io::Result<&mut Box<dyn Stream>> {
        self.stream
            .as_mut()
            .ok_or_else(|| std::io::ErrorKind::NotConnected.into())
    }

    pub async fn flush(&mut self) -> std::io::Result<()> {
        let output = std::mem::take(&mut self.output);
        self.stream()?.write_all(&output).await?;
        self.stream()?.flush().await
    }

    /// More input, after what is due was said. `false` at the end.
    pub async fn more(&mut self) -> std::io::Result<bool> {
        if !self.output.is_empty() {
            self.flush().await?;
        }
        self.input.reserve(16 << 10);
        let Some(stream) = self.stream.as_mut() else {
            return Ok(false);
        };
        Ok(stream.read_buf(&mut self.input).await? > 0)
    }

    pub async fn line(&mut self) -> std::io::Result<Option<Line>> {
        let mut long = false;
        loop {
            if let Some(end) = memmem::find(&self.input, b"\r\n") {
                let mut line = self.input.split_to(end + 2);
                line.truncate(end);
                return Ok(Some(match long || end > LINE {
                    true => Line::TooLong,
                    false => Line::Is(line),
                }));
            }
            if self.input.len() > LINE {
                // Its last byte may be the first half of a line end.
                long = true;
                let _ = self.input.split_to(self.input.len() - 1);
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// A mail up to its final dot, with doubled dots made single. `Some(None)`: it was too large, and is gone.
    pub async fn data(&mut self) -> std::io::Result<Option<Option<Vec<u8>>>> {
        let mut mail = Vec::new();
        let mut too_large = false;
        let mut begins = true;
        loop {
            while let Some(end) = memmem::find(&self.input, b"\r\n") {
                let line = self.input.split_to(end + 2);
                if begins && &line[..] == b".\r\n" {
                    return Ok(Some((!too_large).then_some(mail)));
                }
                let dot = usize::from(begins && line.starts_with(b"."));
                mail.extend_from_slice(&line[dot..]);
                begins = true;
            }
            // A line without an end in sight goes over piece by piece; its last byte may be half of the end.
            if self.input.len() > LINE {
                let piece = self.input.split_to(self.input.len() - 1);
                let dot = usize::from(begins && piece.starts_with(b"."));
                mail.extend_from_slice(&piece[dot..]);
                begins = false;
            }
            if mail.len() > SIZE {
                too_large = true;
                mail.clear();
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }
}
