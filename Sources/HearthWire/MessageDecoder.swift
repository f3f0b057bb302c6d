// From frames to messages (RFC 6455 5), whatever the pieces are that the bytes come in. One per connection.
//
//   stage          awaited                                   next
//   atRest         a frame's header, no message in progress  atRest, header, payload, ended
//   header         a header, or the rest of one              atRest, header, payload, ended
//   payload        the rest of a frame's payload             atRest, header, payload, ended
//   ended          nothing: a close or an error came         ended
//
// A message that lies whole and unfragmented in the bytes given is unmasked and checked where it lies. Only a
// message that comes in parts takes memory, which grows with what has arrived and never with what a header
// claims. What was taken for a large one is kept for the next: one piece for all connections of a loop.

internal import HearthBytes

package struct MessageDecoder: ~Copyable {
    private enum Stage: UInt8 { case atRest, header, payload, ended }
    private enum Lent: UInt8 { case nothing, message, control }

    private var stage = Stage.atRest
    private var lent = Lent.nothing

    // The message in progress. nil: the next data frame begins one.
    private var messageOpcode: Opcode?
    private var fragments: UInt32 = 0
    private var isCompressed = false
    /// permessage-deflate was agreed on (RFC 7692): messages may be compressed.
    package var takesCompressed = false
    /// Of a text message. A message that ends well leaves it as it was at first.
    private var validator = UTF8Validator()
    private var message: [UInt8] = []
    /// A message began of which only a part has come. The caller takes it back.
    package var hasBegunMessage = false

    // The frame in progress.
    private var frameOpcode = Opcode.continuation
    private var isFinal = false
    private var maskPhase: UInt8 = 0
    private var maskKey: UInt32 = 0
    private var remaining = 0
    /// Payload of a control frame that comes in parts, maybe between the fragments of a message.
    private var control: [UInt8] = []
    private var header = InlineArray<14, UInt8>(repeating: 0)
    private var headerCount: UInt8 = 0

    /// Memory of so many bytes is worth being kept, and of no more.
    private static var spareBytes: ClosedRange<Int> { (32 << 10)...(4 << 20) }

    package init() {}

    /// Decodes from `offset` on and moves it behind what was used. Call until it answers `needMore`; the
    /// bytes may then go. After `close` and `failed` all that comes is skipped. `spare` is memory of a
    /// message that was large, empty at first, and the caller's to keep from one call to the next.
    @inline(__always)
    package mutating func next(
        _ bytes: inout MutableSpan<UInt8>, _ offset: inout Int, _ limits: borrowing DecoderLimits,
        spare: inout [UInt8]
    ) -> Decoded {
        if lent != .nothing { releaseBody(&spare) }
        let start = offset
        if start == bytes.count { return .needMore }
        if stage == .atRest, limits.role == .server, bytes.count &- start >= 6 {
            // The usual frame: final, text or binary, masked, at most 125 bytes, all there.
            let first = bytes[start]
            let second = bytes[start &+ 1]
            let count = Int(second & 0x7F)
            let end = start &+ 6 &+ count
            if first &- 0x81 <= 1, second & 0x80 != 0, count < 126, end <= bytes.count,
                count <= limits.maxMessageSize
            {
                let key =
                    UInt32(bytes[start &+ 2]) | UInt32(bytes[start &+ 3]) << 8
                    | UInt32(bytes[start &+ 4]) << 16 | UInt32(bytes[start &+ 5]) << 24
                unmask(&bytes, from: start &+ 6, to: end, key: key, phase: 0)
                offset = end
                if first == 0x82 { return .message(.binary, .inPlace(start &+ 6..<end)) }
                if UTF8Validator.isValid(bytes.span, start &+ 6, end) {
                    return .message(.text, .inPlace(start &+ 6..<end))
                }
                return fail(.invalidUTF8, bytes.count, &offset)
            }
        }
        return decode(&bytes, &offset, limits, &spare)
    }

    /// Lends the payload that `next` called assembled.
    package func withAssembled<Answer>(_ body: (borrowing Span<UInt8>) -> Answer) -> Answer {
        lent == .control ? body(control.span) : body(message.span)
    }

    /// Frees the payload that was lent.
    private mutating func releaseBody(_ spare: inout [UInt8]) {
        switch lent {
        case .nothing: break
        case .message:
            Self.spare(&message, &spare)
            message = []
        case .control: control = []
        }
        lent = .nothing
    }

    /// Keeps memory that is not needed any more, if there is not so much already.
    private static func spare(_ memory: inout [UInt8], _ spare: inout [UInt8]) {
        if memory.capacity <= spare.capacity || !spareBytes.contains(memory.capacity) { return }
        swap(&memory, &spare)
        spare.removeAll(keepingCapacity: true)
    }

    /// The first frame of a message has come, and not its end.
    package var isInMessage: Bool { messageOpcode != nil }

    /// Frees what has come, and skips what comes.
    package mutating func drop() {
        stage = .ended
        message = []
        control = []
    }

    /// Heap memory that is held.
    package var heldBytes: Int { message.capacity + control.capacity }

    // MARK: Stages

    @inline(never)
    @_optimize(speed)
    private mutating func decode(
        _ bytes: inout MutableSpan<UInt8>, _ offset: inout Int, _ limits: borrowing DecoderLimits,
        _ spare: inout [UInt8]
    ) -> Decoded {
        while true {
            switch stage {
            case .atRest, .header:
                do throws(WireError) {
                    guard let header = try readHeader(bytes.span, &offset, limits) else { return .needMore }
                    if let decoded = begin(header, &bytes, &offset, limits) { return decoded }
                } catch {
                    return fail(error, bytes.count, &offset)
                }
            case .payload:
                if let decoded = takePayload(&bytes, &offset, limits, &spare) { return decoded }
            case .ended:
                offset = bytes.count
                return .needMore
            }
        }
    }

    private mutating func fail(_ error: WireError, _ end: Int, _ offset: inout Int) -> Decoded {
        stage = .ended
        message = []
        control = []
        offset = end
        return .failed(error)
    }

    // MARK: Headers

    /// nil: the header is not whole; what is there of it was taken.
    private mutating func readHeader(
        _ bytes: borrowing Span<UInt8>, _ offset: inout Int, _ limits: borrowing DecoderLimits
    ) throws(WireError) -> ReceivedHeader? {
        let isInMessage = messageOpcode != nil
        let slack = isInMessage && isCompressed ? limits.compressedSlack : 0
        let expectation = ReceivedHeader.Expectation(
            role: limits.role, isInMessage: isInMessage,
            payloadMax: limits.maxMessageSize + slack - message.count,
            compressedSlack: limits.compressedSlack, takesCompressed: takesCompressed)
        if headerCount == 0, let header = try ReceivedHeader.parse(bytes, from: offset, expectation) {
            offset += header.count
            return header
        }
        while offset < bytes.count {
            keepHeaderByte(bytes[offset])
            offset += 1
            let kept = header.span.extracting(first: Int(headerCount))
            if let header = try ReceivedHeader.parse(kept, from: 0, expectation) {
                headerCount = 0
                return header
            }
        }
        return nil
    }

    private mutating func keepHeaderByte(_ byte: UInt8) {
        header[Int(headerCount)] = byte
        headerCount += 1
        stage = .header
    }

    // MARK: Frames

    /// The header is whole. nil: go on with the payload.
    @_optimize(speed)
    private mutating func begin(
        _ header: ReceivedHeader, _ bytes: inout MutableSpan<UInt8>, _ offset: inout Int,
        _ limits: borrowing DecoderLimits
    ) -> Decoded? {
        let opcode = header.opcode
        if !opcode.isControl {
            fragments = opcode == .continuation ? fragments &+ 1 : 1
            if Int(fragments) > limits.maxFragments { return fail(.tooManyFragments, bytes.count, &offset) }
        }
        if bytes.count - offset >= header.payloadCount,
            opcode.isControl || header.isFinal && opcode != .continuation
        {
            let range = offset..<(offset + header.payloadCount)
            if limits.role == .server {
                unmask(&bytes, from: range.lowerBound, to: range.upperBound, key: header.maskKey, phase: 0)
            }
            offset = range.upperBound
            if opcode.isControl { return finishControl(opcode, bytes.span, in: range, &offset) }
            stage = .atRest
            if header.isCompressed { return .compressed(opcode, .inPlace(range)) }
            if opcode == .text, !UTF8Validator.isValid(bytes.span, range.lowerBound, range.upperBound) {
                return fail(.invalidUTF8, bytes.count, &offset)
            }
            return .message(opcode, .inPlace(range))
        }
        if !opcode.isControl, opcode != .continuation {
            messageOpcode = opcode
            hasBegunMessage = true
            isCompressed = header.isCompressed
        }
        frameOpcode = opcode
        isFinal = header.isFinal
        maskKey = header.maskKey
        maskPhase = 0
        remaining = header.payloadCount
        stage = .payload
        return nil
    }

    /// nil: the frame is whole and its message is not.
    @_optimize(speed)
    private mutating func takePayload(
        _ bytes: inout MutableSpan<UInt8>, _ offset: inout Int, _ limits: borrowing DecoderLimits,
        _ spare: inout [UInt8]
    ) -> Decoded? {
        let start = offset
        let end = start + min(remaining, bytes.count - start)
        if limits.role == .server {
            unmask(&bytes, from: start, to: end, key: maskKey, phase: Int(maskPhase))
        }
        maskPhase = UInt8(truncatingIfNeeded: (Int(maskPhase) + end - start) & 3)
        remaining -= end - start
        offset = end
        if frameOpcode.isControl {
            append(bytes.span, start, end, to: &control)
            if remaining > 0 { return .needMore }
            lent = .control
            return finishControl(frameOpcode, bytes.span, in: nil, &offset)
        }
        if messageOpcode == .text, !isCompressed, !validator.feed(bytes.span, start, end) {
            return fail(.invalidUTF8, bytes.count, &offset)
        }
        if !keep(bytes.span, start, end, &spare) { return fail(.noMemory, bytes.count, &offset) }
        if remaining > 0 { return .needMore }
        stage = .header
        guard isFinal, let opcode = messageOpcode else { return nil }
        messageOpcode = nil
        stage = .atRest
        lent = .message
        if isCompressed { return .compressed(opcode, .assembled) }
        if opcode == .text, !validator.isComplete { return fail(.invalidUTF8, bytes.count, &offset) }
        return .message(opcode, .assembled)
    }

    /// Room for at most twice of what is there, and for no more than the frame can still bring, if there is
    /// nothing to spare. False: there is no memory.
    private mutating func keep(
        _ bytes: borrowing Span<UInt8>, _ from: Int, _ to: Int, _ spare: inout [UInt8]
    ) -> Bool {
        let needed = message.count + (to - from)
        if needed > message.capacity {
            var larger: [UInt8] = []
            if needed >= Self.spareBytes.lowerBound, needed <= spare.capacity {
                swap(&larger, &spare)
            } else {
                let doubled = max(needed, 2 * message.count)
                let capacity = max(256, isFinal ? min(needed + remaining, doubled) : doubled)
                if !MemoryGate.grants(capacity) { return false }
                larger.reserveCapacity(capacity)
            }
            // An array that grows by itself moves its bytes one by one in Embedded Swift.
            append(message.span, 0, message.count, to: &larger)
            swap(&message, &larger)
            Self.spare(&larger, &spare)
        }
        append(bytes, from, to, to: &message)
        return true
    }

    // MARK: Control frames

    /// `range` is where the payload lies in `bytes`; nil: in `control`.
    private mutating func finishControl(
        _ opcode: Opcode, _ bytes: borrowing Span<UInt8>, in range: Range<Int>?, _ offset: inout Int
    ) -> Decoded {
        stage = messageOpcode == nil ? .atRest : .header
        let body = range.map { Body.inPlace($0) } ?? .assembled
        if opcode == .ping { return .ping(body) }
        if opcode == .pong { return .pong(body) }
        let fault: WireError?
        let code: CloseCode?
        if let range {
            (code, fault) = Self.readClose(bytes, range)
        } else {
            (code, fault) = Self.readClose(control.span, 0..<control.count)
        }
        if let fault { return fail(fault, bytes.count, &offset) }
        stage = .ended
        message = []
        offset = bytes.count
        guard code != nil else { return .close(nil, reason: body) }
        if let range { return .close(code, reason: .inPlace(range.dropFirst(2))) }
        control.removeFirst(2)
        return .close(code, reason: .assembled)
    }

    /// RFC 6455 5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned
    /// integer".
    private static func readClose(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>
    ) -> (code: CloseCode?, fault: WireError?) {
        let start = range.lowerBound
        if range.isEmpty { return (nil, nil) }
        if range.count == 1 { return (nil, .closeBodyOfOneByte) }
        let code = CloseCode(rawValue: UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1]))
        if !code.isValidOnWire { return (nil, .invalidCloseCode) }
        if !UTF8Validator.isValid(bytes, start + 2, range.upperBound) { return (nil, .invalidCloseReason) }
        return (code, nil)
    }
}
