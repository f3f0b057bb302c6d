// What a route asks of who connects to it: the options auth, scopes, claim:NAME, tokens and reject.

internal import HearthBytes
internal import HearthWire

/// Whether a route wants a token. The numbers are the places of the words in the key `auth`.
enum AccessLevel: UInt8 { case auto = 0, open, optional, required, user }

/// How the library refuses. The numbers are the places of the words in the key `reject`.
enum RejectionStyle: UInt8 { case auto = 0, status, close }

struct RouteAccess {
    /// auto: as the server says.
    var level = AccessLevel.auto
    var scopes: [[UInt8]] = []
    var claims: [(name: [UInt8], value: [TemplatePart])] = []
    /// Where tokens are looked for; nil: as the server says.
    var sources: [TokenSource]?
    /// nil: as the server says.
    var rejection: RejectionStyle?

    var isSet: Bool {
        level != .auto || !scopes.isEmpty || !claims.isEmpty || sources != nil || rejection != nil
    }

    mutating func check() throws(Route.Fault) {
        if scopes.isEmpty, claims.isEmpty { return }
        if level == .open {
            throw Route.Fault(
                .invalidValue, [ascii("route option auth=public goes with no scopes and claims")])
        }
        if level == .auto { level = .required }
    }
}

extension Route {
    /// False: the option is none of these.
    func applyAccess(_ name: [UInt8], _ value: [UInt8]) throws(Fault) -> Bool {
        switch true {
        case matches(name, "auth"):
            switch true {
            case matches(value, "public"): access.level = .open
            case matches(value, "optional"): access.level = .optional
            case matches(value, "required"): access.level = .required
            case matches(value, "user"): access.level = .user
            default: throw badChoice(value, name, "public, optional, required, user")
            }
        case matches(name, "scopes"):
            access.scopes = split(value, at: UInt8(ascii: "+")).filter { !$0.isEmpty }
            if access.scopes.isEmpty {
                throw Fault(.invalidValue, [ascii("route option scopes: write scopes with + between")])
            }
        case name.starts(with: ascii("claim:")):
            let claim = Array(name.dropFirst(6))
            if claim.isEmpty {
                throw Fault(.invalidValue, [ascii("route option claim: write claim:NAME=VALUE")])
            }
            access.claims.append((claim, try template(value, "claim")))
        case matches(name, "tokens"):
            var sources: [TokenSource] = []
            for word in split(value, at: UInt8(ascii: "+")) where !word.isEmpty {
                guard let source = TokenSource.named(word) else {
                    throw badChoice(word, name, "header, subprotocol, cookie, query")
                }
                sources.append(source)
            }
            access.sources = sources
        case matches(name, "reject"):
            switch true {
            case matches(value, "auto"): access.rejection = .auto
            case matches(value, "status"): access.rejection = .status
            case matches(value, "close"): access.rejection = .close
            default: throw badChoice(value, name, "auto, status, close")
            }
        default: return false
        }
        return true
    }
}
