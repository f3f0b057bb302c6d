// Who a connection is by its token, and until when.

internal import CHearth

/// What a token said of a connection.
public struct Principal: Hashable, Sendable {
    /// The user; nil if the token names none.
    public let id: String?
    public let scopes: [String]
    /// All that the token says, a JSON object.
    public let claims: String

    public init(id: String?, scopes: [String] = [], claims: String = "{}") {
        self.id = id
        self.scopes = scopes
        self.claims = claims
    }
}

extension Connection {
    /// Who it was found to be, nil without a token; readable from `Event.connect` on.
    public var principal: Principal? {
        get throws(HearthError) {
            let claims = try readText { hearth_connection_claims(id, $0, $1) }
            if claims.isEmpty { return nil }
            return Principal(
                id: user, scopes: try readNames { hearth_connection_scopes(id, $0, $1) }, claims: claims)
        }
    }

    /// Says who it is, for a host that decides by itself: before it answers `Event.connect`, or later. A nil
    /// `id` leaves the user as it is.
    public func setPrincipal(_ principal: Principal) throws(HearthError) {
        let scopes = principal.scopes.joined(separator: " ")
        let status = try withText(principal.id) { (user) throws(HearthError) -> Int32 in
            try withText(scopes) { (scopes) throws(HearthError) -> Int32 in
                try withText(principal.claims) { claims in
                    hearth_connection_set_principal(id, user, scopes, claims)
                }
            }
        }
        try HearthError.check(status)
    }

    /// Gives it a new token, which moves its expiry. `.token` or `.notAllowed` if it is refused; then
    /// nothing changes.
    public func authenticate(_ token: String) throws(HearthError) {
        try HearthError.check(try withText(token) { hearth_connection_authenticate(id, $0) })
    }

    /// Sets when it expires, in milliseconds since 1970; nil: never.
    public func setExpiry(milliseconds: UInt64?) throws(HearthError) {
        try HearthError.check(hearth_connection_set_expiry(id, milliseconds ?? 0))
    }
}
