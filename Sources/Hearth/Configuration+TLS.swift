extension Configuration {
    /// What clients trust and show; and of servers the certificates of addresses that begin with "wss://", or
    /// with no scheme while there are any.
    public struct TLS: Sendable {
        public enum Version: String, Sendable {
            case tls12 = "1.2"
            case tls13 = "1.3"
        }

        public enum ClientCertificate: String, Sendable {
            case off, optional, required
        }

        /// PEM files with a chain each, chosen by the name that a client asks for; the first is for all
        /// others.
        public var certificates: [String] = []
        /// PEM files with the keys, in the same order; none: they are in the certificates' files.
        public var privateKeys: [String] = []
        public var minVersion: Version?
        public var clientCertificate: ClientCertificate?
        /// PEM file with the authorities that sign clients' certificates.
        public var clientAuthorities: String?
        /// Bytes that a peer may send before the handshake is complete.
        public var maxHandshakeSize: Int?
        /// Whether files that change are reloaded.
        public var watchesFiles: Bool?

        /// PEM file with the authorities that a client trusts; nil: those of the system.
        public var authorities: String?
        /// PEM file with the chain that a client shows.
        public var ownCertificate: String?
        /// PEM file with the key to it; nil: it is in the certificate's file.
        public var ownPrivateKey: String?
        /// Name that the server's certificate must have; nil: the host of the address.
        public var serverName: String?
        /// For tests: a client takes any certificate, and with it anybody for the server.
        public var skipsVerification: Bool?

        public init() {}

        var settings: [(key: String, value: String?)] {
            [
                ("tls_certificate", certificates.isEmpty ? nil : certificates.joined(separator: ",")),
                ("tls_private_key", privateKeys.isEmpty ? nil : privateKeys.joined(separator: ",")),
                ("min_tls_version", minVersion?.rawValue),
                ("tls_client_certificate", clientCertificate?.rawValue),
                ("tls_client_ca_file", clientAuthorities),
                ("max_tls_handshake_size", maxHandshakeSize.map { "\($0)" }),
                ("tls_watch", watchesFiles.map { $0 ? "on" : "off" }),
                ("tls_ca_file", authorities),
                ("tls_client_certificate_file", ownCertificate),
                ("tls_client_private_key", ownPrivateKey),
                ("tls_server_name", serverName),
                ("tls_insecure_skip_verification", skipsVerification.map { $0 ? "on" : "off" }),
            ]
        }
    }
}
