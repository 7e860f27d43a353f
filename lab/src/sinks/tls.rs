//! The mail server's certificate, signed by an authority of the lab's own that senders are told to trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::failure::{Doing, Result};
use crate::place::write_file;

pub fn authority_file(dir: &Path) -> PathBuf {
    dir.join("smtp-ca.pem")
}

/// Made once for a folder: whoever trusts the authority goes on trusting it after a restart.
pub fn acceptor(dir: &Path) -> Result<TlsAcceptor> {
    let (certificate, key) = (dir.join("smtp-cert.pem"), dir.join("smtp-key.pem"));
    if !key.exists() {
        let made = make().doing(|| "make a certificate for the mail server".into())?;
        write_file(&authority_file(dir), made.authority.as_bytes(), 0o644)?;
        write_file(&certificate, made.certificate.as_bytes(), 0o644)?;
        write_file(&key, made.key.as_bytes(), 0o600)?;
    }
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .doing(|| format!("read {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(&key).doing(|| format!("read {}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .doing(|| "set up TLS for the mail server".into())?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

struct Made {
    authority: String,
    certificate: String,
    key: String,
}

fn make() -> std::result::Result<Made, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "muster-lab mail authority");
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);
    let names = vec!["localhost".into(), "127.0.0.1".into()];
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
    Ok(Made {
        authority,
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}
