// What a call can answer instead of doing its work. The names are those of hearth_error in hearth.h.

internal import CHearth

/// Why a call did not do what was asked.
public struct HearthError: Error, Sendable, CustomStringConvertible {
    /// The kind of an error. The set may grow; `HearthError+Codes.swift` has it.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: Int32

        public init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    public let code: Code
    /// What is known beyond the code, such as the address or the key; "" for nothing.
    public let detail: String

    init(_ code: Code, detail: String = "") {
        self.code = code
        self.detail = detail
    }

    /// The name in C, such as "HEARTH_ERR_GONE".
    public var name: String {
        String(cString: hearth_error_name(code.rawValue))
    }

    /// One sentence.
    public var description: String {
        detail.isEmpty ? String(cString: hearth_strerror(code.rawValue)) : detail
    }
}

extension HearthError {
    /// Throws for a negative answer.
    @inline(__always)
    static func check(_ status: Int32) throws(HearthError) {
        if status < 0 { throw HearthError(Code(rawValue: status)) }
    }

    /// Throws for a negative answer, else gives the count.
    @inline(__always)
    static func count(_ answer: Int64) throws(HearthError) -> Int {
        if answer < 0 { throw HearthError(Code(rawValue: Int32(truncatingIfNeeded: answer))) }
        return Int(answer)
    }
}
