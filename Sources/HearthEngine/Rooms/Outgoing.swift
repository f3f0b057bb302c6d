// A message on its way to its receivers: what they get in each dialect.

internal import HearthBytes
internal import HearthHub
internal import HearthWire

/// How the payload of a connection's messages is wrapped.
package enum Dialect: UInt8 {
    /// Bytes as they are.
    case raw = 0
    /// An envelope with the name of an event.
    case json = 1
}

/// Lent until the call returns.
struct Outgoing {
    let opcode: Opcode
    let raw: UnsafeBufferPointer<UInt8>
    /// For receivers that speak JSON.
    let json: UnsafeBufferPointer<UInt8>
    /// An event, which each dialect gets in its own form. Else the bytes are the same for all.
    let isEvent: Bool
    /// Whether receivers of the raw dialect get it.
    let reachesRaw: Bool
    /// Not for receivers that have enough to read.
    let isEphemeral: Bool

    /// The same bytes for everybody.
    @inline(__always)
    init(_ opcode: Opcode, _ payload: UnsafeBufferPointer<UInt8>) {
        self.opcode = opcode
        raw = payload
        json = payload
        isEvent = false
        reachesRaw = true
        isEphemeral = false
    }

    /// What another process is sent of it.
    var bytesCount: Int { raw.count + (isEvent ? json.count : 0) }

    /// `raw` nil: nothing for receivers of the raw dialect.
    init(
        event json: UnsafeBufferPointer<UInt8>, raw: UnsafeBufferPointer<UInt8>?, isEphemeral: Bool
    ) {
        opcode = .text
        self.raw = raw ?? UnsafeBufferPointer(start: nil, count: 0)
        self.json = json
        isEvent = true
        reachesRaw = raw != nil
        self.isEphemeral = isEphemeral
    }
}

/// The same with bytes of its own, for other loops.
struct OwnedMessage {
    let opcode: Opcode
    let raw: [UInt8]
    let json: [UInt8]
    let isEvent: Bool
    let reachesRaw: Bool
    let isEphemeral: Bool

    init(_ outgoing: Outgoing) {
        opcode = outgoing.opcode
        raw = Array(outgoing.raw)
        json = outgoing.isEvent ? Array(outgoing.json) : []
        isEvent = outgoing.isEvent
        reachesRaw = outgoing.reachesRaw
        isEphemeral = outgoing.isEphemeral
    }

    func lend<Result>(_ body: (Outgoing) -> Result) -> Result {
        raw.withUnsafeBufferPointer { raw in
            if !isEvent { return body(Outgoing(opcode, raw)) }
            return json.withUnsafeBufferPointer { json in
                body(Outgoing(event: json, raw: reachesRaw ? raw : nil, isEphemeral: isEphemeral))
            }
        }
    }
}
