// A server's certificates: loaded when it starts, and again when it is told to or when their files change.

internal import HearthBytes
internal import HearthPlatform

/// The context that new connections take, and what it is made of. Any thread may look and replace it.
final class ServerCertificates: @unchecked Sendable {
    let settings: TLSServerSettings
    let isWatched: Bool
    private let lock = Lock()
    private var loaded: TLSContext?
    /// As the files were when they were loaded last, and when they were looked at last. The watching loop's.
    var loadedStamps: [FileStamp?] = []
    var seenStamps: [FileStamp?] = []

    init(_ configuration: Configuration) {
        var settings = TLSServerSettings()
        settings.certificateFiles = configuration.list(.tlsCertificate)
        settings.privateKeyFiles = configuration.list(.tlsPrivateKey)
        settings.minVersion = TLSVersion(rawValue: configuration.choice(.minTLSVersion)) ?? .tls12
        settings.clientCertificates =
            ClientCertificates(rawValue: configuration.choice(.tlsClientCertificate)) ?? .off
        settings.clientAuthoritiesFile = configuration.text(of: .tlsClientAuthorities)
        settings.handshakeBytesMax = configuration.size(.maxTLSHandshakeSize)
        self.settings = settings
        isWatched = configuration.flag(.tlsWatch)
    }

    /// What a new connection begins with; nil: there is no TLS.
    var context: TLSContext? { lock.withLock { loaded } }

    var areGiven: Bool { !settings.certificateFiles.isEmpty }

    /// Loads the files. If they cannot be used, what was loaded before stays.
    func load() throws(TLSFault) {
        let fresh = try TLSContext.server(settings)
        lock.withLock { loaded = fresh }
    }

    var stamps: [FileStamp?] {
        var files = settings.certificateFiles + settings.privateKeyFiles
        if !settings.clientAuthoritiesFile.isEmpty { files.append(settings.clientAuthoritiesFile) }
        return files.map { FileStamp($0) }
    }
}

extension Server {
    /// Whether an address of the configuration is for TLS, and the address without the scheme.
    func scheme(of address: [UInt8]) -> (isSealed: Bool, address: [UInt8]) {
        for (scheme, isSealed) in [(ascii("wss://"), true), (ascii("ws://"), false)]
        where address.starts(with: scheme) {
            return (isSealed, Array(address[scheme.count...]))
        }
        return (certificates.areGiven, address)
    }

    func loadCertificates(for addresses: [[UInt8]]) -> Status {
        let sealed = addresses.first { scheme(of: $0).isSealed && !$0.isEqual(to: "none") }
        guard let sealed else { return .ok }
        if !certificates.areGiven {
            return engine.fail(.tls, sealed + ascii(": the key tls_certificate is empty: name a PEM file"))
        }
        certificates.loadedStamps = certificates.stamps
        certificates.seenStamps = certificates.loadedStamps
        return loadCertificates()
    }

    private func loadCertificates() -> Status {
        do throws(TLSFault) {
            try certificates.load()
            return .ok
        } catch {
            return engine.fail(.tls, error.sentence)
        }
    }

    /// New connections get what is in the files now; those that are open go on with what they have.
    package func reloadCertificates() -> Status {
        if certificates.context == nil {
            return engine.fail(.state, ascii("no address of the server has TLS, or it is not started"))
        }
        return loadCertificates()
    }
}

extension Loop {
    private static var watchMilliseconds: UInt64 { 1000 }

    /// The first loop of an engine says what is to be said of a server's certificates, and looks after them.
    func attendCertificates(of server: Server) {
        guard let tls = server.certificates.context else { return }
        for sentence in tls.warnings {
            context.log(
                .warning, "tls", "a certificate that peers will refuse",
                LogFields().adding("reason", sentence))
        }
        if !server.certificates.isWatched { return }
        watchedServers.append(server)
        timers.set(.certificates, due: now + Self.watchMilliseconds)
    }

    /// Reloads what has changed and was left alone since the last look: a file that is being written is not
    /// read, and neither is a certificate whose key is still to come.
    func watchCertificates() {
        if watchedServers.isEmpty { return }
        timers.set(.certificates, due: now + Self.watchMilliseconds)
        for server in watchedServers {
            let certificates = server.certificates
            let stamps = certificates.stamps
            let isSettled = stamps == certificates.seenStamps
            certificates.seenStamps = stamps
            if !isSettled || stamps == certificates.loadedStamps { continue }
            certificates.loadedStamps = stamps
            do throws(TLSFault) {
                try certificates.load()
                context.log(.info, "tls", "certificates reloaded, because their files changed", LogFields())
            } catch {
                context.log(
                    .error, "tls", "changed certificates cannot be used: the ones before stay",
                    LogFields().adding("reason", error.sentence))
            }
        }
    }
}
