// Who may connect, and for how long.

extension Configuration {
    public enum TokenSource: String, Sendable { case header, subprotocol, cookie, query }

    /// Which codes are sent where a connection is refused.
    public enum CloseCodes: String, Sendable {
        /// 4500 to 4503 and 4106.
        case own
        /// 4001, 4003 and 4008.
        case classic
        /// 1008 for all.
        case policy
    }

    /// Keys for tokens, and what tokens must say. A server with keys wants a token on every route that does
    /// not say otherwise.
    public struct Tokens: Sendable {
        /// Such as "RS256"; must be set with any key.
        public var algorithms: [String]?
        /// Text, "base64:…" or "file:/path".
        public var secrets: [String]?
        /// Files in PEM, or the PEM itself.
        public var publicKeys: [String]?
        /// A file with a set of JSON Web Keys, or the set itself.
        public var keySet: String?
        public var issuers: [String]?
        public var audiences: [String]?
        public var type: String?
        public var leeway: Duration?
        public var maxSize: Int?
        public var requiredClaims: [String]?
        public var userClaim: String?
        public var scopeClaims: [String]?
        /// How often files are looked at for changes. Zero: never.
        public var reloadInterval: Duration?
        /// Where a token is looked for, in this order.
        public var sources: [TokenSource]?
        /// Names of the header field, the cookie, the parameter of the query and the subprotocol.
        public var header: String?
        public var cookie: String?
        public var query: String?
        public var subprotocol: String?
        public var allowsUserChange: Bool?

        public init() {}

        var settings: [(key: String, value: String?)] {
            [
                ("jwt_algorithms", algorithms?.joined(separator: ",")),
                ("jwt_secrets", secrets?.joined(separator: ",")),
                ("jwt_public_keys", publicKeys?.joined(separator: ",")),
                ("jwt_jwks", keySet),
                ("jwt_issuer", issuers?.joined(separator: ",")),
                ("jwt_audience", audiences?.joined(separator: ",")),
                ("jwt_type", type),
                ("jwt_leeway", leeway.map { "\($0.milliseconds)ms" }),
                ("max_jwt_size", maxSize.map { "\($0)" }),
                ("jwt_required_claims", requiredClaims?.joined(separator: ",")),
                ("jwt_user_claim", userClaim),
                ("jwt_scope_claims", scopeClaims?.joined(separator: ",")),
                ("jwt_reload_interval", reloadInterval.map { "\($0.milliseconds)ms" }),
                ("token_sources", sources?.map(\.rawValue).joined(separator: ",")),
                ("token_header", header),
                ("token_cookie", cookie),
                ("token_query", query),
                ("token_subprotocol", subprotocol),
                ("allow_user_change", allowsUserChange.map { $0 ? "on" : "off" }),
            ]
        }
    }

    /// Who may connect. What is nil has its default.
    public struct Access: Sendable {
        /// What routes ask for that say nothing themselves. nil: a token, if there are keys.
        public var level: RouteAccess.Level?
        /// Pages that may connect: "same-host", "https://*.example.com", "*".
        public var allowedOrigins: [String]?
        public var refusal: RouteAccess.Refusal?
        public var refusalDelay: Duration?
        public var closeCodes: CloseCodes?
        /// Zero: no notices.
        public var expiryNoticeInterval: Duration?
        public var expiryNoticeWindow: Duration?
        /// How long the program may still send after `expired`.
        public var expiryGrace: Duration?

        public init() {}

        var settings: [(key: String, value: String?)] {
            [
                ("auth", level?.rawValue),
                ("allowed_origins", allowedOrigins?.joined(separator: ",")),
                ("reject", refusal?.rawValue),
                ("reject_delay", refusalDelay.map { "\($0.milliseconds)ms" }),
                ("close_codes", closeCodes?.rawValue),
                ("expiry_notice_interval", expiryNoticeInterval.map { "\($0.milliseconds)ms" }),
                ("expiry_notice_window", expiryNoticeWindow.map { "\($0.milliseconds)ms" }),
                ("expiry_grace", expiryGrace.map { "\($0.milliseconds)ms" }),
            ]
        }
    }
}
