// What clients were configured with. Those with the same settings share them, so that each is small.

internal import HearthBytes
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

final class ClientSettings {
    /// The texts of all keys that they were made of.
    private let texts: [[UInt8]]
    let limits: UnsafeMutablePointer<SessionLimits>
    let reconnect: ReconnectSettings
    let queue: QueueLimits
    let subprotocols: [UInt8]
    let proxy: [UInt8]
    let redirectsMax: Int
    let asksBefore: Bool
    let tellsSent: Bool
    let answersJSONPing: Bool
    let tls: TLSClientSettings
    /// Whose certificate it must be; empty: the host's.
    let serverName: [UInt8]
    /// nil: every message goes by itself.
    let batch: BatchLimits?

    deinit {
        limits.deinitialize(count: 1)
        limits.deallocate()
    }

    /// Whether a client of that configuration may use them: the keys url and headers are its own.
    func isMade(of configuration: Configuration) -> Bool {
        configuration.isEqual(to: texts, but: [.url, .headers])
    }

    init(_ configuration: Configuration) throws(ClientFault) {
        texts = configuration.texts
        reconnect = Self.reconnect(configuration)
        queue = Self.queue(configuration)
        var offered: [UInt8] = []
        for name in configuration.list(.subprotocols) {
            if !offered.isEmpty { append(", ", to: &offered) }
            offered += name
        }
        if !offered.isEmpty, !HTTPSyntax.isTokenList(offered.span) {
            throw ClientFault(.invalidValue, ascii("subprotocols are tokens of RFC 9110, by commas"))
        }
        subprotocols = offered
        proxy = configuration.text(of: .proxy)
        redirectsMax = configuration.integer(.followRedirects)
        asksBefore = configuration.flag(.prepare)
        tellsSent = configuration.flag(.sentEvents)
        answersJSONPing = configuration.flag(.jsonPing)
        tls = Self.tls(configuration)
        serverName = configuration.text(of: .tlsServerName)
        let interval = configuration.milliseconds(.batchInterval)
        batch =
            interval == 0
            ? nil
            : BatchLimits(
                interval: interval, messagesMax: configuration.integer(.maxBatchMessages),
                bytesMax: configuration.size(.maxBatchBytes))
        limits = .allocate(capacity: 1)
        limits.initialize(to: Endpoint.limits(configuration, role: .client))
    }

    private static func reconnect(_ configuration: Configuration) -> ReconnectSettings {
        var settings = ReconnectSettings()
        settings.isEnabled = configuration.flag(.reconnectEnabled)
        settings.shape = ReconnectShape(rawValue: configuration.choice(.reconnectPolicy)) ?? .adaptive
        settings.attemptsMax = configuration.integer(.reconnectMaxAttempts)
        settings.base = configuration.milliseconds(.reconnectBackoffBase)
        settings.max = configuration.milliseconds(.reconnectBackoffMax)
        settings.floor = configuration.milliseconds(.reconnectFloor)
        settings.stable = configuration.milliseconds(.reconnectStable)
        settings.jitterPermille = UInt64(configuration.integer(.reconnectJitter))
        settings.reconnectOn = CodeList(configuration.text(of: .reconnectOn).span) ?? CodeList()
        settings.stopOn = CodeList(configuration.text(of: .stopOn).span) ?? CodeList()
        return settings
    }

    private static func tls(_ configuration: Configuration) -> TLSClientSettings {
        var settings = TLSClientSettings()
        settings.authoritiesFile = configuration.text(of: .tlsAuthorities)
        settings.certificateFile = configuration.text(of: .tlsOwnCertificate)
        settings.privateKeyFile = configuration.text(of: .tlsOwnKey)
        settings.minVersion = configuration.choice(.minTLSVersion) == 1 ? .tls13 : .tls12
        settings.verifies = !configuration.flag(.tlsInsecure)
        settings.handshakeBytesMax = configuration.size(.maxTLSHandshakeSize)
        return settings
    }

    private static func queue(_ configuration: Configuration) -> QueueLimits {
        QueueLimits(
            messagesMax: configuration.integer(.maxQueueMessages),
            bytesMax: configuration.size(.maxQueueBytes),
            ageMax: configuration.milliseconds(.maxQueueAge),
            dropsOldest: configuration.choice(.queueFull) == 1,
            ratePerSecond: configuration.integer(.queueFlushRate))
    }
}
