// What a peer asked for: a WebSocket, or anything else over HTTP.

internal import CHearth

/// The request with which a connection began.
public struct Request: Sendable {
    /// Number of the route, as `Server.route` returned it; nil for a server without routes.
    public let route: Int?
    public let path: String
    /// What follows the "?", as it was sent.
    public let query: String
    public let headers: Fields
    /// What the pattern's names stand for, percent-decoded.
    public let captures: Fields
    /// The peer's address, such as "127.0.0.1:51234".
    public let address: String
    /// The subprotocols that the peer offers, in its order of preference.
    public let subprotocols: [String]
    /// The one that was chosen; nil: none, or not yet.
    public let subprotocol: String?

    /// The query's parameters, percent-decoded.
    public var parameters: Fields { Fields(query: query) }

    init(_ event: UnsafePointer<hearth_event>) {
        route = event.pointee.route < 0 ? nil : Int(event.pointee.route)
        path = copyText(event.pointee.path, event.pointee.path_length)
        query = copyText(event.pointee.query, event.pointee.query_length)
        headers = Fields(list: event.pointee.headers, event.pointee.headers_length)
        captures = Fields(list: event.pointee.captures, event.pointee.captures_length)
        address = copyText(event.pointee.address, event.pointee.address_length)
        subprotocols = (headers["sec-websocket-protocol"] ?? "").split(separator: ",").map {
            String($0.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
        let isOpen = event.pointee.type == HEARTH_EVENT_OPEN.rawValue
        let chosen = isOpen ? copyBytes(event.pointee.data, event.pointee.data_length) : []
        subprotocol = chosen.isEmpty ? nil : String(decoding: chosen, as: UTF8.self)
    }
}

/// A request that is no upgrade, on a route made with `Server.routeHTTP`.
public struct HTTPRequest: Sendable {
    /// Names the request until it is answered.
    public let id: UInt64
    public let method: String
    public let path: String
    public let query: String
    public let headers: Fields
    public let captures: Fields
    public let address: String
    public let route: Int
    public let body: [UInt8]

    public var parameters: Fields { Fields(query: query) }

    init(_ event: UnsafePointer<hearth_event>) {
        id = event.pointee.connection
        method = copyText(event.pointee.method, event.pointee.method_length)
        path = copyText(event.pointee.path, event.pointee.path_length)
        query = copyText(event.pointee.query, event.pointee.query_length)
        headers = Fields(list: event.pointee.headers, event.pointee.headers_length)
        captures = Fields(list: event.pointee.captures, event.pointee.captures_length)
        address = copyText(event.pointee.address, event.pointee.address_length)
        route = Int(event.pointee.route)
        body = copyBytes(event.pointee.data, event.pointee.data_length)
    }

    /// Answers, once. Content-Length, Connection and Date are the library's own. Unanswered for
    /// `http_timeout` the peer gets status 503.
    public func respond(
        status: Int = 200, headers: [(name: String, value: String)] = [], body: [UInt8]
    ) throws(HearthError) {
        for field in headers where (field.name + field.value).utf8.contains(where: { $0 == 10 || $0 == 13 }) {
            throw HearthError(.invalid, detail: "the header field \(field.name) breaks into two lines")
        }
        let block = headers.map { "\($0.name): \($0.value)\r\n" }.joined()
        let code = Int32(clamping: status)
        let answer = try withText(block) { block in
            body.withUnsafeBytes { hearth_http_respond(id, code, block, $0.baseAddress, $0.count) }
        }
        try HearthError.check(answer)
    }

    /// Answers with text, as text/plain unless a header says otherwise.
    public func respond(
        status: Int = 200, headers: [(name: String, value: String)] = [], text: String
    ) throws(HearthError) {
        var headers = headers
        if !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            headers.append(("Content-Type", "text/plain; charset=utf-8"))
        }
        try respond(status: status, headers: headers, body: Array(text.utf8))
    }
}

extension Fields {
    fileprivate init(list: UnsafePointer<CChar>?, _ count: Int) {
        let bytes = UnsafeRawBufferPointer(start: list, count: count)
        self.init(list: bytes.assumingMemoryBound(to: UInt8.self))
    }
}
