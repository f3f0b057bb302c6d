/// Settings of how a server is run and seen, in the order of the cases of `ConfigurationKey`.
extension ConfigurationKey {
    static let operation: [ConfigurationEntry] = [
        ConfigurationEntry(
            .shutdownSpread, "shutdown_spread", .duration, standard: "10s", from: "0", to: "24h", .server,
            "Over how long a draining server spreads its closes; at most 3/4 of shutdown_timeout."),
        ConfigurationEntry(
            .drainCloseCode, "drain_close_code", .choice("1001|1012"), standard: "1001", .server,
            "With which code a draining server closes: going away, or service restart."),
        ConfigurationEntry(
            .drainRetry, "drain_retry", .duration, standard: "1s", from: "0", to: "24h", .server,
            "A draining server tells each connection a time to come back after: this to twice this."),
        ConfigurationEntry(
            .healthPath, "health_path", .text, standard: "", .server,
            "Path that answers whether the server is well: 200 if it is, 503 if not. Empty: none."),
        ConfigurationEntry(
            .maxHealthLag, "max_health_lag", .duration, standard: "1s", from: "1ms", to: "24h", .server,
            "A loop that was later than this in the last seconds makes the server degraded."),
        ConfigurationEntry(
            .metricsPath, "metrics_path", .text, standard: "", .server,
            "Path that answers with the counters in the format of Prometheus. Empty: none."),
        ConfigurationEntry(
            .reconnectParameter, "reconnect_parameter", .text, standard: "reconnect", .server,
            "Parameter of the query by which a client says that it comes back, other than 0. It is counted."),
    ]
}
