//! One connection: read the request, do what the fault says, write what is left of the answer.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::message::{Request, head_end, malformed};
use crate::upstream::LIMIT;
use crate::{Delivered, Fault, Shared, lock};

pub(crate) async fn serve(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let request = read_request(&mut client, shared.upstream.host.as_deref()).await?;
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
    // A client that has given up may ask again while the server is still at work for it: that is not two at one time.
    let mut under_way = Some(under_way);
    let asking = shared.upstream.ask(&request);
    tokio::pin!(asking);
    let answered = tokio::select! {
        answered = &mut asking => answered,
        () = left(&client) => {
            under_way = None;
            asking.await
        }
    };
    let answer = match answered {
        Ok(answer) => answer,
        Err(unanswered) => {
            shared.note_unanswered(&request, fault, unanswered.sent);
            return Err(unanswered.error);
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
            match shared.upstream.ask(&request).await {
                Ok(second) => shared.note(&request, fault, Some(second.status), Delivered::Nothing),
                Err(unanswered) => shared.note_unanswered(&request, fault, unanswered.sent),
            };
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

/// Returns when the client has ended the connection.
async fn left(client: &TcpStream) {
    // It sends nothing more: what makes the connection readable is its end.
    while client.readable().await.is_ok() {
        if has_left(client) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
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
