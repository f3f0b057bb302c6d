// What a program may change before each attempt of a client.

internal import CHearth

/// An attempt that is about to be made.
public struct PreparedAttempt: Sendable {
    /// Counted since the last connection that held; 0 is the first of all.
    public let attempt: Int
    public let url: String
    /// Why the attempt before failed.
    public let error: HearthError?
    /// The HTTP status of its answer.
    public let status: Int?

    init(_ event: UnsafePointer<hearth_event>) {
        attempt = Int(event.pointee.attempt)
        url = copyText(event.pointee.path, event.pointee.path_length)
        let number = event.pointee.error
        error = number == 0 ? nil : HearthError(HearthError.Code(rawValue: number))
        status = event.pointee.status == 0 ? nil : Int(event.pointee.status)
    }
}

/// What an attempt, and those after it, use. nil: what was used before.
public struct Preparation: Sendable {
    public var url: String?
    public var headers: [(name: String, value: String)]?

    public init(url: String? = nil, headers: [(name: String, value: String)]? = nil) {
        self.url = url
        self.headers = headers
    }

    /// Fields as the library takes them. A line break in a value would be a field of its own.
    static func lines(_ fields: [(name: String, value: String)]) throws(HearthError) -> String {
        var lines = ""
        for (name, value) in fields {
            if (name + value).utf8.contains(where: { $0 == 0x0A || $0 == 0x0D || $0 == 0 }) {
                throw HearthError(.invalid, detail: "the header \(name) contains a line break")
            }
            lines += "\(name): \(value)\n"
        }
        return lines
    }
}
