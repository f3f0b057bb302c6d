// The log: levels, an area, a sentence, and structured fields. Silent until a host asks for it.

internal import HearthBytes
internal import HearthPlatform

package enum LogLevel: Int {
    case debug = 0, info, warning, error
}

/// A line of the log; the pointers are good until the callback returns.
package struct LogEntry {
    package var level: LogLevel
    package var wallMilliseconds: UInt64
    package var area: StaticString
    package var message: StaticString
    package var fields: Borrowed
}

package typealias LogCallback = @convention(c) (UnsafeMutableRawPointer?, UnsafeRawPointer) -> Void

package struct Log {
    package var callback: LogCallback?
    package var context: UnsafeMutableRawPointer?
    package var levelMin = LogLevel.info

    /// Whether a line of that level would be written: ask before building fields.
    @inline(__always)
    func wants(_ level: LogLevel) -> Bool { callback != nil && level.rawValue >= levelMin.rawValue }

    func write(_ level: LogLevel, _ area: StaticString, _ message: StaticString, _ fields: LogFields) {
        guard let callback, wants(level) else { return }
        fields.bytes.withUnsafeBufferPointer { bytes in
            var entry = LogEntry(
                level: level, wallMilliseconds: Clock.wallMilliseconds(), area: area, message: message,
                fields: Borrowed(bytes.baseAddress, bytes.count))
            withUnsafePointer(to: &entry) { callback(context, UnsafeRawPointer($0)) }
        }
    }
}

/// name NUL value NUL …
struct LogFields {
    private(set) var bytes: [UInt8] = []

    init() {}

    func adding(_ name: StaticString, _ value: [UInt8]) -> LogFields {
        var copy = self
        copy.add(name)
        // A peer's bytes end up here: what would end the field or spoil a line of text is replaced.
        for byte in value.prefix(1024) { copy.bytes.append(byte < 0x20 || byte == 0x7F ? 0x3F : byte) }
        copy.bytes.append(0)
        return copy
    }

    func adding(_ name: StaticString, _ value: StaticString) -> LogFields {
        var copy = self
        copy.add(name)
        value.withUTF8Buffer { copy.bytes.append(contentsOf: $0) }
        copy.bytes.append(0)
        return copy
    }

    func adding(_ name: StaticString, _ value: UInt64) -> LogFields {
        var copy = self
        copy.add(name)
        appendDecimal(value, to: &copy.bytes)
        copy.bytes.append(0)
        return copy
    }

    private mutating func add(_ name: StaticString) {
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(0)
    }
}
