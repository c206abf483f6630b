use super::*;
use std::{
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

/// Answers with so many bytes, to `/wait` only when it is told to.
#[derive(Clone)]
struct Bytewise {
    bytes: usize,
    asked: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    told: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

impl Bytewise {
    fn new(bytes: usize) -> Self {
        Self { bytes, asked: Arc::default(), told: Arc::default() }
    }

    /// With what says that `/wait` has been asked for, and what has it answered.
    fn waiting(bytes: usize) -> (Self, oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((asked, is_asked), (tell, told)) = (oneshot::channel(), oneshot::channel());
        let (asked, told) = (Arc::new(Mutex::new(Some(asked))), Arc::new(Mutex::new(Some(told))));
        (Self { bytes, asked, told }, is_asked, tell)
    }
}

impl tower_service::Service<Request<Incoming>> for Bytewise {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let (asked, told) = (self.asked.lock().unwrap().take(), self.told.lock().unwrap().take());
        let body = vec![b'x'; self.bytes];
        Box::pin(async move {
            if request.uri().path() == "/wait" {
                asked.unwrap().send(()).unwrap();
                told.unwrap().await.unwrap();
            }
            Ok(Response::new(Full::new(body.into())))
        })
    }
}

async fn start(service: Bytewise, patience: Patience) -> Front {
    let host = Some("flows.test".parse().unwrap());
    Front::start(FrontConfig { host, patience, ..FrontConfig::default() }, service).await.unwrap()
}

async fn connect(front: &Front, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(front.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the connection ends.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut may end with an error.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

fn get(host: &str, path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn the_service_is_reached_by_the_names_of_this_port_and_by_no_page_of_another() {
    let front = start(Bytewise::new(3), FrontConfig::default().patience).await;
    let port = front.addr().port();
    let call = async |host: &str, more: &str| {
        let answer = rest(connect(&front, &get(&format!("{host}:{port}"), "/", more)).await).await;
        let status = answer.split(' ').nth(1).unwrap().to_owned();
        (status, answer.rsplit("\r\n\r\n").next().unwrap().to_owned())
    };
    let answered = ("200".to_owned(), "xxx".to_owned());
    for host in ["127.0.0.1", "sync-127.0.0.1", "flows.test", "sync-flows.test"] {
        assert_eq!(call(host, "").await, answered, "{host}");
    }
    assert_eq!(call("evil.example", "").await.0, "403");
    assert_eq!(call("127.0.0.1", "Origin: http://evil.example\r\n").await.0, "403");
    assert_eq!(call("127.0.0.1", &format!("Origin: http://flows.test:{port}\r\n")).await, answered);
    front.shutdown().await;
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_head_is_cut_off() {
    let patience = Patience { head: Some(Duration::from_millis(50)), ..FrontConfig::default().patience };
    let front = start(Bytewise::new(3), patience).await;
    let answer = rest(connect(&front, "GET / HTTP/1.1\r\nHost: 127").await).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Nor does one that says nothing more keep a connection.
    let kept = get(&front.addr().to_string(), "/", "").replace("Connection: close\r\n", "");
    assert!(rest(connect(&front, &kept).await).await.ends_with("xxx"));
    front.shutdown().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let bytes = 64 * 1024 * 1024;
    let patience = Patience { taking: Some(Duration::from_millis(50)), ..FrontConfig::default().patience };
    let (service, is_asked, tell) = Bytewise::waiting(bytes);
    let front = start(service, patience).await;
    let stream = connect(&front, &get(&front.addr().to_string(), "/wait", "")).await;
    is_asked.await.unwrap();
    tell.send(()).unwrap();
    // It ends by itself only after the connection has: nothing is taken meanwhile.
    front.shutdown().await;
    let taken = rest(stream).await.len();
    assert!(0 < taken && taken < bytes, "{taken}");
}

#[tokio::test]
async fn what_is_being_answered_at_the_end_is_answered() {
    let (service, is_asked, tell) = Bytewise::waiting(3);
    let front = start(service, FrontConfig::default().patience).await;
    let addr = front.addr();
    let stream = connect(&front, &get(&addr.to_string(), "/wait", "")).await;
    is_asked.await.unwrap();
    let ending = tokio::spawn(front.shutdown());
    // Nobody new is let in any more.
    while TcpStream::connect(addr).await.is_ok() {
        tokio::task::yield_now().await;
    }
    tell.send(()).unwrap();
    assert!(rest(stream).await.ends_with("xxx"));
    ending.await.unwrap();
}
