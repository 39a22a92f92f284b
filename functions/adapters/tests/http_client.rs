//! What an HTTP client trusts, against servers on this machine that speak TLS with certificates made for each test. What
//! it must refuse is tried for real, because a guard that is not asked looks just like one that is.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use people_adapters::http_client::{
    Answer, Authorities, HttpClient, HttpFault, InvalidAuthorities, Limits, Trust,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A certificate authority of nobody but this test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server of this name shows.
    fn server(&self, params: CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap()
    }
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

/// A server that answers every call on a connection with 200; how many connections and calls it had.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Server {
    async fn start(config: ServerConfig) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, calls) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (made, received) = (Arc::clone(&connections), Arc::clone(&calls));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                made.fetch_add(1, Ordering::SeqCst);
                let (acceptor, received) = (acceptor.clone(), Arc::clone(&received));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut buffer = [0; 4096];
                    while let Ok(1..) = stream.read(&mut buffer).await {
                        received.fetch_add(1, Ordering::SeqCst);
                        let answer =
                            b"HTTP/1.1 307 Go\r\nlocation: /elsewhere\r\ncontent-length: 2\r\n\r\nok";
                        stream.write_all(answer).await.unwrap();
                        stream.flush().await.unwrap();
                    }
                });
            }
        });
        Server { port, connections, calls }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }
}

async fn get(client: &HttpClient, url: &str) -> Result<Answer, HttpFault> {
    let request = Request::get(url).body(Full::new(Bytes::new())).unwrap();
    client.send(request, Limits { time: Duration::from_secs(10), bytes: 100 }).await
}

fn client(authorities: Option<&str>, private_addresses: bool) -> HttpClient {
    let authorities = authorities.map(|pem| Authorities::parse(pem).unwrap());
    HttpClient::new(&Trust { authorities, private_addresses }).unwrap()
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_configured_and_the_connection_is_kept() {
    let authority = Authority::new();
    let server = Server::start(authority.server(named("localhost"))).await;
    let client = client(Some(&authority.pem()), true);
    for _ in 0..3 {
        // No redirect is followed: each call is one call.
        assert_eq!(get(&client, &server.url()).await.unwrap().status, 307);
    }
    assert_eq!((server.calls(), server.connections.load(Ordering::SeqCst)), (3, 1));
}

#[tokio::test]
async fn several_authorities_are_trusted_in_any_order_and_with_text_around_them() {
    let (one, other) = (Authority::new(), Authority::new());
    let server = Server::start(other.server(named("localhost"))).await;
    let pem = format!("one\n{}and the other\r\n{}", one.pem(), other.pem().replace('\n', "\r\n"));
    assert!(get(&client(Some(&pem), true), &server.url()).await.is_ok());
    let again = format!("{}{}{}", other.pem(), one.pem(), other.pem());
    let trusts = [pem, again]
        .map(|pem| Trust { authorities: Some(Authorities::parse(&pem).unwrap()), private_addresses: true });
    assert_eq!(HashSet::from(trusts).len(), 1, "the same trust shares its connections");
}

#[tokio::test]
async fn whoever_is_not_trusted_is_sent_nothing() {
    let authority = Authority::new();
    let server = Server::start(authority.server(named("localhost"))).await;
    let of_the_web = get(&client(None, true), &server.url()).await.unwrap_err();
    let of_another = get(&client(Some(&Authority::new().pem()), true), &server.url()).await.unwrap_err();
    assert_eq!((of_the_web, of_another), (HttpFault::Untrusted, HttpFault::Untrusted));
    assert_eq!(server.calls(), 0);
}

#[tokio::test]
async fn another_hosts_certificate_and_an_old_one_are_refused() {
    let authority = Authority::new();
    let mut old = named("localhost");
    old.not_before = rcgen::date_time_ymd(2000, 1, 1);
    old.not_after = rcgen::date_time_ymd(2001, 1, 1);
    for params in [named("example.com"), old] {
        let server = Server::start(authority.server(params)).await;
        let fault = get(&client(Some(&authority.pem()), true), &server.url()).await.unwrap_err();
        assert_eq!((fault, server.calls()), (HttpFault::Untrusted, 0));
    }
}

#[tokio::test]
async fn with_an_authority_of_ones_own_the_others_are_not_trusted() {
    let [web, own] = [None, Some(Authority::new().pem())].map(|pem| client(pem.as_deref(), true));
    // The fault is one of trust in both cases, so that nothing here depends on the Internet.
    let server = Server::start(Authority::new().server(named("localhost"))).await;
    for client in [web, own] {
        assert_eq!(get(&client, &server.url()).await.unwrap_err(), HttpFault::Untrusted);
    }
}

#[tokio::test]
async fn a_private_address_is_called_only_where_it_is_allowed() {
    let authority = Authority::new();
    let mut params = named("localhost");
    params.subject_alt_names.push(rcgen::SanType::IpAddress([127, 0, 0, 1].into()));
    let server = Server::start(authority.server(params)).await;
    let port = server.port;
    let pem = authority.pem();
    for host in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"] {
        let fault = get(&client(Some(&pem), false), &format!("https://{host}:{port}/")).await.unwrap_err();
        assert_eq!(fault, HttpFault::Private, "{host}");
    }
    // The last ones are addresses that only the system reads as such.
    for host in ["localhost", "127.0.0.1", "[::1]", "127.1", "2130706433", "0x7f.0.0.1"] {
        let fault = get(&client(None, false), &format!("http://{host}:{port}/")).await.unwrap_err();
        assert_eq!(fault, HttpFault::Private, "{host}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
    for host in ["localhost", "127.0.0.1"] {
        assert!(get(&client(Some(&pem), true), &format!("https://{host}:{port}/")).await.is_ok(), "{host}");
    }
    let metadata = "http://169.254.169.254/latest/meta-data/";
    assert_eq!(get(&client(None, false), metadata).await.unwrap_err(), HttpFault::Private);
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream.shutdown().await.unwrap();
    });
    assert_eq!(get(&client(None, true), &url).await.unwrap_err(), HttpFault::Connect);
}

#[test]
fn a_text_without_a_good_certificate_is_refused_when_it_is_read() {
    let good = Authority::new().pem();
    let body = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let key = KeyPair::generate().unwrap().serialize_pem();
    for (pem, fault) in [
        (String::new(), InvalidAuthorities::None),
        ("authority.pem".to_owned(), InvalidAuthorities::None),
        (key, InvalidAuthorities::None),
        (body.to_owned(), InvalidAuthorities::NotACertificate(1)),
        (format!("{good}{body}"), InvalidAuthorities::NotACertificate(2)),
        (broken.to_owned(), InvalidAuthorities::NotPem(1)),
        (format!("{good}{broken}"), InvalidAuthorities::NotPem(2)),
        (good.lines().next().unwrap().to_owned(), InvalidAuthorities::NotPem(1)),
    ] {
        assert_eq!(Authorities::parse(&pem), Err(fault), "{pem}");
    }
    assert_eq!(format!("{:?}", Authorities::parse(&good)), "Ok(Authorities(1))");
}
