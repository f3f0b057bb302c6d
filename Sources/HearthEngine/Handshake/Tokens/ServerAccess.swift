// Who may connect to a server, as its configuration says.

internal import HearthBytes
internal import HearthWire

struct ServerAccess {
    let tokens: TokenVerifier?
    let sources: TokenSources
    let origins: OriginRules
    /// Of routes that say nothing themselves.
    let level: AccessLevel
    let rejection: RejectionStyle
    /// Milliseconds.
    let rejectDelay: UInt64
    let closeCodes: CloseCodeProfile
    let allowsUserChange: Bool
    /// Bytes of scopes and claims that the host may give a connection.
    let principalBytesMax: Int
    /// Milliseconds.
    let noticeInterval: UInt64
    let noticeWindow: UInt64
    /// Between the event EXPIRED and the close.
    let expiryGrace: UInt64

    init(_ configuration: Configuration) throws(Route.Fault) {
        tokens = try TokenVerifier.make(configuration)
        sources = try Self.sources(configuration)
        guard let origins = OriginRules(configuration.list(.allowedOrigins)) else {
            throw Route.Fault(
                .invalidValue,
                [
                    ascii("allowed_origins: \""), configuration.text(of: .allowedOrigins),
                    ascii("\" has an item that is none of same-host, *, null, https://example.com, "),
                    ascii("https://*.example.com:8443"),
                ])
        }
        self.origins = origins
        let level = AccessLevel(rawValue: UInt8(configuration.choice(.authentication))) ?? .auto
        self.level = level == .auto ? (tokens == nil ? .open : .required) : level
        if self.level != .open, tokens == nil {
            throw Route.Fault(Self.noKeysStatus ?? .invalidValue, [ascii("auth: "), Self.noKeys])
        }
        rejection = RejectionStyle(rawValue: UInt8(configuration.choice(.rejection))) ?? .auto
        rejectDelay = configuration.milliseconds(.rejectDelay)
        closeCodes = CloseCodeProfile(rawValue: UInt8(configuration.choice(.closeCodes))) ?? .own
        principalBytesMax = configuration.size(.maxJWTSize)
        allowsUserChange = configuration.flag(.allowUserChange)
        noticeInterval = configuration.milliseconds(.expiryNoticeInterval)
        noticeWindow = configuration.milliseconds(.expiryNoticeWindow)
        expiryGrace = configuration.milliseconds(.expiryGrace)
    }

    static var noKeys: [UInt8] {
        TokenVerifier.isBuiltIn
            ? ascii("there are no keys to verify tokens with: set jwt_secrets, jwt_public_keys or jwt_jwks")
            : TokenVerifier.notBuiltIn
    }

    /// What no setting can help; nil: one can.
    static var noKeysStatus: Status? { TokenVerifier.isBuiltIn ? nil : .unsupported }

    private static func sources(_ configuration: Configuration) throws(Route.Fault) -> TokenSources {
        var order: [TokenSource] = []
        for name in configuration.list(.tokenSources) {
            guard let source = TokenSource.named(name) else {
                throw Route.Fault(
                    .invalidValue,
                    [
                        ascii("token_sources: \""), name,
                        ascii("\" is not one of header, subprotocol, cookie, query"),
                    ])
            }
            order.append(source)
        }
        let subprotocol = configuration.text(of: .tokenSubprotocol)
        if !isToken(subprotocol) {
            throw Route.Fault(
                .invalidValue, [ascii("token_subprotocol has a character that no subprotocol may have")])
        }
        return TokenSources(
            order: order,
            header: configuration.text(of: .tokenHeader).map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 },
            cookie: configuration.text(of: .tokenCookie), query: configuration.text(of: .tokenQuery),
            subprotocol: subprotocol)
    }

    /// What a route asks for; nil: the server takes every path.
    func level(of route: Route?) -> AccessLevel { route?.level(orOf: level) ?? level }
}

extension Route {
    /// Requests that are no upgrades are asked for nothing.
    fileprivate func level(orOf server: AccessLevel) -> AccessLevel {
        if isHTTP { return .open }
        return access.level == .auto ? server : access.level
    }
}

extension TokenSource {
    /// nil: there is none of that name.
    static func named(_ name: [UInt8]) -> TokenSource? {
        switch true {
        case matches(name, "header"): .header
        case matches(name, "subprotocol"): .subprotocol
        case matches(name, "cookie"): .cookie
        case matches(name, "query"): .query
        default: nil
        }
    }
}

extension Server {
    /// Where the tokens of a connection on this route are.
    func tokenSources(ofRoute index: Int32) -> TokenSources {
        var sources = access.sources
        if let own = route(at: Int(index))?.access.sources { sources.order = own }
        return sources
    }

    /// The same of a connection's route.
    func level(ofRoute index: Int32) -> AccessLevel {
        index < 0 ? access.level : withRoute(Int(index)) { $0.level(orOf: access.level) }
    }

    func route(at index: Int) -> Route? { index >= 0 ? routes[index] : nil }
}
