/// Every setting there is. A new setting is a case here and a row in the table: the C header does not change.
package enum ConfigurationKey: Int, CaseIterable, Sendable {
    case threads
    case logLevel
    case ioUring
    case maxEventQueue
    case maxEventQueueBytes
    case maxMemory
    case listen
    case serverRoot
    case handshakeTimeout
    case openTimeout
    case closeTimeout
    case pingInterval
    case pingTimeout
    case maxMessageSize
    case maxFragments
    case messageTimeout
    case maxHeaderSize
    case maxHeaderFields
    case maxBodySize
    case httpTimeout
    case keepAliveTimeout
    case maxConnections
    case maxRoomsPerConnection
    case maxRoomName
    case maxUserName
    case maxMetadata
    case maxOutboxBytes
    case slowConsumer
    case shutdownTimeout
    case listenBacklog
    case ipv6Only
    case unixMode
    case presenceGrace
    case maxPresenceGraceUsers
    case maxConnectionsPerUser
    case maxConnectionsPerIP
    case userLimitPolicy
    case userLimitProbe
    case rateLimitMessages
    case rateLimitMessagesPerUser
    case rateLimitMessagesPerIP
    case rateLimitBytes
    case rateLimitBytesPerUser
    case rateLimitBytesPerIP
    case rateLimitControl
    case rateLimitHandshakes
    case rateLimitHandshakesPerUser
    case maxRateLimitDrops
    case maxRateLimitEntries
    case trustedProxies
    case forwardedHeader
    case proxyProtocol
    case shutdownSpread
    case drainCloseCode
    case drainRetry
    case healthPath
    case maxHealthLag
    case metricsPath
    case reconnectParameter
    case compression
    case compressionThreshold
    case compressionContextTakeover
    case compressionWindowBits
    case compressionLevel
    case tlsCertificate
    case tlsPrivateKey
    case minTLSVersion
    case tlsClientCertificate
    case tlsClientAuthorities
    case maxTLSHandshakeSize
    case tlsWatch
    case jsonEventKey
    case jsonDataKey
    case jsonRoomKey
    case jsonIDKey
    case jsonUserKey
    case jsonTimeKey
    case jsonTextKey
    case jsonErrors
    case jsonEvents
    case maxJSONSize
    case maxJSONDepth
    case maxJSONEventName
    case maxJSONCharacters
    case jsonErrorBudget
    case typingTimeout
    case batchInterval
    case maxBatchMessages
    case maxBatchBytes
    case url
    case headers
    case subprotocols
    case proxy
    case followRedirects
    case prepare
    case sentEvents
    case jsonPing
    case maxQueueSize
    case reconnectEnabled
    case reconnectMaxAttempts
    case reconnectBackoffBase
    case reconnectBackoffMax
    case reconnectJitter
    case reconnectFloor
    case reconnectStable
    case reconnectPolicy
    case reconnectOn
    case stopOn
    case maxQueueMessages
    case maxQueueBytes
    case maxQueueAge
    case queueFull
    case queueFlushRate
    case tlsAuthorities
    case tlsOwnCertificate
    case tlsOwnKey
    case tlsServerName
    case tlsInsecure
    case authentication
    case tokenSources
    case tokenHeader
    case tokenCookie
    case tokenQuery
    case tokenSubprotocol
    case jwtAlgorithms
    case jwtSecrets
    case jwtPublicKeys
    case jwtKeySet
    case jwtIssuers
    case jwtAudiences
    case jwtType
    case jwtLeeway
    case maxJWTSize
    case jwtRequiredClaims
    case jwtUserClaim
    case jwtScopeClaims
    case jwtReloadInterval
    case allowUserChange
    case expiryNoticeInterval
    case expiryNoticeWindow
    case expiryGrace
    case allowedOrigins
    case rejection
    case rejectDelay
    case closeCodes
    case redisURL
    case redisPrefix
    case redisAuthorities
    case nodeID
    case nodeLease
    case brokerProbe
    case brokerLinger
    case maxBrokerReconnect
    case maxBrokerMessage
    case maxBrokerOutput
    case maxBrokerPending
    case maxBrokerChannels
    case maxBrokerNodes
    case maxBrokerPresence

    /// The key of that name, nil if there is none.
    package static func named(_ name: [UInt8]) -> ConfigurationKey? {
        for entry in table where name.isEqual(to: entry.name) { return entry.key }
        return nil
    }

    package var entry: ConfigurationEntry { Self.table[rawValue] }
}

/// Who reads a setting: the engine when it is made, each server, each client, or both of the latter.
package enum ConfigurationScope: Sendable {
    case engine
    case server
    case client
    case serverAndClient
}

/// How the text of a value is read. Numbers that may be "off" have 0 for it.
package enum ConfigurationType: Sendable {
    case flag
    case integer
    case integerOrOff
    /// Bytes.
    case size
    /// Milliseconds.
    case duration
    case durationOrOff
    /// The words that are allowed, separated by "|".
    case choice(StaticString)
    case text
    /// From 0 to 1, in thousandths.
    case fraction
    /// A WebSocket's address, or nothing.
    case url
    /// A proxy's address, or nothing.
    case proxy
    /// Close codes and HTTP statuses, single ones and ranges.
    case codes
    /// Items separated by commas.
    case list
    /// Networks like 10.0.0.0/8, and "unix", separated by commas.
    case networks
    /// So many in a time: "100/min", "20/s burst 40".
    case rate
    /// The same with sizes: "64KiB/s burst 1MiB".
    case byteRate
}

/// One row of the table. Bounds and default are written as a user would write the value.
package struct ConfigurationEntry: Sendable {
    package let key: ConfigurationKey
    package let name: StaticString
    package let type: ConfigurationType
    package let standard: StaticString
    /// Empty: the type has no bounds.
    package let min: StaticString
    package let max: StaticString
    package let scope: ConfigurationScope
    package let help: StaticString

    init(
        _ key: ConfigurationKey, _ name: StaticString, _ type: ConfigurationType, standard: StaticString,
        from min: StaticString,
        to max: StaticString, _ scope: ConfigurationScope, _ help: StaticString
    ) {
        self.key = key
        self.name = name
        self.type = type
        self.standard = standard
        self.min = min
        self.max = max
        self.scope = scope
        self.help = help
    }

    init(
        _ key: ConfigurationKey, _ name: StaticString, _ type: ConfigurationType, standard: StaticString,
        _ scope: ConfigurationScope,
        _ help: StaticString
    ) {
        self.init(key, name, type, standard: standard, from: "", to: "", scope, help)
    }
}
