//! One connection: read the request, do what the fault says, write what is left of the answer.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::message::{Answer, Request, head_end, is_whole, malformed};
use crate::{Delivered, Fault, Shared, lock};

/// More than any message of these tests.
const LIMIT: usize = 1024 * 1024;

pub(crate) async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let request = read_request(&mut client, shared.host.as_deref()).await?;
    let under_way = shared.under_way();
    let fault = shared.fault_for(&request.path);
    match fault {
        Some(Fault::CutBeforeRequest) => {
            shared.note(&request, fault, None, Delivered::Nothing);
            return Ok(());
        }
        Some(Fault::Postpone) => {
            lock(&shared.postponed).push(request);
            return Ok(());
        }
        Some(Fault::DelayRequest(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::HoldRequest) if !shared.hold().await => {
            shared.note(&request, fault, None, Delivered::Nothing);
            return Ok(());
        }
        _ => {}
    }
    let answer = match ask(shared.target, &request).await {
        Ok(answer) => answer,
        Err(error) => {
            shared.note(&request, fault, None, Delivered::Nothing);
            return Err(error);
        }
    };
    let (bytes, delivered) = match fault {
        Some(Fault::CutAfterAnswer) => (Vec::new(), Delivered::Nothing),
        Some(Fault::CutInBody) => (answer.half(), Delivered::Spoilt),
        Some(Fault::Truncate) => (answer.truncated(), Delivered::Spoilt),
        Some(Fault::Garble) => (answer.garbled(), Delivered::Spoilt),
        _ => (answer.bytes(), Delivered::Whole),
    };
    match fault {
        Some(Fault::Duplicate) => {
            let second = ask(shared.target, &request).await?;
            shared.note(&request, fault, Some(second.status), Delivered::Nothing);
        }
        Some(Fault::DelayAnswer(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::HoldAnswer) if !shared.hold().await => {
            shared.note(&request, fault, Some(answer.status), Delivered::Nothing);
            return Ok(());
        }
        _ => {}
    }
    // Whoever has the answer may send the next request at once.
    drop(under_way);
    if has_left(&client) {
        shared.note(&request, fault, Some(answer.status), Delivered::Nothing);
        return Ok(());
    }
    // Noted before the last byte leaves: whoever has the answer finds it in the log.
    let noted = shared.note(&request, fault, Some(answer.status), delivered);
    let written = client.write_all(&bytes).await;
    if written.is_err() {
        shared.did_not_arrive(noted);
    }
    written?;
    client.shutdown().await
}

/// Whether the client ended the connection before its answer was there: it gave up, or it died.
fn has_left(client: &TcpStream) -> bool {
    match client.try_read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    }
}

/// Sends the request on a connection of its own and reads the whole answer.
pub(crate) async fn ask(target: SocketAddr, request: &Request) -> io::Result<Answer> {
    let mut server = TcpStream::connect(target).await?;
    server.write_all(&request.bytes).await?;
    let mut bytes = Vec::new();
    // Not every server ends the connection when it is asked to.
    while !is_whole(&bytes) && bytes.len() <= LIMIT {
        if server.read_buf(&mut bytes).await? == 0 {
            break;
        }
    }
    Answer::parse(bytes)
}

async fn read_request(client: &mut TcpStream, host: Option<&str>) -> io::Result<Request> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = head_end(&bytes)
            && let Some(request) = Request::parse(&bytes, end, host)?
        {
            return Ok(request);
        }
        if bytes.len() > LIMIT {
            return Err(malformed("the request is too long"));
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
