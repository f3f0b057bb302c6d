// What a route asks of who connects to it, in the words of hearth_server_route.

public struct RouteAccess: Sendable {
    public enum Level: String, Sendable {
        case open = "public"
        /// A token is not needed, but if there is one it must be good.
        case optional
        case required
        /// A token that names a user.
        case user
    }

    /// How peers without the right token are told.
    public enum Refusal: String, Sendable {
        /// Browsers by close code, others by status.
        case auto
        case status
        case close
    }

    /// nil: as the key `auth` says.
    public var level: Level?
    /// The token must have all of them.
    public var scopes: [String]
    /// Claims with what they must be, or contain: text with captures, such as ("room", "{room}").
    public var claims: KeyValuePairs<String, String>
    /// Where a token is looked for, in this order. nil: as the key `token_sources` says.
    public var sources: [Configuration.TokenSource]?
    /// nil: as the key `reject` says.
    public var refusal: Refusal?

    public init(
        _ level: Level? = nil, scopes: [String] = [], claims: KeyValuePairs<String, String> = [:],
        sources: [Configuration.TokenSource]? = nil, refusal: Refusal? = nil
    ) {
        self.level = level
        self.scopes = scopes
        self.claims = claims
        self.sources = sources
        self.refusal = refusal
    }

    func options() throws(HearthError) -> [String] {
        var options: [String] = []
        if let level { options.append("auth=\(level.rawValue)") }
        if !scopes.isEmpty {
            for scope in scopes { _ = try checked(scope) }
            options.append("scopes=\(scopes.joined(separator: "+"))")
        }
        for (name, value) in claims { options.append("claim:\(try checked(name))=\(try checked(value))") }
        if let sources {
            options.append("tokens=" + sources.map(\.rawValue).joined(separator: "+"))
        }
        if let refusal { options.append("reject=\(refusal.rawValue)") }
        return options
    }
}
