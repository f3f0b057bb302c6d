// The public id of a connection: which loop of the process it lives on, where there, and a serial number that
// no other connection of that loop ever has. So an id that is kept too long names nobody else.

package struct ConnectionID: Equatable, Sendable {
    private static var slotBits: UInt64 { 22 }
    private static var loopBits: UInt64 { 8 }
    /// How many connections a loop can hold.
    static var slotCount: Int { 1 << 22 }
    /// How many loops a process can run at once.
    static var loopCount: Int { 1 << 8 }

    package let raw: UInt64

    package init(raw: UInt64) { self.raw = raw }

    /// `serial` begins with 1, so no id is 0.
    init(serial: UInt64, loop: Int, slot: UInt32) {
        raw = serial << (Self.slotBits + Self.loopBits) | UInt64(loop) << Self.slotBits | UInt64(slot)
    }

    static var none: ConnectionID { ConnectionID(raw: 0) }

    @inline(__always) var slot: UInt32 { UInt32(truncatingIfNeeded: raw & (1 << Self.slotBits - 1)) }
    var serial: UInt64 { raw >> (Self.slotBits + Self.loopBits) }
    @inline(__always) var loop: Int { Int(raw >> Self.slotBits & (1 << Self.loopBits - 1)) }
}
