// What a call can answer instead of doing its work. The names are those of hearth_error in hearth.h.

internal import CHearth

/// Why a call did not do what was asked.
public struct HearthError: Error, Sendable, CustomStringConvertible {
    /// The kind of an error. The set may grow.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: Int32

        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        /// An argument is out of range, holds a NUL, or belongs to a server that has stopped.
        public static let invalid = Code(rawValue: HEARTH_ERR_INVALID.rawValue)
        public static let memory = Code(rawValue: HEARTH_ERR_MEMORY.rawValue)
        public static let unknownKey = Code(rawValue: HEARTH_ERR_UNKNOWN_KEY.rawValue)
        public static let invalidValue = Code(rawValue: HEARTH_ERR_INVALID_VALUE.rawValue)
        /// The connection or request has ended.
        public static let gone = Code(rawValue: HEARTH_ERR_GONE.rawValue)
        /// Not possible in this state: started twice, answered already.
        public static let state = Code(rawValue: HEARTH_ERR_STATE.rawValue)
        public static let forked = Code(rawValue: HEARTH_ERR_FORKED.rawValue)
        public static let thread = Code(rawValue: HEARTH_ERR_THREAD.rawValue)
        public static let tooLarge = Code(rawValue: HEARTH_ERR_TOO_LARGE.rawValue)
        public static let limit = Code(rawValue: HEARTH_ERR_LIMIT.rawValue)
        public static let queueFull = Code(rawValue: HEARTH_ERR_QUEUE_FULL.rawValue)
        public static let addressInUse = Code(rawValue: HEARTH_ERR_ADDRESS_IN_USE.rawValue)
        public static let address = Code(rawValue: HEARTH_ERR_ADDRESS.rawValue)
        public static let permission = Code(rawValue: HEARTH_ERR_PERMISSION.rawValue)
        public static let system = Code(rawValue: HEARTH_ERR_SYSTEM.rawValue)
        public static let version = Code(rawValue: HEARTH_ERR_VERSION.rawValue)
        public static let notFound = Code(rawValue: HEARTH_ERR_NOT_FOUND.rawValue)
        public static let unsupported = Code(rawValue: HEARTH_ERR_UNSUPPORTED.rawValue)
        public static let tls = Code(rawValue: HEARTH_ERR_TLS.rawValue)
        /// The token is forged, malformed, expired or for somebody else.
        public static let token = Code(rawValue: HEARTH_ERR_TOKEN.rawValue)
        /// The token is good, but does not allow this.
        public static let notAllowed = Code(rawValue: HEARTH_ERR_NOT_ALLOWED.rawValue)
        public static let tlsHandshake = Code(rawValue: HEARTH_ERR_TLS_HANDSHAKE.rawValue)
        // Of clients: docs/topics/client.md says when.
        public static let url = Code(rawValue: HEARTH_ERR_URL.rawValue)
        public static let notOpen = Code(rawValue: HEARTH_ERR_NOT_OPEN.rawValue)
        public static let resolve = Code(rawValue: HEARTH_ERR_RESOLVE.rawValue)
        public static let connect = Code(rawValue: HEARTH_ERR_CONNECT.rawValue)
        public static let connectTimeout = Code(rawValue: HEARTH_ERR_CONNECT_TIMEOUT.rawValue)
        public static let noAnswer = Code(rawValue: HEARTH_ERR_NO_ANSWER.rawValue)
        public static let slowAnswer = Code(rawValue: HEARTH_ERR_SLOW_ANSWER.rawValue)
        public static let earlyClose = Code(rawValue: HEARTH_ERR_EARLY_CLOSE.rawValue)
        public static let badAnswer = Code(rawValue: HEARTH_ERR_BAD_ANSWER.rawValue)
        public static let notUpgraded = Code(rawValue: HEARTH_ERR_NOT_UPGRADED.rawValue)
        public static let badUpgrade = Code(rawValue: HEARTH_ERR_BAD_UPGRADE.rawValue)
        public static let badAccept = Code(rawValue: HEARTH_ERR_BAD_ACCEPT.rawValue)
        public static let badSubprotocol = Code(rawValue: HEARTH_ERR_BAD_SUBPROTOCOL.rawValue)
        public static let badExtension = Code(rawValue: HEARTH_ERR_BAD_EXTENSION.rawValue)
        public static let redirected = Code(rawValue: HEARTH_ERR_REDIRECTED.rawValue)
        public static let unauthorized = Code(rawValue: HEARTH_ERR_UNAUTHORIZED.rawValue)
        public static let forbidden = Code(rawValue: HEARTH_ERR_FORBIDDEN.rawValue)
        public static let tooManyRequests = Code(rawValue: HEARTH_ERR_TOO_MANY_REQUESTS.rawValue)
        public static let unavailable = Code(rawValue: HEARTH_ERR_UNAVAILABLE.rawValue)
        public static let httpStatus = Code(rawValue: HEARTH_ERR_HTTP_STATUS.rawValue)
        public static let proxy = Code(rawValue: HEARTH_ERR_PROXY.rawValue)
        public static let proxyAuth = Code(rawValue: HEARTH_ERR_PROXY_AUTH.rawValue)
        public static let unprepared = Code(rawValue: HEARTH_ERR_UNPREPARED.rawValue)
        public static let maskedFrame = Code(rawValue: HEARTH_ERR_MASKED_FRAME.rawValue)
        public static let protocolError = Code(rawValue: HEARTH_ERR_PROTOCOL.rawValue)
        public static let lost = Code(rawValue: HEARTH_ERR_LOST.rawValue)
        public static let pingTimeout = Code(rawValue: HEARTH_ERR_PING_TIMEOUT.rawValue)
    }

    public let code: Code
    /// What is known beyond the code, such as the address or the key; "" for nothing.
    public let detail: String

    init(_ code: Code, detail: String = "") {
        self.code = code
        self.detail = detail
    }

    /// The name in C, such as "HEARTH_ERR_GONE".
    public var name: String {
        String(cString: hearth_error_name(code.rawValue))
    }

    /// One sentence.
    public var description: String {
        detail.isEmpty ? String(cString: hearth_strerror(code.rawValue)) : detail
    }
}

extension HearthError {
    /// Throws for a negative answer.
    @inline(__always)
    static func check(_ status: Int32) throws(HearthError) {
        if status < 0 { throw HearthError(Code(rawValue: status)) }
    }

    /// Throws for a negative answer, else gives the count.
    @inline(__always)
    static func count(_ answer: Int64) throws(HearthError) -> Int {
        if answer < 0 { throw HearthError(Code(rawValue: Int32(truncatingIfNeeded: answer))) }
        return Int(answer)
    }
}
