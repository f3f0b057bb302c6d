// What other threads ask of a loop, by what it is asked of. Each command owns its bytes.

package import HearthBytes
internal import HearthPlatform
internal import HearthWire

enum Command {
    /// Nothing happens if the connection has ended.
    case connection(ConnectionID, ConnectionCommand)
    case server(Server, ServerCommand)
    case client(Client, ClientCommand)
    case cluster(Server, ClusterCommand)
    case resumeReading
    case stop
}

enum ConnectionCommand {
    case send(OwnedMessage)
    case close(code: UInt16, reason: [UInt8])
    case join(ByteString)
    case leave(ByteString)
    case setUser(ByteString?)
    case accept(user: ByteString?, subprotocol: [UInt8]?)
    case reject(code: Int, reason: [UInt8])
    case respond(status: Int, headers: [UInt8], body: [UInt8])
    case setExpiry(UInt64)
    case renew(Principal)
    case identify(Principal)
    /// Another connection wants its share of the user's quota: it shows whether its peer lives.
    case probe(receivedAt: UInt64)
    /// Its peer did not show that it lives.
    case cutGhost
    /// It is one too many of its user.
    case refuseQuota
    case channelReceive(Opcode, [UInt8])
    case channelSent(Int)
    case channelAlive
    case channelClosed(code: UInt16, reason: [UInt8])
}

enum ServerCommand {
    case startListening
    case adopt(descriptor: Int32, address: PeerAddress, [UInt8])
    case connectChannel(Channel, ChannelPeer, Reply)
    case publish(room: ByteString, OwnedMessage, Exception)
    case broadcast(OwnedMessage, Exception)
    case sendToUser(ByteString, OwnedMessage, Exception)
    case setPresence(user: ByteString, [UInt8])
    case kick(user: ByteString, code: UInt16, reason: [UInt8])
    case drain(Farewell)
    case stop(reason: [UInt8], deadline: UInt64?)
    case cut
}

/// Who does not get a message.
package struct Exception {
    package var connection: ConnectionID
    package var user: ByteString?
    /// The other processes of a cluster do not get it either.
    package var isHereOnly = false

    package init(connection: ConnectionID, user: ByteString?) {
        self.connection = connection
        self.user = user
    }

    static var nobody: Exception { Exception(connection: .none, user: nil) }
}
