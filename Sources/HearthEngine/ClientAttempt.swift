// One attempt to open a client's connection: from the program's preparations to the server's answer.

internal import HearthPlatform
internal import HearthWire

final class ClientAttempt {
    let number: Int
    /// `open_timeout` is over then.
    var deadline: UInt64
    var url: WebSocketURL?
    var fields: [UInt8] = []
    /// CLIENT_PREPARE is not answered yet.
    var isPreparing = false
    var lookup: Lookup?
    var addresses: [RemoteAddress] = []
    var nextAddress = 0
    /// The next address is tried then, if none has connected; 0: after a failure only.
    var nextAddressAt: UInt64 = 0
    /// Sockets that are connecting.
    var candidates: [ConnectionID] = []
    /// The one that has connected.
    var connection = ConnectionID.none
    /// What the system said of the last address that failed.
    var systemError: SystemError?
    var redirects = 0
    /// Whom TLS is agreed on with; empty: there is none.
    var sealedHost: [UInt8] = []
    /// Sec-WebSocket-Key.
    var key: [UInt8] = []
    /// What was offered.
    var offer = HandshakeOffer(subprotocols: [], extensions: [], fields: [])
    /// The head of the answer so far.
    var answer: [UInt8] = []
    var scanned = 0
    var interimCount = 0
    var hasAnswered = false

    init(number: Int, deadline: UInt64) {
        self.number = number
        self.deadline = deadline
    }

    /// When something is to be done if nothing happens.
    var due: UInt64 { nextAddressAt == 0 ? deadline : min(deadline, nextAddressAt) }

    /// RFC 8305 4: the families take turns, beginning with the one that the system prefers.
    func setAddresses(_ found: UnsafeBufferPointer<RemoteAddress>) {
        addresses = []
        nextAddress = 0
        guard let preferred = found.first?.family else { return }
        var others = found.filter { $0.family != preferred }[...]
        for address in found where address.family == preferred {
            addresses.append(address)
            if let other = others.popFirst() { addresses.append(other) }
        }
        addresses += others
    }
}
