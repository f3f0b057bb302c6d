// The header of a frame that comes in. Each byte is judged as soon as it is there, so a peer that breaks the
// rules is told so before it has sent the rest of the frame.

struct ReceivedHeader {
    var opcode: Opcode
    var isFinal: Bool
    /// RSV1 of the first frame of a message (RFC 7692 6).
    var isCompressed: Bool
    var payloadCount: Int
    /// 0 if the frame is not masked.
    var maskKey: UInt32
    /// Bytes that the header takes.
    var count: Int

    /// What may come: depends on the connection and on the message in progress.
    struct Expectation {
        var role: DecoderRole
        /// Fragments of a message came, the last one did not.
        var isInMessage: Bool
        /// How many bytes the message may still have, and how many more if it begins as a compressed one.
        var payloadMax: Int
        var compressedSlack: Int
        /// permessage-deflate was agreed on.
        var takesCompressed: Bool
    }

    /// Reads the header that begins at `start`. nil: bytes are missing, and those that are there are right.
    static func parse(
        _ bytes: borrowing Span<UInt8>, from start: Int, _ expectation: Expectation
    ) throws(WireError) -> ReceivedHeader? {
        let available = bytes.count - start
        guard available > 0 else { return nil }
        let first = bytes[start]
        let opcode = try readOpcode(first, expectation)
        guard available > 1 else { return nil }
        let second = bytes[start + 1]
        let isMasked = second & 0x80 != 0
        // RFC 6455 5.1: a client masks every frame, a server none.
        if isMasked != (expectation.role == .server) { throw isMasked ? .maskedFrame : .unmaskedFrame }
        let short = Int(second & 0x7F)
        if opcode.isControl, short > 125 { throw .controlTooLong }
        let lengthCount = short < 126 ? 0 : short == 126 ? 2 : 8
        guard
            let payloadCount = try readLength(bytes, from: start + 2, short: short, lengthCount: lengthCount)
        else { return nil }
        let isCompressed = first & 0x40 != 0
        let payloadMax = expectation.payloadMax + (isCompressed ? expectation.compressedSlack : 0)
        if !opcode.isControl, payloadCount > payloadMax { throw .messageTooLarge }
        let count = 2 + lengthCount + (isMasked ? 4 : 0)
        guard available >= count else { return nil }
        var maskKey: UInt32 = 0
        if isMasked {
            for index in 0..<4 {
                maskKey |= UInt32(bytes[start + 2 + lengthCount + index]) << UInt32(8 * index)
            }
        }
        return ReceivedHeader(
            opcode: opcode, isFinal: first & 0x80 != 0, isCompressed: isCompressed,
            payloadCount: payloadCount, maskKey: maskKey, count: count)
    }

    private static func readOpcode(_ first: UInt8, _ expectation: Expectation) throws(WireError) -> Opcode {
        if first & (expectation.takesCompressed ? 0x30 : 0x70) != 0 { throw .reservedBits }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .unknownOpcode }
        // RFC 7692 6.1: only the first frame of a message has the bit.
        if first & 0x40 != 0, opcode != .text, opcode != .binary { throw .reservedBits }
        if opcode.isControl {
            // 5.4: control frames themselves must not be fragmented.
            if first & 0x80 == 0 { throw .controlFragmented }
        } else if opcode == .continuation {
            if !expectation.isInMessage { throw .unexpectedContinuation }
        } else if expectation.isInMessage {
            throw .expectedContinuation
        }
        return opcode
    }

    /// nil: bytes are missing.
    private static func readLength(
        _ bytes: borrowing Span<UInt8>, from start: Int, short: Int, lengthCount: Int
    ) throws(WireError) -> Int? {
        if lengthCount == 0 { return short }
        // 5.2: the most significant bit of a length of 64 bits must be 0.
        if lengthCount == 8, bytes.count > start, bytes[start] & 0x80 != 0 { throw .lengthOverflow }
        guard bytes.count >= start + lengthCount else { return nil }
        var length = 0
        for index in start..<(start + lengthCount) { length = length << 8 | Int(bytes[index]) }
        if length <= (lengthCount == 2 ? 125 : 0xFFFF) { throw .lengthNotMinimal }
        return length
    }
}
