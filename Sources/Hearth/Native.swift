// How strings and lists cross the C boundary. Everything is copied here, so no pointer of the library leaves
// this module, except in a BorrowedEvent.

internal import CHearth

/// Calls `body` with the text ended by a NUL, or with nil. A text that holds a NUL would reach the library
/// cut off: it is refused.
func withText<Value>(
    _ text: String?, _ body: (UnsafePointer<CChar>?) throws(HearthError) -> Value
) throws(HearthError) -> Value {
    guard let text else { return try body(nil) }
    if text.utf8.contains(0) {
        throw HearthError(.invalid, detail: "a name or reason may not contain a NUL")
    }
    return try text.withCString { pointer -> Result<Value, HearthError> in
        do throws(HearthError) { return .success(try body(pointer)) } catch { return .failure(error) }
    }.get()
}

/// All bytes that a function of the form (buffer, capacity) -> length has, however many there are.
func readBytes(_ read: (UnsafeMutablePointer<CChar>?, Int) -> Int64) throws(HearthError) -> [UInt8] {
    var capacity = 256
    while true {
        var answer: Int64 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            answer = buffer.withMemoryRebound(to: CChar.self) { read($0.baseAddress, capacity) }
            count = max(0, min(Int(answer), capacity))
        }
        let length = try HearthError.count(answer)
        // A text needs one byte more than its length, for the NUL.
        if length < capacity { return bytes }
        capacity = length + 1 + length / 4
    }
}

func readText(_ read: (UnsafeMutablePointer<CChar>?, Int) -> Int64) throws(HearthError) -> String {
    String(decoding: try readBytes(read), as: UTF8.self)
}

/// The names of a list in which each is ended by a NUL.
func readNames(_ read: (UnsafeMutablePointer<CChar>?, Int) -> Int64) throws(HearthError) -> [String] {
    try readBytes(read).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
}

func readConnections(
    _ read: (UnsafeMutablePointer<hearth_connection>?, Int) -> Int64
) throws(HearthError) -> [Connection] {
    var capacity = 64
    while true {
        var answer: Int64 = 0
        let ids = [hearth_connection](unsafeUninitializedCapacity: capacity) { buffer, count in
            answer = read(buffer.baseAddress, capacity)
            count = max(0, min(Int(answer), capacity))
        }
        let total = try HearthError.count(answer)
        if total <= capacity { return ids.map(Connection.init(id:)) }
        capacity = total + total / 4
    }
}

/// A copy of text that the library lends.
func copyText(_ base: UnsafePointer<CChar>?, _ count: Int) -> String {
    guard let base else { return "" }
    return base.withMemoryRebound(to: UInt8.self, capacity: count) {
        String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
    }
}

func copyBytes(_ base: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
    Array(UnsafeBufferPointer(start: base, count: count))
}

extension Except {
    /// Calls `body` with the C form of who is left out; nil for nobody.
    func withNative<Value>(
        _ body: (UnsafePointer<hearth_except>?) throws(HearthError) -> Value
    ) throws(HearthError) -> Value {
        if connection == nil && user == nil { return try body(nil) }
        return try withText(user) { (name) throws(HearthError) -> Value in
            var native = hearth_except(
                size: UInt32(MemoryLayout<hearth_except>.size), flags: 0, connection: connection?.id ?? 0,
                user: name)
            return try withUnsafePointer(to: &native) { (pointer) throws(HearthError) -> Value in
                try body(pointer)
            }
        }
    }
}
