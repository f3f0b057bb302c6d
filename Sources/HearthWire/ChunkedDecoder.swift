// A request's body in chunks (RFC 9112 7.1), whatever the pieces are that it comes in. Extensions and
// trailers are checked and not kept.
//
//   state      awaited                                 next
//   size       a digit of a chunk's size               size, blanks, extension, sizeEnd
//   blanks     blanks behind the size                  blanks, extension, sizeEnd
//   extension  the rest of the line                    extension, sizeEnd
//   sizeEnd    the LF of the size line                 data, trailer
//   data       bytes of the chunk                      data, dataReturn
//   dataReturn the CR behind them                      dataEnd
//   dataEnd    its LF                                  size
//   trailer    a byte of the fields behind the last    trailer, complete

internal import HearthBytes

package enum ChunkedResult: Equatable {
    case needMore
    /// The body is whole; so many of the bytes given last belong to it.
    case complete(count: Int)
    case rejected(HTTPFault)
}

package struct ChunkedDecoder {
    private enum State: UInt8 {
        case size, blanks, `extension`, sizeEnd, data, dataReturn, dataEnd, trailer, complete
    }

    /// Bytes of one chunk's extension.
    package static var extensionBytesMax: Int { 256 }
    /// Bytes of all trailer fields.
    package static var trailerBytesMax: Int { 8 << 10 }

    private let maxBytes: Int
    private var state = State.size
    private var digits = 0
    private var left = 0
    private var overhead = 0
    private var total = 0
    private var lineCount = 0
    private var hasReturn = false
    /// Of the trailer's line.
    private var hasColon = false

    package init(maxBytes: Int) { self.maxBytes = maxBytes }

    /// Takes bytes and appends what they bring to `body`. The size is checked before a chunk's bytes come.
    package mutating func decode(_ bytes: borrowing Span<UInt8>, into body: inout [UInt8]) -> ChunkedResult {
        do throws(HTTPFault) {
            var index = 0
            while index < bytes.count, state != .complete {
                if state == .data {
                    let end = index + min(left, bytes.count - index)
                    append(bytes, index, end, to: &body)
                    left -= end - index
                    index = end
                    if left == 0 { state = .dataReturn }
                } else {
                    try take(bytes[index])
                    index += 1
                }
            }
            return state == .complete ? .complete(count: index) : .needMore
        } catch {
            return .rejected(error)
        }
    }

    private mutating func take(_ byte: UInt8) throws(HTTPFault) {
        switch state {
        case .size: try takeSize(byte)
        case .blanks:
            overhead += 1
            if overhead > Self.extensionBytesMax { throw .badChunk }
            try takeBehindSize(byte)
        case .extension:
            overhead += 1
            if overhead > Self.extensionBytesMax { throw .badChunk }
            if byte == 0x0D {
                state = .sizeEnd
            } else if !HTTPSyntax.isValueCharacter(byte) {
                throw .badChunk
            }
        case .sizeEnd:
            if byte != 0x0A { throw .badChunk }
            total += left
            state = left == 0 ? .trailer : .data
            (digits, overhead) = (0, 0)
        case .dataReturn:
            if byte != 0x0D { throw .badChunk }
            state = .dataEnd
        case .dataEnd:
            if byte != 0x0A { throw .badChunk }
            state = .size
        case .trailer: try takeTrailer(byte)
        case .data, .complete: break
        }
    }

    private mutating func takeSize(_ byte: UInt8) throws(HTTPFault) {
        if let digit = HTTPSyntax.hexadecimalValue(byte) {
            // A size of ever more zeros would never be too large.
            if digits == 16 { throw .badChunk }
            digits += 1
            if left > maxBytes >> 4 { throw .contentTooLarge }
            left = left << 4 | Int(digit)
            if left > maxBytes - total { throw .contentTooLarge }
            return
        }
        if digits == 0 { throw .badChunk }
        try takeBehindSize(byte)
    }

    private mutating func takeBehindSize(_ byte: UInt8) throws(HTTPFault) {
        switch byte {
        case 0x0D: state = .sizeEnd
        case UInt8(ascii: ";"): state = .extension
        case 0x20, 0x09: state = .blanks
        default: throw .badChunk
        }
    }

    private mutating func takeTrailer(_ byte: UInt8) throws(HTTPFault) {
        overhead += 1
        if overhead > Self.trailerBytesMax { throw .headTooLarge }
        if hasReturn {
            if byte != 0x0A { throw .badChunk }
            hasReturn = false
            if lineCount == 0 { state = .complete }
            (lineCount, hasColon) = (0, false)
        } else if byte == 0x0D {
            // RFC 9112 5: a line is a field, with a name and a colon.
            if lineCount > 0, !hasColon { throw .badChunk }
            hasReturn = true
        } else if hasColon {
            if !HTTPSyntax.isValueCharacter(byte) { throw .badChunk }
        } else if byte == UInt8(ascii: ":"), lineCount > 0 {
            hasColon = true
        } else {
            // A blank here is a folded line, or one before the colon.
            if !HTTPSyntax.isTokenCharacter(byte) { throw .badChunk }
            lineCount += 1
        }
    }
}
