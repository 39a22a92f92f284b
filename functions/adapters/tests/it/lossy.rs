//! A way to DynamoDB on which answers get lost.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Passes everything on but the answers that are to be lost.
pub(crate) struct Lossy {
    /// What a client has to be given as the URL of the server.
    pub(crate) url: String,
    next: Next,
}

type Next = Arc<Mutex<Option<Loss>>>;

struct Loss {
    operation: &'static str,
    lost: oneshot::Sender<()>,
    end: oneshot::Receiver<()>,
}

/// The loss of one answer.
pub(crate) struct Lost {
    /// Comes when the server has answered and the client has not heard of it.
    pub(crate) lost: oneshot::Receiver<()>,
    /// The client waits until this is sent or dropped; then its connection breaks.
    pub(crate) end: oneshot::Sender<()>,
}

impl Lossy {
    /// A way to the server at `url`.
    pub(crate) async fn to(url: &str) -> Lossy {
        let (server, next) = (url.trim_start_matches("http://").to_owned(), Next::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let for_all = Arc::clone(&next);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass_on(
                    client,
                    TcpStream::connect(&server).await.unwrap(),
                    Arc::clone(&for_all),
                ));
            }
        });
        Lossy { url, next }
    }

    /// Loses the next answer to this operation of DynamoDB, and no more.
    pub(crate) fn lose(&self, operation: &'static str) -> Lost {
        let ((lost, was_lost), (end, ended)) = (oneshot::channel(), oneshot::channel());
        *self.next.lock().unwrap() = Some(Loss { operation, lost, end: ended });
        Lost { lost: was_lost, end }
    }
}

async fn pass_on(mut client: TcpStream, mut server: TcpStream, next: Next) {
    let (mut question, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut asked = String::new();
    loop {
        tokio::select! {
            Ok(bytes @ 1..) = client.read(&mut question) => {
                asked = operation(&question[..bytes]).unwrap_or(asked);
                server.write_all(&question[..bytes]).await.unwrap();
            }
            Ok(bytes @ 1..) = server.read(&mut answer) => {
                let loss = next.lock().unwrap().take_if(|loss| loss.operation == asked);
                if let Some(loss) = loss {
                    let _ = loss.lost.send(());
                    let _ = loss.end.await;
                    return;
                }
                client.write_all(&answer[..bytes]).await.unwrap();
            }
            else => return,
        }
    }
}

/// The operation that a request names in its head; none in what follows a head.
fn operation(question: &[u8]) -> Option<String> {
    let question = String::from_utf8_lossy(question);
    let (_, named) = question.split_once("DynamoDB_20120810.")?;
    Some(named.chars().take_while(char::is_ascii_alphabetic).collect())
}
