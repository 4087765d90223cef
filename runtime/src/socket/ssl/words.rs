//! Why a TLS connection is not established: what, with whom, and what to do.
//!
//! Journey: outside world -> **value**. What fails with a certificate begins as LuaSec has it, since programs look for that.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

fn certificate(e: &CertificateError, place: &str) -> String {
    use CertificateError::*;
    match e {
        NotValidForNameContext { expected, presented } => {
            let names = match &presented[..] {
                [] => "for no name".to_string(),
                names => format!("for {}", names.join(", ")),
            };
            format!(
                "the certificate of {place} is {names}, and not for '{}': connect by a name that it is for, or say with \
                 sni(name) which is meant",
                expected.to_str()
            )
        }
        NotValidForName => format!("the certificate of {place} is for other names"),
        UnknownIssuer => format!(
            "the certificate of {place} is from an authority that is not trusted here: name the authority's certificate \
             as 'cafile', if it is to be"
        ),
        Expired | ExpiredContext { .. } => {
            format!(
                "the certificate of {place} has expired: it has to be renewed there, unless the clock is wrong here"
            )
        }
        NotValidYet | NotValidYetContext { .. } => {
            format!("the certificate of {place} is not valid yet: is the clock right here?")
        }
        Revoked => format!("the certificate of {place} was revoked"),
        other => format!("the certificate of {place}: {other}"),
    }
}

/// See above; `place` is the peer.
pub fn words(e: &Error, place: &str) -> String {
    match e {
        Error::InvalidCertificate(e) => format!("certificate verify failed: {}", certificate(e, place)),
        Error::NoCertificatesPresented => {
            format!("certificate verify failed: {place} has shown none, and 'verify' demands one")
        }
        Error::AlertReceived(alert) => {
            use AlertDescription::*;
            let hint = match alert {
                UnknownCA
                | BadCertificate
                | CertificateUnknown
                | CertificateExpired
                | CertificateRevoked
                | UnsupportedCertificate => ": it does not believe the certificate of this side",
                CertificateRequired => ": it demands a certificate, 'certificate' and 'key' of the context",
                ProtocolVersion => ": it speaks no version of TLS that is spoken here (1.2, 1.3)",
                UnrecognisedName => ": it knows no host of this name",
                _ => "",
            };
            format!("{place} has refused the connection (TLS alert {alert:?}){hint}")
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            format!("{place} does not speak TLS: another port may be meant")
        }
        Error::PeerIncompatible(_) => format!("{place} has no version or cipher of TLS in common with this side: {e}"),
        e => format!("TLS with {place} has failed: {e}"),
    }
}
