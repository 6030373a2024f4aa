//! HTTP/1.1 messages as far as a proxy has to know them (RFC 9112): where the head ends and how long the body is.

use std::fmt;
use std::io;

/// A request as it goes to the server.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    /// All that can hold a credential: the target, the body, the headers made for it. Never shown.
    pub(crate) presented: Vec<u8>,
}

impl Request {
    /// The request that begins `bytes` and whose head ends at `end`; `None` while its body is not all there.
    pub(crate) fn parse(bytes: &[u8], end: usize, host: Option<&str>) -> io::Result<Option<Self>> {
        let head = text(&bytes[..end])?;
        let target = head
            .split(' ')
            .nth(1)
            .ok_or_else(|| malformed("no request line"))?;
        let path = target.split('?').next().unwrap_or_default().to_owned();
        if header(head, "transfer-encoding").is_some() {
            return Err(malformed("chunked requests are not proxied"));
        }
        let length = content_length(head)?.unwrap_or(0);
        let Some(body) = bytes.get(end..end + length) else {
            return Ok(None);
        };
        let mut lines: Vec<_> = head
            .trim_end()
            .split("\r\n")
            .filter(|line| !named(line, "connection"))
            .filter(|line| host.is_none() || !named(line, "host"))
            .collect();
        lines.push("connection: close");
        let host = host.map(|host| format!("host: {host}"));
        lines.extend(host.as_deref());
        let credentials = ["authorization", "cookie"].map(|name| header(head, name).unwrap_or_default());
        let presented = [target.as_bytes(), body, credentials.concat().as_bytes()].concat();
        let bytes = [lines.join("\r\n").as_bytes(), b"\r\n\r\n", body].concat();
        Ok(Some(Self {
            path,
            bytes,
            presented,
        }))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(mut bytes: Vec<u8>) -> io::Result<Self> {
        let end = head_end(&bytes).ok_or_else(|| malformed("the server's answer ended in its head"))?;
        let body = bytes.split_off(end);
        let head = text(&bytes)?.to_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| malformed("no status line"))?;
        let head = ends_here(&head);
        Ok(Self { status, head, body })
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.with_body(&self.body)
    }

    /// The head as it is, and half of the body that it promises.
    pub(crate) fn half(&self) -> Vec<u8> {
        self.with_body(&self.body[..self.body.len() / 2])
    }

    /// Half of the body under a head that calls it the whole.
    pub(crate) fn truncated(&self) -> Vec<u8> {
        let half = &self.body[..self.body.len() / 2];
        let length = format!("content-length: {}", half.len());
        let mut lines: Vec<_> = self
            .head
            .trim_end()
            .split("\r\n")
            .filter(|line| !named(line, "content-length") && !named(line, "transfer-encoding"))
            .collect();
        lines.push(&length);
        [lines.join("\r\n").as_bytes(), b"\r\n\r\n", half].concat()
    }

    /// Every seventh byte of the body is another one, its quotes and braces among them.
    pub(crate) fn garbled(&self) -> Vec<u8> {
        let mut body = self.body.clone();
        body.iter_mut().step_by(7).for_each(|byte| *byte = b'#');
        self.with_body(&body)
    }

    fn with_body(&self, body: &[u8]) -> Vec<u8> {
        [self.head.as_bytes(), body].concat()
    }
}

/// The head of an answer after which the connection ends, whatever the server meant to do with its own.
fn ends_here(head: &str) -> String {
    let mut lines: Vec<_> = head
        .trim_end()
        .split("\r\n")
        .filter(|line| !named(line, "connection") && !named(line, "keep-alive"))
        .collect();
    lines.extend(["connection: close", "\r\n"]);
    lines.join("\r\n")
}

/// Where the head's empty line ends.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// Whether an answer is all there, as far as its head tells; else the end of the connection is its end.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = head_end(bytes) else {
        return false;
    };
    let Ok(head) = text(&bytes[..end]) else {
        return true; // it will be refused
    };
    let body = &bytes[end..];
    match (header(head, "transfer-encoding"), content_length(head)) {
        (Some(_), _) => body.ends_with(b"0\r\n\r\n"),
        (None, Ok(Some(length))) => body.len() >= length,
        _ => head.split(' ').nth(1) == Some("204"),
    }
}

pub(crate) fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn text(bytes: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| malformed("a head that is no text"))
}

fn content_length(head: &str) -> io::Result<Option<usize>> {
    let Some(value) = header(head, "content-length") else {
        return Ok(None);
    };
    let length = value
        .parse::<usize>()
        .map_err(|_| malformed("a content-length that is no number"))?;
    if length > 1024 * 1024 {
        return Err(malformed("the body is too long"));
    }
    Ok(Some(length))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let line = head.split("\r\n").skip(1).find(|line| named(line, name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn named(line: &str, name: &str) -> bool {
    line.split_once(':')
        .is_some_and(|(given, _)| given.trim().eq_ignore_ascii_case(name))
}
