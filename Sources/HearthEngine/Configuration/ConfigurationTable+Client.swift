/// The settings that only clients read.
extension ConfigurationKey {
    static let clients: [ConfigurationEntry] = [
        ConfigurationEntry(
            .url, "url", .url, standard: "", .client,
            "Where a client connects to: ws://HOST:PORT/PATH, wss://HOST/PATH, unix:/run/name.sock:/PATH."),
        ConfigurationEntry(
            .headers, "headers", .text, standard: "", .client,
            "Header fields of a client's request, one a line: Name: value."),
        ConfigurationEntry(
            .subprotocols, "subprotocols", .list, standard: "", .client,
            "Subprotocols that a client offers, by commas, the one it likes best first."),
        ConfigurationEntry(
            .proxy, "proxy", .proxy, standard: "", .client,
            "HTTP proxy that a client goes through: http://USER:PASSWORD@HOST:PORT. Empty: none."),
        ConfigurationEntry(
            .followRedirects, "follow_redirects", .integer, standard: "0", from: "0", to: "20", .client,
            "Redirects in a row that a client follows; never from wss to ws."),
        ConfigurationEntry(
            .prepare, "prepare", .flag, standard: "off", .client,
            "Whether the program is asked before each attempt to connect: CLIENT_PREPARE."),
        ConfigurationEntry(
            .sentEvents, "sent_events", .flag, standard: "on", .client,
            "Whether the program is told when messages have left: CLIENT_SENT."),
        ConfigurationEntry(
            .jsonPing, "json_ping", .flag, standard: "off", .client,
            "Whether a client answers the message {\"type\":\"ping\"} with {\"type\":\"pong\"} by itself."),
        ConfigurationEntry(
            .maxQueueSize, "max_queue_size", .integer, standard: "16", from: "1", to: "1000000000", .client,
            "Messages that may wait in Python or Swift until somebody takes them; then the server waits."
        ),
        ConfigurationEntry(
            .reconnectEnabled, "reconnect_enabled", .flag, standard: "on", .client,
            "Whether a client connects again when its connection ends or an attempt fails."),
        ConfigurationEntry(
            .reconnectMaxAttempts, "reconnect_max_attempts", .integer, standard: "0", from: "0",
            to: "1000000000", .client,
            "Attempts in a row that may fail before a client gives up. 0: it never does."),
        ConfigurationEntry(
            .reconnectBackoffBase, "reconnect_backoff_base", .duration, standard: "1s", from: "1ms",
            to: "24h",
            .client,
            "The longest wait before the first attempt; with reconnect_policy=fixed, the wait before each."),
        ConfigurationEntry(
            .reconnectBackoffMax, "reconnect_backoff_max", .duration, standard: "30s", from: "1ms", to: "24h",
            .client,
            "The longest that a client waits before an attempt."),
        ConfigurationEntry(
            .reconnectJitter, "reconnect_jitter", .fraction, standard: "0.1", from: "0", to: "1", .client,
            "The part of a wait that chance may take off, with reconnect_policy=crowd or fixed."),
        ConfigurationEntry(
            .reconnectFloor, "reconnect_floor", .duration, standard: "500ms", from: "0", to: "24h", .client,
            "The least that a client waits before an attempt."),
        ConfigurationEntry(
            .reconnectStable, "reconnect_stable", .duration, standard: "10s", from: "0", to: "24h", .client,
            "After being open for this time the attempts are counted from the beginning."),
        ConfigurationEntry(
            .reconnectPolicy, "reconnect_policy", .choice("adaptive|crowd|fixed"), standard: "adaptive",
            .client,
            "Waits that grow with the outage, that never bring all clients at once, or that are the same."),
        ConfigurationEntry(
            .reconnectOn, "reconnect_on", .codes, standard: "", .client,
            "Close codes and HTTP statuses after which a client connects again, as in 1008,4000-4099,503."),
        ConfigurationEntry(
            .stopOn, "stop_on", .codes, standard: "", .client,
            "Close codes and HTTP statuses after which a client does not connect again."),
        ConfigurationEntry(
            .maxQueueMessages, "max_queue_messages", .integer, standard: "1000", from: "0", to: "1000000000",
            .client,
            "Messages that may wait while a client is not open. 0: none may."),
        ConfigurationEntry(
            .maxQueueBytes, "max_queue_bytes", .size, standard: "1MiB", from: "0", to: "1GiB", .client,
            "Bytes of messages that may wait while a client is not open."),
        ConfigurationEntry(
            .maxQueueAge, "max_queue_age", .durationOrOff, standard: "5min", from: "0", to: "24h", .client,
            "How long a message may wait while a client is not open. 0: for ever."),
        ConfigurationEntry(
            .queueFull, "queue_full", .choice("refuse|drop_oldest"), standard: "refuse", .client,
            "What happens when no more may wait: a send answers an error, or the oldest are dropped."),
        ConfigurationEntry(
            .queueFlushRate, "queue_flush_rate", .integerOrOff, standard: "0", from: "0", to: "1000000000",
            .client,
            "Messages a second in which what has waited is sent once a client is open. 0: as fast as it goes."
        ),
        ConfigurationEntry(
            .tlsAuthorities, "tls_ca_file", .text, standard: "", .client,
            "PEM file with the authorities that a client trusts. Empty: the system's."),
        ConfigurationEntry(
            .tlsOwnCertificate, "tls_client_certificate_file", .text, standard: "", .client,
            "PEM file with the chain that a client shows. Empty: none."),
        ConfigurationEntry(
            .tlsOwnKey, "tls_client_private_key", .text, standard: "", .client,
            "PEM file with the key to it. Empty: it is in tls_client_certificate_file."),
        ConfigurationEntry(
            .tlsServerName, "tls_server_name", .text, standard: "", .client,
            "Name that the server's certificate must have. Empty: the host of the url."),
        ConfigurationEntry(
            .tlsInsecure, "tls_insecure_skip_verification", .flag, standard: "off", .client,
            "Whether a client takes any certificate, and with it anybody for the server. For tests."),
    ]
}
