// C strings and buffers, in and out.

internal import HearthBytes
internal import HearthEngine
internal import HearthPlatform

/// No name, key, value or reason that a host passes is longer.
private let textBytesMax = 1 << 20

/// A C string of the host's; nil if it is NULL, too long or not UTF-8.
func text(_ pointer: UnsafePointer<CChar>?) -> [UInt8]? {
    guard let pointer else { return nil }
    let count = CString.length(pointer, max: textBytesMax)
    if count > textBytesMax { return nil }
    let buffer = UnsafeBufferPointer(
        start: UnsafeRawPointer(pointer).assumingMemoryBound(to: UInt8.self), count: count)
    guard UTF8Validator.isValid(buffer.span, 0, count) else { return nil }
    return Array(buffer)
}

/// How long a name of the host's is.
func nameLength(_ name: UnsafePointer<CChar>) -> Int {
    min(CString.length(name, max: textBytesMax), textBytesMax)
}

/// A payload of the host's; nil if a length comes without a pointer.
@inline(__always)
func payload(_ data: UnsafeRawPointer?, _ length: Int) -> UnsafeBufferPointer<UInt8>? {
    if length < 0 || (data == nil && length > 0) { return nil }
    return UnsafeBufferPointer(start: data?.assumingMemoryBound(to: UInt8.self), count: length)
}

/// Copies text out with a NUL, cut to fit. Returns its whole length.
func copyOut(_ bytes: [UInt8], _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int64 {
    if let buffer, capacity > 0 {
        let count = min(bytes.count, capacity - 1)
        for index in 0..<count { buffer[index] = CChar(bitPattern: bytes[index]) }
        buffer[count] = 0
    }
    return Int64(bytes.count)
}

/// Copies names out, each with a NUL, as far as whole names fit. Returns the bytes that all need.
func copyOut(list: [[UInt8]], _ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int64 {
    var needed = 0
    var isFitting = buffer != nil
    for name in list {
        if isFitting, needed + name.count + 1 <= capacity {
            for index in 0..<name.count { buffer![needed + index] = CChar(bitPattern: name[index]) }
            buffer![needed + name.count] = 0
        } else {
            isFitting = false
        }
        needed += name.count + 1
    }
    return Int64(needed)
}

/// Copies ids out, as far as they fit. Returns how many there are.
func copyOut(ids: [UInt64], _ place: UnsafeMutablePointer<UInt64>?, _ capacity: Int) -> Int64 {
    if let place { for index in 0..<min(ids.count, max(0, capacity)) { place[index] = ids[index] } }
    return Int64(ids.count)
}

/// Text that lives as long as the process, with a NUL.
func permanent(_ bytes: [UInt8]) -> UnsafePointer<CChar> {
    let place = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    for index in 0..<bytes.count { place[index] = CChar(bitPattern: bytes[index]) }
    place[bytes.count] = 0
    return UnsafePointer(place)
}

func permanent(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}
