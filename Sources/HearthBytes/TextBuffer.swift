// A text that is put together again and again in the same memory.

/// Unlike an array it is in one place, so that nothing has to be asked before a byte is added: no count of
/// references, and no copy. Whoever made it gives its memory back.
package struct TextBuffer: ~Copyable {
    /// The first bytes need memory.
    private var base: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    package private(set) var count = 0

    package init() {}

    /// Afterwards it is not to be used any more.
    package func deallocate() { base?.deallocate() }

    /// Good until the next change.
    @inline(__always)
    package var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: base, count: count) }

    package var array: [UInt8] { Array(UnsafeRawBufferPointer(bytes)) }

    /// Where the next byte will be; there is room for it.
    @inline(__always)
    private var end: UnsafeMutablePointer<UInt8> { base.unsafelyUnwrapped + count }

    /// Empties it. The memory stays.
    @inline(__always)
    package mutating func removeAll() { count = 0 }

    /// Takes away what is behind the first bytes.
    package mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= self.count, "bytes that are not there")
        self.count = count
    }

    /// Room for so many more bytes, so that what follows does not move the text.
    @inline(__always)
    package mutating func reserve(_ more: Int) { if more > capacity &- count { grow(by: more) } }

    @inline(__always)
    package mutating func append(_ byte: UInt8) {
        reserve(1)
        end.pointee = byte
        count &+= 1
    }

    @inline(__always)
    package mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        if let first = bytes.baseAddress { append(first, bytes.count) }
    }

    @inline(__always)
    package mutating func append(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range beyond the bytes")
        // The span keeps its memory alive until the call returns.
        bytes.withUnsafeBufferPointer {
            if let first = $0.baseAddress { append(first + range.lowerBound, range.count) }
        }
    }

    @inline(__always)
    private mutating func append(_ first: UnsafePointer<UInt8>, _ more: Int) {
        if more == 0 { return }
        reserve(more)
        // As raw memory: typed bytes would be copied one by one in Embedded Swift.
        UnsafeMutableRawPointer(end).copyMemory(from: first, byteCount: more)
        count &+= more
    }

    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

    package mutating func append(_ text: StaticString) { text.withUTF8Buffer { append($0) } }

    /// Decimal digits.
    package mutating func append(decimal number: UInt64) {
        if number < 10 { return append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number)) }
        var digits = 2
        var rest = number / 100
        while rest > 0 {
            rest /= 10
            digits &+= 1
        }
        append(byCount: digits) { place in
            var rest = number
            var index = digits
            while index > 0 {
                index &-= 1
                place[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
        }
    }

    /// Appends so many bytes, all of which `body` writes.
    @inline(__always)
    package mutating func append(byCount more: Int, _ body: (UnsafeMutablePointer<UInt8>) -> Void) {
        precondition(more > 0, "nothing to write")
        reserve(more)
        body(end)
        count &+= more
    }

    /// Appends the bytes with the ASCII letters among them in lower case.
    @_optimize(speed)
    package mutating func append(lowercase bytes: borrowing Span<UInt8>, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "range beyond the bytes")
        let more = range.count
        if more == 0 { return }
        reserve(more)
        let place = UnsafeMutableRawPointer(end)
        bytes.withUnsafeBytes { bytes in
            let source = bytes.baseAddress.unsafelyUnwrapped + range.lowerBound
            var index = 0
            if more >= 8 {
                while index < more &- 8 {
                    Self.copyLowercase(UInt64.self, from: source + index, to: place + index)
                    index &+= 8
                }
                // The last eight, some of them once more.
                let last = more &- 8
                return Self.copyLowercase(UInt64.self, from: source + last, to: place + last)
            }
            if more >= 4 {
                let last = more &- 4
                Self.copyLowercase(UInt32.self, from: source, to: place)
                return Self.copyLowercase(UInt32.self, from: source + last, to: place + last)
            }
            while index < more {
                let byte = source.load(fromByteOffset: index, as: UInt8.self)
                let lower = byte &- 0x41 < 26 ? byte | 0x20 : byte
                place.storeBytes(of: lower, toByteOffset: index, as: UInt8.self)
                index &+= 1
            }
        }
        count &+= more
    }

    @inline(__always)
    private static func copyLowercase<Word: FixedWidthInteger & BitwiseCopyable>(
        _: Word.Type, from source: UnsafeRawPointer, to place: UnsafeMutableRawPointer
    ) {
        let word = source.loadUnaligned(as: Word.self)
        // No sum reaches into the next byte. From "A" on, but not from behind "Z" on, and ASCII.
        let low = word & Word(truncatingIfNeeded: 0x7F7F_7F7F_7F7F_7F7F)
        let fromA = low &+ Word(truncatingIfNeeded: 0x3F3F_3F3F_3F3F_3F3F)
        let behindZ = low &+ Word(truncatingIfNeeded: 0x2525_2525_2525_2525)
        let capitals = fromA & ~behindZ & ~word & Word(truncatingIfNeeded: 0x8080_8080_8080_8080 as UInt64)
        place.storeBytes(of: word | capitals &>> 2, as: Word.self)
    }

    @inline(never)
    private mutating func grow(by more: Int) {
        capacity = max(capacity * 2, count + more, 64)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        if let base {
            UnsafeMutableRawPointer(larger).copyMemory(from: base, byteCount: count)
            base.deallocate()
        }
        base = larger
    }
}
