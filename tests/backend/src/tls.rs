//! https for tests: a fresh authority at every start, which a test trusts by its PEM, or does not.

#[cfg(feature = "tls")]
pub(crate) use real::{Acceptor, acceptor};

#[cfg(not(feature = "tls"))]
pub(crate) use none::{Acceptor, acceptor};

#[cfg(feature = "tls")]
mod real {
    use std::sync::Arc;

    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
    use rustls::ServerConfig;
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio_rustls::TlsAcceptor;

    use crate::config::Tls;
    use crate::running::StartError;

    pub(crate) type Acceptor = TlsAcceptor;

    /// The acceptor, and the authority's certificate in PEM.
    pub(crate) fn acceptor(tls: Tls) -> Result<Option<(Acceptor, String)>, StartError> {
        let names: &[&str] = match tls {
            Tls::Off => return Ok(None),
            Tls::TestAuthority => &["localhost", "127.0.0.1", "::1"],
            Tls::WrongName => &["wrong.example"],
        };
        issue(names)
            .map(Some)
            .map_err(|error| StartError::Tls(error.to_string()))
    }

    fn issue(names: &[&str]) -> Result<(Acceptor, String), Box<dyn std::error::Error>> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "Tokencast test authority");
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, &authority_key);

        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok((TlsAcceptor::from(Arc::new(config)), authority_certificate.pem()))
    }
}

#[cfg(not(feature = "tls"))]
mod none {
    use std::convert::Infallible;
    use std::io;

    use tokio::net::TcpStream;

    use crate::config::Tls;
    use crate::running::StartError;

    /// There is none.
    #[derive(Clone)]
    pub(crate) struct Acceptor(Infallible);

    impl Acceptor {
        pub(crate) async fn accept(&self, _: TcpStream) -> io::Result<TcpStream> {
            match self.0 {}
        }
    }

    pub(crate) fn acceptor(tls: Tls) -> Result<Option<(Acceptor, String)>, StartError> {
        match tls {
            Tls::Off => Ok(None),
            _ => Err(StartError::Tls("built without the feature `tls`".into())),
        }
    }
}
