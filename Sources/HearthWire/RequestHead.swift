// The head of an HTTP request (RFC 9112): where its parts lie in the bytes given. Strict, because what two
// programs read differently is how requests are smuggled: lines end with CR LF, nothing is folded, nothing
// decides twice.
//
// A loop keeps one and uses it again for every request; nothing is copied out of the bytes.

package struct HeadLimits: Sendable {
    /// Bytes of the head, the empty line included.
    package var maxBytes: Int
    package var maxFields: Int

    package init(maxBytes: Int, maxFields: Int) {
        self.maxBytes = maxBytes
        self.maxFields = maxFields
    }
}

package enum HeadResult: Equatable {
    case needMore
    /// The head takes so many bytes; what follows is the body or the next request.
    case complete(headCount: Int)
    case rejected(HTTPFault)
}

package enum HTTPMethod: UInt8 {
    case get, head, post, put, delete, options, patch, trace, other
}

package struct RequestHead: ~Copyable {
    // The request line.
    package internal(set) var method = 0..<0
    package internal(set) var knownMethod = HTTPMethod.other
    package internal(set) var target = 0..<0
    /// Of an absolute target without a path this is a slash, as RFC 9110 4.2.3 wants it.
    package internal(set) var path = 0..<0
    /// Without the question mark; empty if there is none.
    package internal(set) var query = 0..<0
    package internal(set) var isHTTP10 = false
    /// Of an absolute target; empty: the target has none.
    var authority = 0..<0

    // What the fields say.
    package internal(set) var contentLength: Int?
    package internal(set) var isChunked = false
    /// The connection may serve another request after this one.
    package internal(set) var keepAlive = false
    /// The peer waits for `100 Continue` before it sends the body (RFC 9110 10.1.1).
    package internal(set) var expectsContinue = false
    /// Upgrade has websocket and Connection has upgrade.
    package internal(set) var isUpgrade = false

    /// Of Sec-WebSocket-Key and Sec-WebSocket-Version, if they are there.
    var webSocketKey: Range<Int>?
    var webSocketVersion: Range<Int>?
    /// There is a Sec-WebSocket-Protocol.
    package internal(set) var offersSubprotocols = false

    var fields: [HeadField] = []
    var seen: UInt16 = 0

    package init() {}

    /// Reads a head that begins with `bytes`. `scanned` is 0 at first and is to be given back with the same
    /// bytes and more behind them, so that nothing is looked at twice. A byte that no head can have is
    /// refused as soon as it is there, so what is no HTTP at all is, from its first byte on.
    package mutating func parse(
        _ bytes: borrowing Span<UInt8>, limits: HeadLimits, scanned: inout Int
    ) -> HeadResult {
        // Nearly every head is good and comes in one piece, and is looked at once.
        if scanned == 0, let end = readAtOnce(bytes, min(bytes.count, limits.maxBytes), limits) {
            scanned = end
            return .complete(headCount: end)
        }
        do throws(HTTPFault) {
            // Of two faults in a head the first in its lines' ends and characters decides, then that of its
            // parts, wherever the head was cut.
            guard let end = try Self.findEnd(bytes, limits, &scanned) else { return .needMore }
            guard try read(bytes, end, limits) == end else { return .rejected(.badCharacter) }
            return .complete(headCount: end)
        } catch {
            return .rejected(error)
        }
    }

    /// nil: the head is not all there, or not good.
    private mutating func readAtOnce(
        _ bytes: borrowing Span<UInt8>, _ last: Int, _ limits: HeadLimits
    ) -> Int? {
        do throws(HTTPFault) { return try read(bytes, last, limits) } catch { return nil }
    }

    // MARK: Fields

    /// The host that is asked for, with its port if it is given. RFC 9112 3.2.2: that of an absolute target
    /// replaces the field.
    package func host(in bytes: borrowing Span<UInt8>) -> Range<Int>? {
        authority.isEmpty ? value(of: "host", in: bytes) : authority
    }

    /// There is an Origin.
    var hasOrigin: Bool { seen & Seen.origin != 0 }

    package var fieldCount: Int { fields.count }

    package func field(at index: Int) -> HeadField { fields[index] }

    /// The same, with the host of an absolute target as the value of Host.
    @inline(__always)
    package func effectiveField(at index: Int, in bytes: borrowing Span<UInt8>) -> HeadField {
        let field = fields[index]
        return authority.isEmpty ? field : replacingHost(field, bytes)
    }

    private func replacingHost(_ field: HeadField, _ bytes: borrowing Span<UInt8>) -> HeadField {
        HTTPSyntax.matches(bytes, field.name, "host") ? HeadField(name: field.name, value: authority) : field
    }

    /// The value of the first field of that name, which is in lower case.
    package func value(of name: StaticString, in bytes: borrowing Span<UInt8>) -> Range<Int>? {
        fields.value(of: name, in: bytes)
    }

    /// Calls `body` with each item of the lists that all fields of that name make together (RFC 9110 5.3).
    package func forEachListItem(
        of name: StaticString, in bytes: borrowing Span<UInt8>, _ body: (Range<Int>) -> Void
    ) {
        fields.forEachListItem(of: name, in: bytes, body)
    }

    // MARK: The end

    /// Looks for the empty line. Every byte up to `scanned` was found good before.
    @_optimize(speed)
    private static func findEnd(
        _ bytes: borrowing Span<UInt8>, _ limits: HeadLimits, _ scanned: inout Int
    ) throws(HTTPFault) -> Int? {
        let last = min(bytes.count, limits.maxBytes)
        while scanned < last {
            if scanned > 2, bytes[scanned - 1] >= 0x20 {
                scanned = HTTPSyntax.skipVisible(bytes, scanned, last)
                if scanned == last { break }
                // The end of one line and the beginning of the next, where both are as they mostly are.
                if scanned + 2 < last, bytes[scanned] == 0x0D, bytes[scanned + 1] == 0x0A,
                    bytes[scanned + 2] >= 0x20, bytes[scanned + 2] < 0x7F
                {
                    scanned += 3
                    continue
                }
            }
            let byte = bytes[scanned]
            if byte == 0x0A {
                guard scanned > 0, bytes[scanned - 1] == 0x0D else { throw .badLineEnd }
                // RFC 9112 2.2: one empty line before the request line is to be ignored.
                if scanned >= 2, bytes[scanned - 2] == 0x0A {
                    if scanned == 3 { throw .badRequestLine }
                    scanned += 1
                    return scanned
                }
            } else {
                if scanned > 0, bytes[scanned - 1] == 0x0D { throw .badLineEnd }
                if byte != 0x0D, !HTTPSyntax.isValueCharacter(byte) { throw .badCharacter }
                let isFirst = scanned == 0 || scanned == 2 && bytes[1] == 0x0A
                if isFirst, byte != 0x0D, !HTTPSyntax.isTokenCharacter(byte) { throw .badRequestLine }
            }
            scanned += 1
        }
        if bytes.count < limits.maxBytes { return nil }
        for index in 2..<max(2, scanned) where bytes[index] == 0x0A { throw .headTooLarge }
        throw .requestLineTooLong
    }
}
