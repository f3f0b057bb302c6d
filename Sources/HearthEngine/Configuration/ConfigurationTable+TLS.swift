/// The rows on TLS.
extension ConfigurationKey {
    static let tlsEntries: [ConfigurationEntry] = [
        ConfigurationEntry(
            .tlsCertificate, "tls_certificate", .list, standard: "", .server,
            "PEM files with a chain each; a listen address without ws:// is then wss://. Empty: no TLS."),
        ConfigurationEntry(
            .tlsPrivateKey, "tls_private_key", .list, standard: "", .server,
            "PEM files with the keys, in the order of tls_certificate. Empty: they are in its files."),
        ConfigurationEntry(
            .minTLSVersion, "min_tls_version", .choice("1.2|1.3"), standard: "1.2", .serverAndClient,
            "Peers that do not speak this version of TLS or a later one are refused."),
        ConfigurationEntry(
            .tlsClientCertificate, "tls_client_certificate", .choice("off|optional|required"),
            standard: "off", .server,
            "Whether clients are asked for a certificate, and refused without one."),
        ConfigurationEntry(
            .tlsClientAuthorities, "tls_client_ca_file", .text, standard: "", .server,
            "PEM file with the authorities that sign clients' certificates."),
        ConfigurationEntry(
            .maxTLSHandshakeSize, "max_tls_handshake_size", .size, standard: "64KiB", from: "4KiB",
            to: "1MiB", .serverAndClient,
            "Bytes that a peer may send before the TLS handshake is complete."),
        ConfigurationEntry(
            .tlsWatch, "tls_watch", .flag, standard: "off", .server,
            "Whether the files of certificates and keys are reloaded when they change."),
    ]
}
