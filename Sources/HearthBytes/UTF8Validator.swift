// UTF-8 as RFC 3629 defines it, checked while it arrives: the first byte that no valid text can have in its
// place is refused, be it of a surrogate, of an overlong form, or beyond U+10FFFF.

package struct UTF8Validator: Sendable {
    /// Continuation bytes that the character begun still needs, and what the next of them may be.
    private var needed: UInt8 = 0
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    package init() {}

    /// Whether the text so far could end here.
    package var isComplete: Bool { needed == 0 }

    package mutating func reset() { self = UTF8Validator() }

    /// Whether `bytes[from..<to]` is text by itself.
    @inline(__always)
    package static func isValid(_ bytes: borrowing Span<UInt8>, _ from: Int, _ to: Int) -> Bool {
        let rest = skipASCII(bytes, from, to)
        if rest == to { return true }
        var validator = UTF8Validator()
        return validator.feed(bytes, rest, to) && validator.isComplete
    }

    /// Takes `bytes[from..<to]` as what follows. False: no text can go on like this.
    package mutating func feed(_ bytes: borrowing Span<UInt8>, _ from: Int, _ to: Int) -> Bool {
        precondition(from >= 0 && from <= to && to <= bytes.count, "range beyond the bytes")
        var index = from
        while index < to {
            if needed == 0 {
                index = Self.skipASCII(bytes, index, to)
                if index == to { return true }
                // The loop's condition and skipASCII keep the index below `to`, which was checked.
                guard begin(unsafe bytes[unchecked: index]) else { return false }
                index &+= 1
            }
            while needed > 0 {
                if index == to { return true }
                let byte = unsafe bytes[unchecked: index]
                if byte < lowest || byte > highest { return false }
                lowest = 0x80
                highest = 0xBF
                needed &-= 1
                index &+= 1
            }
        }
        return true
    }

    /// The first byte of a character of several bytes. RFC 3629 4 has the table.
    @inline(__always)
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: needed = 1
        case 0xE1...0xEC, 0xEE...0xEF: needed = 2
        case 0xF1...0xF3: needed = 3
        case 0xE0: (needed, lowest) = (2, 0xA0)
        case 0xED: (needed, highest) = (2, 0x9F)
        case 0xF0: (needed, lowest) = (3, 0x90)
        case 0xF4: (needed, highest) = (3, 0x8F)
        default: return false
        }
        return true
    }

    /// The index of the first byte that is not ASCII, or `to`.
    @inline(__always)
    private static func skipASCII(_ bytes: borrowing Span<UInt8>, _ from: Int, _ to: Int) -> Int {
        precondition(from >= 0 && from <= to && to <= bytes.count, "range beyond the bytes")
        let raw = unsafe bytes.bytes
        let high: UInt64 = 0x8080_8080_8080_8080
        var index = from
        // Every load ends at `to` or before, which was checked.
        while index &+ 64 <= to {
            let low = unsafe raw.unsafeLoadUnaligned(
                fromUncheckedByteOffset: index, as: SIMD4<UInt64>.self)
            let top = unsafe raw.unsafeLoadUnaligned(
                fromUncheckedByteOffset: index &+ 32, as: SIMD4<UInt64>.self)
            let all = low | top
            if (all[0] | all[1] | all[2] | all[3]) & high != 0 { break }
            index &+= 64
        }
        while index &+ 8 <= to {
            if unsafe raw.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self) & high != 0 {
                break
            }
            index &+= 8
        }
        while index < to, unsafe bytes[unchecked: index] < 0x80 { index &+= 1 }
        return index
    }
}
