// Names and other short texts, as the bytes that came. No Unicode tables are needed to compare them.

package struct ByteString: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package init(_ span: borrowing Span<UInt8>) {
        bytes = copy(span, 0, span.count)
    }

    package init(_ span: borrowing Span<UInt8>, _ range: Range<Int>) {
        bytes = copy(span, range.lowerBound, range.upperBound)
    }

    package init(_ text: StaticString) {
        bytes = text.withUTF8Buffer { unsafe Array($0) }
    }

    package var count: Int { bytes.count }

    package var isEmpty: Bool { bytes.isEmpty }

    package func equals(_ span: borrowing Span<UInt8>) -> Bool {
        let count = bytes.count
        if span.count != count { return false }
        for index in 0..<count where bytes[index] != span[index] { return false }
        return true
    }
}

/// The bytes of a range, in an array of their own.
package func copy(_ span: borrowing Span<UInt8>, _ from: Int, _ to: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    append(span, from, to, to: &bytes)
    return bytes
}

/// Appends the bytes of a range to an array.
package func append(_ span: borrowing Span<UInt8>, _ from: Int, _ to: Int, to bytes: inout [UInt8]) {
    precondition(from >= 0 && from <= to && to <= span.count, "range beyond the bytes")
    // The span keeps its memory alive until the call returns.
    unsafe span.withUnsafeBytes { source in
        unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: source[from..<to]))
    }
}

/// Appends a text of the program to an array. Not in place: it is called in hundreds of places.
@inline(never)
package func append(_ text: StaticString, to bytes: inout [UInt8]) {
    // As raw memory: typed bytes would be copied one by one in Embedded Swift.
    text.withUTF8Buffer { unsafe bytes.append(contentsOf: UnsafeRawBufferPointer($0)) }
}

/// Appends a number in decimal digits.
@inline(never)
package func append(decimal number: Int, to bytes: inout [UInt8]) {
    precondition(number >= 0, "only counts are written")
    var divisor = 1
    while number / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
        bytes.append(UInt8(ascii: "0") + UInt8(number / divisor % 10))
        divisor /= 10
    }
}
