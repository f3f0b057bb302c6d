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
    func applyAccess(_ option: Option) throws(Fault) -> Bool {
        switch true {
        case option.isNamed("auth"):
            // A switch: an array of these is read off by one in Embedded Swift 6.3.
            switch try option.choice("public, optional, required, user") {
            case 0: access.level = .open
            case 1: access.level = .optional
            case 2: access.level = .required
            default: access.level = .user
            }
        case option.isNamed("scopes"):
            try option.refuseBlanks()
            access.scopes = try option.words(separatedBy: "+")
        case option.name.starts(with: ascii("claim:")):
            let claim = Array(option.name.dropFirst(6))
            if claim.isEmpty {
                throw Fault(.invalidValue, [ascii("option claim: write claim:NAME=VALUE")])
            }
            access.claims.append((claim, try template(option)))
        case option.isNamed("tokens"):
            var offset = 0
            access.sources = []
            for word in try option.words(separatedBy: "+") {
                guard let source = TokenSource.named(word) else {
                    throw option.isNoneOf(word, "header, subprotocol, cookie, query", at: offset)
                }
                access.sources?.append(source)
                offset += word.count + 1
            }
        case option.isNamed("reject"):
            access.rejection = [.auto, .status, .close][try option.choice("auto, status, close")]
        default: return false
        }
        return true
    }
}
