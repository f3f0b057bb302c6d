// Looking at the bytes of a head eight at a time. Each function gives what it would give byte by byte.

extension HTTPSyntax {
    /// The high bit of each byte.
    private static var highs: UInt64 { 0x8080_8080_8080_8080 }

    private static func all(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

    /// The eight bytes at `index`, the first the lowest. They must be there.
    @inline(__always)
    private static func word(_ bytes: RawSpan, _ index: Int) -> UInt64 {
        UInt64(
            littleEndian: unsafe bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self))
    }

    /// The index of the first byte that is a control character or beyond ASCII, or `to`.
    @inline(__always)
    static func skipVisible(_ bytes: borrowing Span<UInt8>, _ from: Int, _ to: Int) -> Int {
        precondition(from >= 0 && from <= to && to <= bytes.count, "range beyond the bytes")
        let raw = bytes.bytes
        var index = from
        // Every load ends at `to` or before, which was checked.
        while index &+ 8 <= to {
            let word = word(raw, index)
            // The high bit of a byte is set if the byte is below 0x20, above 0x7E, or behind one that is.
            let other = ((word &- all(0x20)) | word | (word &+ all(0x01))) & highs
            if other != 0 { return index &+ other.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < to {
            let byte = unsafe bytes[unchecked: index]
            if byte < 0x20 || byte > 0x7E { break }
            index &+= 1
        }
        return index
    }

    /// The index of the first such byte in the range, or its end.
    @_optimize(speed)
    static func find(_ byte: UInt8, _ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Int {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range beyond the bytes")
        let raw = bytes.bytes
        var index = range.lowerBound
        // As above.
        while index &+ 8 <= range.upperBound {
            let rest = word(raw, index) ^ all(byte)
            // The high bit of a byte is set if nothing is left of the byte, or of one before it.
            let found = (rest &- all(0x01)) & ~rest & highs
            if found != 0 { return index &+ found.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < range.upperBound, unsafe bytes[unchecked: index] != byte { index &+= 1 }
        return index
    }

    /// RFC 9110 5.6.2.
    @_optimize(speed)
    package static func isToken(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range beyond the bytes")
        let raw = bytes.bytes
        var index = range.lowerBound
        while index < range.upperBound {
            // Most names are letters and hyphens, which a word shows at once.
            if index &+ 8 <= range.upperBound, isLetters(word(raw, index)) {
                index &+= 8
            } else {
                if !isTokenCharacter(unsafe bytes[unchecked: index]) { return false }
                index &+= 1
            }
        }
        return !range.isEmpty
    }

    /// Whether the eight are all ASCII letters or hyphens.
    @inline(__always)
    private static func isLetters(_ word: UInt64) -> Bool {
        if word & highs != 0 { return false }
        let lower = word | all(0x20)
        // No sum reaches into the next byte. From "a" on, but not from behind "z" on.
        let letters = (lower &+ all(0x80 - 0x61)) & ~(lower &+ all(0x80 - 0x7B))
        let others = (word ^ all(0x2D)) &+ all(0x7F)
        return (letters | ~others) & highs == highs
    }

    /// Whether the bytes are the word, whatever the case of theirs. The word has letters, which are in lower
    /// case, digits and signs below 0x40.
    @inline(__always)
    package static func matches(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ word: StaticString
    ) -> Bool {
        range.count == word.utf8CodeUnitCount && isSame(bytes, range.lowerBound, word, letters: all(0x40))
    }

    /// Whether the bytes are the word.
    @inline(__always)
    static func equals(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ word: StaticString) -> Bool {
        range.count == word.utf8CodeUnitCount && isSame(bytes, range.lowerBound, word, letters: 0)
    }

    /// Compares the word with as many bytes. In those that are letters of the word, as its bit in `letters`
    /// says, the bit that tells a letter's case counts for nothing.
    @_optimize(speed)
    @inline(never)
    private static func isSame(
        _ bytes: borrowing Span<UInt8>, _ start: Int, _ word: StaticString, letters: UInt64
    ) -> Bool {
        let count = word.utf8CodeUnitCount
        precondition(start >= 0 && start <= bytes.count &- count, "range beyond the bytes")
        if count == 0 { return true }
        // Both have `count` bytes from there on. A static text lives as long as the program.
        return unsafe bytes.withUnsafeBytes { bytes in
            let text = unsafe bytes.baseAddress! + start
            let word = unsafe UnsafeRawPointer(word.utf8Start)
            var index = 0
            if count >= 8 {
                while index < count &- 8 {
                    if unsafe !isSame(text, word, at: index, letters) { return false }
                    index &+= 8
                }
                // The last eight, some of them once more.
                return unsafe isSame(text, word, at: count &- 8, letters)
            }
            if count >= 4 {
                let letters = UInt32(truncatingIfNeeded: letters)
                if unsafe !isSame(text, word, at: 0, letters) { return false }
                return unsafe isSame(text, word, at: count &- 4, letters)
            }
            let letters = UInt8(truncatingIfNeeded: letters)
            while index < count {
                if unsafe !isSame(text, word, at: index, letters) { return false }
                index &+= 1
            }
            return true
        }
    }

    @inline(__always)
    private static func isSame<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ text: UnsafeRawPointer, _ word: UnsafeRawPointer, at index: Int, _ letters: Integer
    ) -> Bool {
        let wanted = unsafe word.loadUnaligned(fromByteOffset: index, as: Integer.self)
        let there = unsafe text.loadUnaligned(fromByteOffset: index, as: Integer.self)
        return there | ((wanted & letters) &>> 1 & wanted) == wanted
    }
}
