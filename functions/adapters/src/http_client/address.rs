//! Which addresses may be called, decided on the address that a connection is made to. A name that is public when the
//! configuration is checked may lead inside later; what is checked here cannot change any more.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// Every address that a host has is private, and private ones are not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its address is private, which the configuration does not allow")]
pub(super) struct Private;

/// Resolves names as the system does, and leaves out the private addresses unless they are allowed.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    system: GaiResolver,
    private_addresses: bool,
}

impl Resolver {
    pub(super) fn new(private_addresses: bool) -> Resolver {
        Resolver { system: GaiResolver::new(), private_addresses }
    }
}

type Addresses = std::vec::IntoIter<SocketAddr>;

impl Service<Name> for Resolver {
    type Response = Addresses;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Addresses, io::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.system.call(name);
        let private_addresses = self.private_addresses;
        Box::pin(async move {
            let all: Vec<SocketAddr> = resolving.await?.collect();
            let allowed = if private_addresses { all } else { public(all).map_err(io::Error::other)? };
            Ok(allowed.into_iter())
        })
    }
}

/// The public ones. No address at all is the connector's to complain about.
fn public(addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Private> {
    let none = addresses.is_empty();
    let public: Vec<_> = addresses.into_iter().filter(|address| is_public(address.ip())).collect();
    if public.is_empty() && !none { Err(Private) } else { Ok(public) }
}

/// Whether the host of a URL is a private address as it is written: such a host is never resolved.
pub(super) fn is_private(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse().is_ok_and(|address| !is_public(address))
}

/// Whether an address is one of the Internet, going by the registries of special addresses that RFC 6890 set up.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network; shared with a provider's customers; protocol assignments; relays to IPv6; measurements; reserved.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [240..=255, ..] => true,
        [100, second, ..] => second & 0xc0 == 64,
        _ => false,
    };
    !(special
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// Of IPv6 only what is given out to networks is public; addresses that stand for one of IPv4 are what that one is.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // Protocol assignments, tunnels among them; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_internet_are_public() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700:4700::1111",
            "3ffe:ffff::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn addresses_of_inside_are_private_in_every_form() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:c0a8:1::1",
            "3fff::1",
            "3fff:fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn of_several_addresses_the_private_ones_are_left_out() {
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let (inside, outside) = (at("10.0.0.1:0"), at("1.1.1.1:0"));
        assert_eq!(public(vec![inside, outside, at("[::1]:0")]), Ok(vec![outside]));
        assert_eq!(public(vec![inside]), Err(Private));
        assert_eq!(public(Vec::new()), Ok(Vec::new()));
    }

    #[test]
    fn only_a_host_that_is_an_address_is_judged_as_it_is_written() {
        for (uri, private) in [
            ("http://127.0.0.1/", true),
            ("http://[::1]:8080/x", true),
            ("https://[::ffff:10.0.0.1]/", true),
            ("http://1.1.1.1:80/", false),
            ("http://[2606:4700:4700::1111]/", false),
            ("http://localhost/", false),
            ("http://10.0.0.1.example.com/", false),
        ] {
            assert_eq!(is_private(&uri.parse().unwrap()), private, "{uri}");
        }
    }
}
