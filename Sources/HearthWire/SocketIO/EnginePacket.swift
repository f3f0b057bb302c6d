// Engine.IO v4: packets, and the payloads in which long polling carries several of them
// (https://socket.io/docs/v4/engine-io-protocol/). A packet is its type as one digit and its data; binary data
// has no digit on a WebSocket, and stands as "b" and base64 in a payload.

internal import HearthBytes

package enum EnginePacketType: UInt8, CaseIterable, Sendable {
    case open = 0x30
    case close = 0x31
    case ping = 0x32
    case pong = 0x33
    case message = 0x34
    case upgrade = 0x35
    case noop = 0x36
}

/// Why a payload is refused: the reference answers 400 and closes the session.
package enum EnginePayloadFault: Error, Equatable {
    /// A packet is empty, or its first character is no type.
    case noType
    /// A binary packet is not base64.
    case notBase64
    /// More packets than one payload may have.
    case tooMany
}

package struct EnginePacket: Equatable, Sendable {
    package let type: EnginePacketType
    /// Of the bytes that the packet was read from.
    package let data: Range<Int>
    /// The data is base64 of a binary message.
    package let isBase64: Bool

    /// A packet in a text message of a WebSocket, or in a part of a payload; nil: it has no type.
    package init?(_ text: borrowing Span<UInt8>, _ range: Range<Int>) {
        if range.isEmpty { return nil }
        let first = text[range.lowerBound]
        let data = (range.lowerBound + 1)..<range.upperBound
        if first == UInt8(ascii: "b") {
            (type, self.data, isBase64) = (.message, data, true)
            return
        }
        guard let type = EnginePacketType(rawValue: first) else { return nil }
        (self.type, self.data, isBase64) = (type, data, false)
    }
}

/// Walks the packets of a payload: one behind the other, with 0x1E between.
package struct EnginePayload {
    package static let separator: UInt8 = 0x1E
    private let packetsMax: Int
    private var next = 0
    private var count = 0
    private var isDone = false

    package init(packetsMax: Int) { self.packetsMax = packetsMax }

    /// The next packet; nil: there are no more.
    package mutating func nextPacket(
        _ bytes: borrowing Span<UInt8>
    ) throws(EnginePayloadFault) -> EnginePacket? {
        if isDone { return nil }
        if count == packetsMax { throw .tooMany }
        var end = next
        while end < bytes.count, bytes[end] != Self.separator { end += 1 }
        guard let packet = EnginePacket(bytes, next..<end) else { throw .noType }
        if packet.isBase64, Base64.decodedCount(bytes, packet.data) == nil { throw .notBase64 }
        isDone = end == bytes.count
        next = end + 1
        count += 1
        return packet
    }

    /// Appends a packet with text to a payload.
    package static func append(
        _ type: EnginePacketType, _ data: borrowing Span<UInt8>, to payload: inout [UInt8]
    ) {
        if !payload.isEmpty { payload.append(separator) }
        payload.append(type.rawValue)
        HearthBytes.append(data, 0, data.count, to: &payload)
    }

    /// Appends a binary message to a payload.
    package static func append(binary data: borrowing Span<UInt8>, to payload: inout [UInt8]) {
        if !payload.isEmpty { payload.append(separator) }
        payload.append(UInt8(ascii: "b"))
        Base64.encode(data, into: &payload)
    }
}
