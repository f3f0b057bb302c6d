// What can be wrong with an address that a program gives, and where in its text.

package struct URLFault: Error, Equatable {
    package enum Kind: UInt8, CaseIterable {
        case tooLong
        case unknownScheme
        case missingHost
        case badHost
        case nonASCIIHost
        case hostTooLong
        case badIPv6
        case badPort
        case badCredentials
        case brokenEscape
        case unsafeCharacter
        case fragment
        case missingPath
        case socketPathTooLong
        case insecureRedirect
        case redirectLeavesSocket
        case proxyScheme
        case proxyHasPath
        case noRedis
        case badDatabase
        case tooManyHosts
        case missingMaster
        case unknownParameter
    }

    package let kind: Kind
    /// Counted in bytes, from 0.
    package let position: Int

    package init(_ kind: Kind, at position: Int) {
        self.kind = kind
        self.position = position
    }

    package var sentence: StaticString {
        switch kind {
        case .tooLong: "the address is longer than 8192 bytes"
        case .unknownScheme: "the address must begin with ws://, wss:// or unix:"
        case .missingHost: "the host is missing"
        case .badHost: "the host has a character that none may have"
        case .nonASCIIHost: "the host must be in its ASCII form (xn--)"
        case .hostTooLong: "the host is longer than 253 bytes"
        case .badIPv6: "what stands in brackets is not an IPv6 address"
        case .badPort: "the port must be a number from 1 to 65535"
        case .badCredentials: "user and password may not have control characters"
        case .brokenEscape:
            "a percent sign must be followed by two hexadecimal digits, and %00 is not allowed"
        case .unsafeCharacter: "spaces and control characters must be percent-encoded"
        case .fragment: "a WebSocket's address has no fragment; percent-encode the number sign"
        case .missingPath: "the path of the socket is missing"
        case .socketPathTooLong: "the path of the socket is longer than 107 bytes"
        case .insecureRedirect: "a redirect may not lead from wss to ws"
        case .redirectLeavesSocket: "a redirect may not lead from a socket of this machine to a network"
        case .proxyScheme: "the address of a proxy must begin with http://"
        case .proxyHasPath: "the address of a proxy is http://host:port, without a path"
        case .noRedis: "the address must begin with redis://, rediss://, redis+sentinel:// or unix:"
        case .badDatabase: "the database must be a number up to 65535: redis://host:port/0, unix:/path?db=0"
        case .tooManyHosts: "an address has at most 32 hosts"
        case .missingMaster: "the name of the master is missing: redis+sentinel://host:port,host:port/name"
        case .unknownParameter:
            "an address of sentinels has the parameters sentinel_user and sentinel_password"
        }
    }
}
