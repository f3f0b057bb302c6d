// Certificates, keys, authorities and rules of TLS, loaded and checked once and shared by many streams. A
// context never changes: to renew a certificate another one takes its place.

internal import COpenSSL
internal import HearthBytes

package enum TLSVersion: Int, Sendable {
    case tls12 = 0, tls13
}

package enum ClientCertificates: Int, Sendable {
    case off = 0, optional, required
}

package struct TLSServerSettings: Sendable {
    /// PEM files with a chain each, the own certificate first. The first file is for clients that ask for no
    /// name, or for one that no certificate has.
    package var certificateFiles: [[UInt8]] = []
    /// In the order of the certificates; none: each is in its certificate's file.
    package var privateKeyFiles: [[UInt8]] = []
    package var minVersion = TLSVersion.tls12
    package var clientCertificates = ClientCertificates.off
    /// PEM file of the authorities that sign clients' certificates.
    package var clientAuthoritiesFile: [UInt8] = []
    /// What a peer may send before the handshake is complete.
    package var handshakeBytesMax = 64 << 10

    package init() {}
}

package struct TLSClientSettings: Sendable {
    /// PEM file of the authorities to be trusted; empty: the system's store.
    package var authoritiesFile: [UInt8] = []
    /// PEM file with our own chain; empty: we show none.
    package var certificateFile: [UInt8] = []
    /// Empty: it is in the certificate's file.
    package var privateKeyFile: [UInt8] = []
    package var minVersion = TLSVersion.tls12
    package var verifies = true
    package var handshakeBytesMax = 64 << 10

    package init() {}
}

package final class TLSContext: @unchecked Sendable {
    /// One for each certificate.
    private(set) var handles: [OpaquePointer] = []
    let handshakeBytesMax: Int
    /// For sentences: where the trusted authorities come from; empty: the system's store.
    let authoritiesFile: [UInt8]
    let verifies: Bool
    let isServer: Bool
    /// Sentences on what works but will disturb somebody: a certificate that has expired.
    package private(set) var warnings: [[UInt8]] = []

    private init(handshakeBytesMax: Int, authoritiesFile: [UInt8], verifies: Bool, isServer: Bool) {
        self.handshakeBytesMax = handshakeBytesMax
        self.authoritiesFile = authoritiesFile
        self.verifies = verifies
        self.isServer = isServer
    }

    deinit { for handle in handles { SSL_CTX_free(handle) } }

    // MARK: Server

    package static func server(_ settings: TLSServerSettings) throws(TLSFault) -> TLSContext {
        let certificates = settings.certificateFiles
        let keys = settings.privateKeyFiles
        if certificates.isEmpty { throw TLSFault(text("tls_certificate names no file")) }
        if !keys.isEmpty, keys.count != certificates.count {
            throw TLSFault(text("tls_private_key must name as many files as tls_certificate, or none"))
        }
        if settings.clientCertificates != .off, settings.clientAuthoritiesFile.isEmpty {
            throw TLSFault(text("tls_client_certificate needs tls_client_ca_file, the authorities to trust"))
        }
        let context = TLSContext(
            handshakeBytesMax: settings.handshakeBytesMax, authoritiesFile: settings.clientAuthoritiesFile,
            verifies: settings.clientCertificates != .off, isServer: true)
        for (index, certificate) in certificates.enumerated() {
            let handle = try context.make(TLS_server_method(), settings.minVersion)
            try context.load(certificate, key: keys.isEmpty ? certificate : keys[index], into: handle)
            try context.admitClients(settings, handle)
            context.serve(handle)
        }
        return context
    }

    private func serve(_ handle: OpaquePointer) {
        // Sessions are in tickets, which the client keeps: a server with many clients keeps nothing.
        _ = SSL_CTX_ctrl(handle, SSL_CTRL_SET_SESS_CACHE_MODE, Int(SSL_SESS_CACHE_OFF), nil)
        SSL_CTX_set_num_tickets(handle, 1)
        SSL_CTX_set_session_id_context(handle, "hearth", 6)
        SSL_CTX_set_alpn_select_cb(
            handle,
            { _, chosen, length, offered, count, _ in
                let offered = UnsafeBufferPointer(start: offered, count: Int(count))
                guard let index = TLSContext.indexOfHTTP(in: offered) else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                chosen?.pointee = offered.baseAddress! + index
                length?.pointee = 8
                return SSL_TLSEXT_ERR_OK
            }, nil)
        if handles.count > 1 {
            // The first one is asked. It has the last word on everything but the certificate.
            hearth_shim_on_server_name(
                handles[0],
                { stream, _, owner in
                    guard let stream, let owner else { return SSL_TLSEXT_ERR_OK }
                    Unmanaged<TLSContext>.fromOpaque(owner)._withUnsafeGuaranteedRef { $0.choose(stream) }
                    return SSL_TLSEXT_ERR_OK
                }, Unmanaged.passUnretained(self).toOpaque())
        }
    }

    /// RFC 7301 3.1: names with a length before each. Returns where "http/1.1" begins.
    private static func indexOfHTTP(in offered: UnsafeBufferPointer<UInt8>) -> Int? {
        var index = 0
        while index < offered.count {
            let length = Int(offered[index])
            let name = offered[(index + 1)...].prefix(length)
            if name.elementsEqual(text("http/1.1")) { return index + 1 }
            index += 1 + length
        }
        return nil
    }

    /// The certificate for the name that the client asks for.
    private func choose(_ stream: OpaquePointer) {
        guard let name = SSL_get_servername(stream, TLSEXT_NAMETYPE_host_name) else { return }
        let host = CString.bytes(name)
        for handle in handles {
            guard let certificate = SSL_CTX_get0_certificate(handle) else { continue }
            if Certificate.isFor(host, certificate) {
                SSL_set_SSL_CTX(stream, handle)
                return
            }
        }
    }

    private func admitClients(_ settings: TLSServerSettings, _ handle: OpaquePointer) throws(TLSFault) {
        if settings.clientCertificates == .off { return }
        try loadAuthorities(settings.clientAuthoritiesFile, into: handle)
        let names = withPath(settings.clientAuthoritiesFile) { SSL_load_client_CA_file($0) }
        if let names { SSL_CTX_set_client_CA_list(handle, names) }
        var mode = SSL_VERIFY_PEER
        if settings.clientCertificates == .required { mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT }
        SSL_CTX_set_verify(handle, mode, TLSStream.verified)
    }

    // MARK: Client

    package static func client(_ settings: TLSClientSettings) throws(TLSFault) -> TLSContext {
        let context = TLSContext(
            handshakeBytesMax: settings.handshakeBytesMax, authoritiesFile: settings.authoritiesFile,
            verifies: settings.verifies, isServer: false)
        let handle = try context.make(TLS_client_method(), settings.minVersion)
        if !settings.certificateFile.isEmpty {
            let key = settings.privateKeyFile.isEmpty ? settings.certificateFile : settings.privateKeyFile
            try context.load(settings.certificateFile, key: key, into: handle)
        }
        if settings.verifies {
            if settings.authoritiesFile.isEmpty {
                context.loadSystemAuthorities(into: handle)
            } else {
                try context.loadAuthorities(settings.authoritiesFile, into: handle)
            }
            SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, TLSStream.verified)
        }
        var protocols: [UInt8] = [8]
        protocols += text("http/1.1")
        SSL_CTX_set_alpn_protos(handle, protocols, UInt32(protocols.count))
        return context
    }

    /// OpenSSL's own places, and those of the common systems if it was built for another: the copy inside of
    /// another program, such as Node's, looks where that program was built.
    private func loadSystemAuthorities(into handle: OpaquePointer) {
        SSL_CTX_set_default_verify_paths(handle)
        if let place = X509_get_default_cert_file(), FileStamp(CString.bytes(place)) != nil { return }
        let places: [StaticString] = [
            "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
        ]
        for place in places where FileStamp(text(place)) != nil {
            if withPath(text(place), { SSL_CTX_load_verify_file(handle, $0) }) == 1 { return }
        }
        TLSErrors.clear()
    }

    // MARK: Both

    private func make(_ method: OpaquePointer?, _ minVersion: TLSVersion) throws(TLSFault) -> OpaquePointer {
        TLSErrors.clear()
        guard let handle = SSL_CTX_new(method) else {
            throw TLSFault(text("OpenSSL cannot make a context: "), TLSErrors.take())
        }
        handles.append(handle)
        let version = minVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
        _ = SSL_CTX_ctrl(handle, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(version), nil)
        // Forward secrecy and authenticated encryption only.
        SSL_CTX_set_cipher_list(
            handle,
            """
            ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
            ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
            """)
        SSL_CTX_set_ciphersuites(
            handle, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
        hearth_shim_set_options(handle)
        let modes = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY
        _ = SSL_CTX_ctrl(handle, SSL_CTRL_MODE, Int(modes), nil)
        _ = SSL_CTX_ctrl(handle, SSL_CTRL_SET_MAX_CERT_LIST, handshakeBytesMax, nil)
        // Without it OpenSSL would ask for a passphrase on the terminal.
        SSL_CTX_set_default_passwd_cb(handle) { _, _, _, owner in
            owner?.assumingMemoryBound(to: Bool.self).pointee = true
            return -1
        }
        return handle
    }

    private func load(
        _ certificate: [UInt8], key: [UInt8], into handle: OpaquePointer
    ) throws(TLSFault) {
        try mustBeReadable(certificate)
        TLSErrors.clear()
        if withPath(certificate, { SSL_CTX_use_certificate_chain_file(handle, $0) }) != 1 {
            throw TLSFault(
                quoted(certificate), text(" is not a certificate in PEM format: "), TLSErrors.take())
        }
        if let own = SSL_CTX_get0_certificate(handle), Certificate.isExpired(own) {
            let end = Certificate.end(own)
            warnings.append(text("the certificate in ") + certificate + text(" has expired on ") + end)
        }
        try mustBeReadable(key)
        let (loaded, isProtected) = loadKey(key, into: handle)
        if loaded, SSL_CTX_check_private_key(handle) == 1 { return }
        if isProtected {
            throw TLSFault(
                text("the private key in "), quoted(key),
                text(" is protected by a passphrase: store it without one, readable by this program alone"))
        }
        let isMismatch = SSL_CTX_get0_privatekey(handle) != nil || lastErrorIsMismatch()
        if isMismatch {
            TLSErrors.clear()
            throw TLSFault(
                text("the private key in "), quoted(key), text(" does not belong to the certificate in "),
                quoted(certificate))
        }
        throw TLSFault(quoted(key), text(" holds no private key in PEM format: "), TLSErrors.take())
    }

    private func loadKey(_ key: [UInt8], into handle: OpaquePointer) -> (loaded: Bool, isProtected: Bool) {
        var isProtected = false
        let loaded = withUnsafeMutablePointer(to: &isProtected) { flag -> Bool in
            SSL_CTX_set_default_passwd_cb_userdata(handle, flag)
            defer { SSL_CTX_set_default_passwd_cb_userdata(handle, nil) }
            return withPath(key) { SSL_CTX_use_PrivateKey_file(handle, $0, SSL_FILETYPE_PEM) } == 1
        }
        return (loaded, isProtected)
    }

    private func lastErrorIsMismatch() -> Bool {
        let code = ERR_peek_error()
        let reason = ERR_GET_REASON(code)
        if ERR_GET_LIB(code) != ERR_LIB_X509 { return false }
        return reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH
    }

    private func loadAuthorities(_ file: [UInt8], into handle: OpaquePointer) throws(TLSFault) {
        try mustBeReadable(file)
        TLSErrors.clear()
        if withPath(file, { SSL_CTX_load_verify_file(handle, $0) }) != 1 {
            throw TLSFault(
                quoted(file), text(" holds no certificates of authorities in PEM format: "), TLSErrors.take())
        }
    }

    private func mustBeReadable(_ file: [UInt8]) throws(TLSFault) {
        guard let error = FileStamp.refusal(file) else { return }
        throw TLSFault(text("cannot read "), quoted(file), text(": "), error.text)
    }

    private func withPath<Result>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (path + [0]).withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }
}
