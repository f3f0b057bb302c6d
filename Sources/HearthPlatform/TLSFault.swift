// Why TLS does not work, in sentences that name the file, the host and the reason.

internal import COpenSSL
internal import HearthBytes

package struct TLSFault: Error {
    package let sentence: [UInt8]

    init(_ parts: [UInt8]...) {
        var sentence: [UInt8] = []
        for part in parts { sentence += part }
        self.sentence = sentence
    }
}

func text(_ text: StaticString) -> [UInt8] { text.withUTF8Buffer { Array($0) } }

func quoted(_ bytes: [UInt8]) -> [UInt8] { text("\"") + bytes + text("\"") }

/// The errors that OpenSSL keeps for this thread. Others of the process may have left some: they are cleared
/// before a call whose failure is to be explained.
enum TLSErrors {
    static func clear() { ERR_clear_error() }

    /// The reason of the oldest, in our words where they say more; empties the list.
    static func take() -> [UInt8] {
        let code = ERR_get_error()
        ERR_clear_error()
        if code == 0 { return text("OpenSSL gives no reason") }
        let reason = ERR_GET_REASON(code)
        if ERR_GET_LIB(code) == ERR_LIB_SSL, let known = sentence(ofReason: reason) { return text(known) }
        guard let words = ERR_reason_error_string(code) else { return text("OpenSSL gives no reason") }
        let bytes = CString.bytes(words)
        if ERR_GET_LIB(code) == ERR_LIB_SSL, reason > SSL_AD_REASON_OFFSET { return alert(bytes) }
        return bytes
    }

    /// "sslv3 alert bad certificate" and "tlsv1 alert unknown ca", as OpenSSL calls what a peer has sent.
    private static func alert(_ words: [UInt8]) -> [UInt8] {
        let parts = words.split(separator: UInt8(ascii: " "))
        guard parts.count > 2, parts[1].elementsEqual(text("alert")) else { return words }
        let name = Array(parts[2...].joined(separator: [UInt8(ascii: " ")]))
        return text("the peer refused with the alert ") + quoted(name)
    }

    private static func sentence(ofReason reason: Int32) -> StaticString? {
        switch reason {
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_NO_PROTOCOLS_AVAILABLE:
            "the peer offers no version of TLS that min_tls_version allows"
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_UNEXPECTED_MESSAGE, SSL_R_BAD_LENGTH:
            "the peer does not speak TLS, or not by its rules"
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: "the peer speaks plain HTTP"
        case SSL_R_NO_SHARED_CIPHER: "the peer offers no cipher that is allowed here"
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: "the peer has sent no certificate"
        case SSL_R_NO_APPLICATION_PROTOCOL: "the peer does not offer the protocol http/1.1"
        case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
            "a record was changed, repeated or left out on its way"
        case SSL_R_EXCESSIVE_MESSAGE_SIZE: "a message of the handshake is larger than max_tls_handshake_size"
        case SSL_R_EE_KEY_TOO_SMALL: "its key is too short to be safe"
        case SSL_R_CA_MD_TOO_WEAK, SSL_R_CA_KEY_TOO_SMALL: "its signature is too weak to be safe"
        default: nil
        }
    }
}

extension TLSFault {
    /// Why a peer's certificate was not accepted. `host` is empty on the server's side.
    static func unverified(
        _ reason: Int32, _ certificate: OpaquePointer?, host: [UInt8], authorities: [UInt8]
    ) -> TLSFault {
        let whose =
            host.isEmpty ? text("the client's certificate") : text("the certificate of ") + quoted(host)
        guard let certificate else { return TLSFault(whose, text(" is not accepted: "), words(of: reason)) }
        switch reason {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return TLSFault(whose, text(" has expired: it was good until "), Certificate.end(certificate))
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return TLSFault(
                whose, text(" is not good yet: it begins on "), Certificate.beginning(certificate))
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return TLSFault(whose, text(" is for other names: "), Certificate.names(certificate))
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            let store = authorities.isEmpty ? text("the system's store") : authorities
            return TLSFault(
                whose, text(" is signed by "), quoted(Certificate.issuer(certificate)),
                text(", which is not an authority in "), store)
        default:
            return TLSFault(whose, text(" is not accepted: "), words(of: reason))
        }
    }

    private static func words(of reason: Int32) -> [UInt8] {
        guard let words = X509_verify_cert_error_string(Int(reason)) else { return text("unknown reason") }
        return CString.bytes(words)
    }
}
