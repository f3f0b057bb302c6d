// One attempt to open a client's connection: from the program's preparations to the server's answer. It keeps
// what cannot be had again and nothing else, as ten thousand clients may lose their server in one moment.

internal import HearthPlatform
internal import HearthWire

final class ClientAttempt {
    let number: Int
    /// `open_timeout` is over then.
    let deadline: UInt64
    /// The client's url and header fields when the program had prepared the attempt.
    private var urlText: [UInt8] = []
    private(set) var fields: [UInt8] = []
    /// Where servers have sent it instead, one after the other.
    private var redirections: [WebSocketURL] = []
    var lookup: Lookup?
    /// What is still to be tried, the next one last.
    private var addresses: [RemoteAddress] = []
    /// The next address is tried then, if none has connected; 0: after a failure only.
    var nextAddressAt: UInt64 = 0
    /// Sockets that are connecting.
    var candidates = Candidates()
    /// The one that has connected.
    var connection = ConnectionID.none
    /// Whom TLS is agreed on with; empty: there is none.
    var sealedHost: [UInt8] = []
    /// What Sec-WebSocket-Key is made of.
    private var nonce: (UInt64, UInt64) = (0, 0)
    /// The head of the answer so far.
    var answer: [UInt8] = []
    var scanned = 0
    /// What the system said of the last address that failed.
    var systemError: SystemError?
    var interimCount: UInt8 = 0
    var hasAnswered = false
    /// Why the program does not want it.
    var declined: [UInt8]?

    init(number: Int, deadline: UInt64) {
        self.number = number
        self.deadline = deadline
    }

    /// When something is to be done if nothing happens.
    var due: UInt64 { nextAddressAt == 0 ? deadline : min(deadline, nextAddressAt) }

    // MARK: Where to

    func begin(url: [UInt8], fields: [UInt8]) throws(URLFault) {
        urlText = url
        self.fields = fields
        _ = try WebSocketURL.parse(url.span)
    }

    /// nil: it has not begun.
    var url: WebSocketURL? {
        if let last = redirections.last { return last }
        let text = urlText
        return try? WebSocketURL.parse(text.span)
    }

    var redirects: Int { redirections.count }

    func redirect(from url: WebSocketURL, to location: borrowing Span<UInt8>) throws(URLFault) {
        let next = try url.redirected(to: location)
        // What authenticates at one server is no business of another.
        if !next.isSameOrigin(as: url) { fields = [] }
        redirections.append(next)
    }

    // MARK: Addresses

    var hasAddresses: Bool { !addresses.isEmpty }

    func setAddress(_ only: RemoteAddress) { addresses = [only] }

    /// RFC 8305 4: the families take turns, beginning with the one that the system prefers.
    func setAddresses(_ found: UnsafeBufferPointer<RemoteAddress>) {
        addresses = []
        guard let preferred = found.first?.family else { return }
        var others = found.filter { $0.family != preferred }[...]
        for address in found where address.family == preferred {
            addresses.append(address)
            if let other = others.popFirst() { addresses.append(other) }
        }
        addresses += others
        addresses.reverse()
    }

    func takeAddress() -> RemoteAddress? {
        let next = addresses.popLast()
        if addresses.isEmpty { addresses = [] }
        return next
    }

    // MARK: The request

    func drawKey(_ first: UInt64, _ second: UInt64) { nonce = (first, second) }

    /// Sec-WebSocket-Key.
    var key: [UInt8] {
        withUnsafeBytes(of: nonce) { ClientHandshake.key(random: $0.bindMemory(to: UInt8.self).span) }
    }
}

/// Nearly always there is one, which takes no memory of its own.
struct Candidates {
    private var first = ConnectionID.none
    private var others: [ConnectionID] = []

    init() {}

    var isEmpty: Bool { first == .none && others.isEmpty }

    mutating func add(_ id: ConnectionID) {
        if first == .none { first = id } else { others.append(id) }
    }

    mutating func remove(_ id: ConnectionID) {
        if first == id { first = .none } else { others.removeAll { $0 == id } }
    }

    /// One after the other; nil: there are none left.
    mutating func takeLast() -> ConnectionID? {
        if let other = others.popLast() { return other }
        let last = first
        first = .none
        return last == .none ? nil : last
    }
}
