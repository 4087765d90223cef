//! What a TLS connection is made with: parameters in, a configuration of `rustls` out.
//!
//! Journey: value -> **parameters** -> outside world. A context of Lua is plain data: an id that names files. What is made of them is
//! kept here, for all processes, so that a context may be sent, or move to another node, where the files of that node are read; and
//! no private key is in the heap of a process, or in its checkpoints. The design a reader would expect, a userdata that holds the
//! configuration, could not leave its process.
//!
//! Always: who does not say otherwise gets checked certificates.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme, SupportedProtocolVersion,
};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A side of connections.
#[derive(Clone)]
pub enum Config {
    /// Which connects.
    Client(Arc<ClientConfig>),
    /// Which accepts.
    Server(Arc<ServerConfig>),
}

/// Whether the peer has to have a certificate that fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verify {
    No,
    /// Of a client that has one.
    IfAny,
    Always,
}

/// What an id says.
#[derive(PartialEq, Eq, Debug)]
struct Parameters<'a> {
    is_server: bool,
    versions: &'static [&'static SupportedProtocolVersion],
    verify: Verify,
    cafile: Option<&'a str>,
    capath: Option<&'a str>,
    certificate: Option<&'a str>,
    key: Option<&'a str>,
    alpn: Vec<Vec<u8>>,
}

static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
/// What stands between the parts of an id: paths have no zeros.
const BETWEEN: char = '\0';
/// Bytes of the longest file that is read: a system's certificates are some 200 KB.
const MOST_BYTES: u64 = 16 << 20;
/// Files of a folder of certificates that are read.
const MOST_FILES: usize = 10_000;
/// Configurations that are kept.
const MOST_KEPT: usize = 64;

impl<'a> Parameters<'a> {
    /// Those of an id (ssl.lua makes it); none: it is none.
    fn of(id: &'a str) -> Option<Parameters<'a>> {
        let mut parts = id.split(BETWEEN);
        let mut part = || parts.next();
        let is_server = match part()? {
            "client" => false,
            "server" => true,
            _ => return None,
        };
        let versions: &[_] = match part()? {
            "any" => &BOTH[..],
            "tlsv1_2" => &BOTH[1..],
            "tlsv1_3" => &BOTH[..1],
            _ => return None,
        };
        let verify = match part()? {
            "none" => Verify::No,
            "any" => Verify::IfAny,
            "peer" => Verify::Always,
            _ => return None,
        };
        let mut path = || part().map(|p| (!p.is_empty()).then_some(p));
        let (cafile, capath, certificate, key) = (path()?, path()?, path()?, path()?);
        let alpn = parts.map(|p| p.as_bytes().to_vec()).collect();
        Some(Parameters { is_server, versions, verify, cafile, capath, certificate, key, alpn })
    }
}

fn kept() -> MutexGuard<'static, Option<HashMap<String, Config>>> {
    static KEPT: Mutex<Option<HashMap<String, Config>>> = Mutex::new(None);
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
/// The configuration of an id, if it was made before and is still kept.
pub fn known(id: &str) -> Option<Config> {
    kept().as_ref()?.get(id).cloned()
}
/// The configuration of an id, made anew from its files. Blocks while they are read.
///
/// # Errors
/// A file cannot be had or does not fit: which, and what is wrong.
pub fn configure(id: &str) -> Result<Config, String> {
    let parameters = Parameters::of(id).ok_or("the context is damaged: it is not as newcontext has made it")?;
    let made = make(&parameters)?;
    let mut kept = kept();
    let all = kept.get_or_insert_default();
    if all.len() >= MOST_KEPT && !all.contains_key(id) {
        // Whichever: it is made again when it is needed.
        let some = all.keys().next().cloned();
        some.and_then(|id| all.remove(&id));
    }
    all.insert(id.to_string(), made.clone());
    Ok(made)
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(ring::default_provider())).clone()
}
fn make(p: &Parameters<'_>) -> Result<Config, String> {
    let own = match (p.certificate, p.key) {
        (Some(certificate), Some(key)) => Some((certificates(certificate)?, private_key(key)?)),
        (None, None) => None,
        (Some(path), None) => {
            return Err(format!("error loading private key: there is no key for certificate '{path}'"));
        }
        (None, Some(path)) => return Err(format!("error loading certificate: there is none for key '{path}'")),
    };
    let unfit = |e: rustls::Error| match e {
        rustls::Error::InconsistentKeys(_) => format!(
            "error loading private key: key '{}' is not that of certificate '{}'",
            p.key.unwrap_or(""),
            p.certificate.unwrap_or("")
        ),
        e => format!("error loading certificate '{}': {e}", p.certificate.unwrap_or("")),
    };
    let broken = |e: rustls::Error| format!("no such context is possible: {e}");
    if p.is_server {
        let begun =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(p.versions).map_err(broken)?;
        let begun = match p.verify {
            Verify::No => begun.with_no_client_auth(),
            verify => {
                let checks = WebPkiClientVerifier::builder_with_provider(roots(p)?, provider());
                let checks = if verify == Verify::IfAny { checks.allow_unauthenticated() } else { checks };
                begun.with_client_cert_verifier(checks.build().map_err(|e| e.to_string())?)
            }
        };
        let (chain, key) =
            own.ok_or("a context of mode 'server' needs 'certificate' and 'key': paths of files in PEM")?;
        let mut config = begun.with_single_cert(chain, key).map_err(unfit)?;
        config.alpn_protocols.clone_from(&p.alpn);
        return Ok(Config::Server(Arc::new(config)));
    }
    let begun = ClientConfig::builder_with_provider(provider()).with_protocol_versions(p.versions).map_err(broken)?;
    let begun = match p.verify {
        Verify::No => begun.dangerous().with_custom_certificate_verifier(Arc::new(Unchecked)),
        _ => {
            let checks = WebPkiServerVerifier::builder_with_provider(roots(p)?, provider());
            begun.with_webpki_verifier(checks.build().map_err(|e| e.to_string())?)
        }
    };
    let mut config = match own {
        Some((chain, key)) => begun.with_client_auth_cert(chain, key).map_err(unfit)?,
        None => begun.with_no_client_auth(),
    };
    config.alpn_protocols.clone_from(&p.alpn);
    Ok(Config::Client(Arc::new(config)))
}

/// The certificates of several configurations, by names of hosts.
#[derive(Debug)]
struct ByName {
    all: HashMap<String, Arc<dyn ResolvesServerCert>>,
    /// Of who means none of these, if there is one.
    other: Option<Arc<dyn ResolvesServerCert>>,
}
impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.all.get(&name.to_ascii_lowercase()));
        named.or(self.other.as_ref())?.resolve(hello)
    }
}
/// A server's configuration with the certificates of others for who means these names.
pub fn by_name(own: &ServerConfig, names: Vec<(String, Config)>, is_strict: bool) -> ServerConfig {
    let resolver = |config| match config {
        Config::Server(config) => Some(config.cert_resolver.clone()),
        Config::Client(_) => None,
    };
    let all = names.into_iter().filter_map(|(name, config)| Some((name, resolver(config)?))).collect();
    let other = (!is_strict).then(|| own.cert_resolver.clone());
    let mut config = own.clone();
    config.cert_resolver = Arc::new(ByName { all, other });
    config
}

/// Whom is believed: the certificates of a file and of a folder's files, or the system's.
fn roots(p: &Parameters<'_>) -> Result<Arc<RootCertStore>, String> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let is_system = p.cafile.is_none() && p.capath.is_none();
    if is_system && let Some(found) = SYSTEM.get() {
        return Ok(found.clone());
    }
    let mut found = Vec::new();
    if let Some(path) = p.cafile {
        found.extend(certificates(path)?);
    }
    if let Some(path) = p.capath {
        found.extend(certificates_in(path)?);
    }
    if is_system {
        found = rustls_native_certs::load_native_certs().certs;
    }
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found);
    match p.cafile.or(p.capath) {
        _ if !store.is_empty() => {
            let store = Arc::new(store);
            Ok(if is_system { SYSTEM.get_or_init(|| store).clone() } else { store })
        }
        Some(path) => Err(format!("error loading CA locations ('{path}'): no certificate in it can be used")),
        None => Err("this system has no certificates of authorities (on Debian they are the package \
                     'ca-certificates'); install them, or name a file of them as 'cafile'"
            .to_string()),
    }
}
/// The certificates of all files of a folder; other files may be there, too.
fn certificates_in(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed =
        |e: std::io::Error| format!("error loading CA locations ('{path}'): {}", rlua_machine::stdlib::io::reason(&e));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)?.take(MOST_FILES) {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort();
    let (mut all, mut bytes) = (Vec::new(), 0);
    for file in files.iter().filter(|f| f.is_file()) {
        let Ok(content) = content("certificate", &file.to_string_lossy()) else { continue };
        bytes += content.len() as u64;
        if bytes > MOST_BYTES {
            return Err(format!("error loading CA locations ('{path}'): its files have more than {MOST_BYTES} bytes"));
        }
        all.extend(CertificateDer::pem_slice_iter(&content).flatten());
    }
    Ok(all)
}
fn content(what: &str, path: &str) -> Result<Vec<u8>, String> {
    let failed = |e: std::io::Error| format!("error loading {what} '{path}': {}", rlua_machine::stdlib::io::reason(&e));
    let mut bytes = Vec::new();
    File::open(path).and_then(|f| f.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("error loading {what} '{path}': it has more than {MOST_BYTES} bytes"));
    }
    Ok(bytes)
}
fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = content("certificate", path)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!(
            "error loading certificate '{path}': there is none in it (PEM expected: -----BEGIN CERTIFICATE-----)"
        )),
        Err(e) => Err(format!("error loading certificate '{path}': {e}")),
    }
}
fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = content("private key", path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|e| match e {
        pem::Error::NoItemsFound => format!(
            "error loading private key '{path}': there is none in it that can be read (PEM without a password expected: \
             -----BEGIN PRIVATE KEY-----)"
        ),
        e => format!("error loading private key '{path}': {e}"),
    })
}

/// Believes everybody, as `verify = 'none'` says; that the peer has the key of the certificate it shows is checked still.
#[derive(Debug)]
struct Unchecked;

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_parts() {
        let p = Parameters::of("client\0any\0peer\0\0\0\0\0h2\0http/1.1").expect("it is one");
        assert_eq!((p.is_server, p.verify, p.cafile, p.alpn.len()), (false, Verify::Always, None, 2));
        let p = Parameters::of("server\0tlsv1_3\0none\0\0\0c.pem\0k.pem").expect("it is one");
        assert_eq!((p.is_server, p.certificate, p.key, p.versions.len()), (true, Some("c.pem"), Some("k.pem"), 1));
        for damaged in
            ["", "client", "client\0any", "client\0any\0maybe\0\0\0\0", "server\0any\0peer\0\0", "x\0any\0peer\0\0\0\0"]
        {
            assert_eq!(Parameters::of(damaged), None, "{damaged:?}");
        }
    }
    #[test]
    fn what_is_wrong_names_the_file() {
        let why = |id: &str| configure(id).err().expect(id);
        assert!(why("server\0any\0none\0\0\0\0").contains("needs 'certificate' and 'key'"));
        assert!(
            why("server\0any\0none\0\0\0none.pem\0none.pem")
                .contains("error loading certificate 'none.pem': No such file")
        );
        assert!(why("client\0any\0peer\0Cargo.toml\0\0\0").contains("'Cargo.toml': there is none in it"));
        assert!(why("client\0any\0peer\0\0\0c.pem\0").contains("no key for certificate 'c.pem'"));
    }
}
