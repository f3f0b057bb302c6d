/// Settings of who may come in and how much, in the order of the cases of `ConfigurationKey`.
extension ConfigurationKey {
    static let limits: [ConfigurationEntry] = [
        ConfigurationEntry(
            .maxConnectionsPerUser, "max_connections_per_user", .integerOrOff, standard: "0", from: "0",
            to: "1000000", .server,
            "Open connections of one user; user_limit_policy decides on a further one. 0: no limit."),
        ConfigurationEntry(
            .maxConnectionsPerIP, "max_connections_per_ip", .integerOrOff, standard: "0", from: "0",
            to: "1000000000", .server,
            "Connections of one address, an IPv6 /64 counting as one; more get status 429. 0: no limit."),
        ConfigurationEntry(
            .userLimitPolicy, "user_limit_policy", .choice("reject|evict_oldest|evict_stalest"),
            standard: "reject", .server,
            "At max_connections_per_user: refuse the new connection, or close an old one for it."),
        ConfigurationEntry(
            .userLimitProbe, "user_limit_probe", .duration, standard: "2s", from: "1ms", to: "60s", .server,
            "Before a user's connection is refused the stalest is pinged; silent for this time it makes room."
        ),
        ConfigurationEntry(
            .rateLimitMessages, "rate_limit_messages", .rate, standard: "off", .server,
            "Messages that a connection may send: 100/min, 20/s burst 40, off. More are dropped."),
        ConfigurationEntry(
            .rateLimitMessagesPerUser, "rate_limit_messages_per_user", .rate, standard: "off", .server,
            "The same for all connections of a user together."),
        ConfigurationEntry(
            .rateLimitMessagesPerIP, "rate_limit_messages_per_ip", .rate, standard: "off", .server,
            "The same for all connections of an address together."),
        ConfigurationEntry(
            .rateLimitBytes, "rate_limit_bytes", .byteRate, standard: "off", .server,
            "Bytes of messages that a connection may send: 64KiB/s burst 1MiB, off."),
        ConfigurationEntry(
            .rateLimitBytesPerUser, "rate_limit_bytes_per_user", .byteRate, standard: "off", .server,
            "The same for all connections of a user together."),
        ConfigurationEntry(
            .rateLimitBytesPerIP, "rate_limit_bytes_per_ip", .byteRate, standard: "off", .server,
            "The same for all connections of an address together."),
        ConfigurationEntry(
            .rateLimitControl, "rate_limit_control", .rate, standard: "50/s burst 200", .server,
            "Pings and unasked pongs that a connection may send, off. More get no answer."),
        ConfigurationEntry(
            .rateLimitHandshakes, "rate_limit_handshakes", .rate, standard: "off", .server,
            "Opening handshakes of one address; more get status 429 with Retry-After."),
        ConfigurationEntry(
            .rateLimitHandshakesPerUser, "rate_limit_handshakes_per_user", .rate, standard: "off", .server,
            "Opening handshakes of one user; more are closed with code 4105."),
        ConfigurationEntry(
            .maxRateLimitDrops, "max_rate_limit_drops", .integerOrOff, standard: "100", from: "0",
            to: "1000000000", .server,
            "After so many dropped messages the connection is closed with code 4105. 0: never."),
        ConfigurationEntry(
            .maxRateLimitEntries, "max_rate_limit_entries", .integer, standard: "65536", from: "64",
            to: "16777216", .server,
            "Users and addresses whose rate is remembered, for each rate; 16 bytes each."),
        ConfigurationEntry(
            .trustedProxies, "trusted_proxies", .networks, standard: "", .server,
            "Proxies that may say whose a connection is: 10.0.0.0/8, ::1, unix. Empty: none."),
        ConfigurationEntry(
            .forwardedHeader, "forwarded_header", .choice("x-forwarded-for|forwarded|off"),
            standard: "x-forwarded-for", .server,
            "The header in which the trusted proxies say it. Others can be written by anybody."),
        ConfigurationEntry(
            .proxyProtocol, "proxy_protocol", .flag, standard: "off", .server,
            "Whether connections of trusted proxies begin with a PROXY protocol header, version 1 or 2."),
    ]
}
