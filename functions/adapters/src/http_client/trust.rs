//! What a client trusts: the web's certificate authorities or one's own, and whether a target may be inside. Everything
//! about a certificate that can be wrong is found when it is read, and not with the first call.

use std::collections::BTreeSet;
use std::fmt;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// What a client trusts. Targets that trust the same may share their connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Trust {
    /// The only authorities whose certificates are accepted; those of the web where there are none.
    pub authorities: Option<Authorities>,
    /// Whether addresses that are not of the Internet may be called: this machine's, the local network's, those of a cloud.
    pub private_addresses: bool,
}

/// Certificate authorities of one's own: at least one. `Debug` prints how many.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Authorities(BTreeSet<Vec<u8>>);

/// A text has no certificate authorities, or something that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthorities {
    /// There is nothing between `BEGIN CERTIFICATE` and `END CERTIFICATE`.
    #[error("there is no certificate in PEM in it")]
    None,
    /// The encoding of the certificate at this place, counted from 1, is broken, or its end is missing.
    #[error("certificate {0} is not valid PEM")]
    NotPem(usize),
    /// What was decoded at this place, counted from 1, is no certificate.
    #[error("certificate {0} is not an X.509 certificate")]
    NotACertificate(usize),
}

impl Authorities {
    /// Reads the certificates of a PEM text; what else it has is ignored, and so is their order. Whether they are still
    /// valid, and whether they may sign, is not looked at: that belongs to a connection.
    ///
    /// # Errors
    /// Where there is none, or one that cannot be read.
    pub fn parse(pem: &str) -> Result<Authorities, InvalidAuthorities> {
        let mut certificates = BTreeSet::new();
        let mut store = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(pem.as_bytes()).enumerate() {
            let certificate = certificate.map_err(|_| InvalidAuthorities::NotPem(index + 1))?;
            store.add(certificate.clone()).map_err(|_| InvalidAuthorities::NotACertificate(index + 1))?;
            certificates.insert(certificate.to_vec());
        }
        if certificates.is_empty() { Err(InvalidAuthorities::None) } else { Ok(Authorities(certificates)) }
    }
}

impl Trust {
    /// The authorities of the web, and private addresses too: for servers on this machine.
    pub fn inside() -> Trust {
        Trust { authorities: None, private_addresses: true }
    }

    /// The roots of a connection.
    pub(super) fn roots(&self) -> Result<RootCertStore, rustls::Error> {
        let Some(Authorities(certificates)) = &self.authorities else {
            return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
        };
        let mut store = RootCertStore::empty();
        for certificate in certificates {
            store.add(CertificateDer::from_slice(certificate))?;
        }
        Ok(store)
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}
