// What other threads ask of a loop. Each command owns its bytes.

package import HearthBytes
internal import HearthPlatform
internal import HearthWire

enum Command {
    case send(ConnectionID, OwnedMessage)
    case close(ConnectionID, code: UInt16, reason: [UInt8])
    case join(ConnectionID, ByteString)
    case leave(ConnectionID, ByteString)
    case setUser(ConnectionID, ByteString?)
    case connectChannel(server: Server, Channel, ChannelPeer, Reply)
    case channelReceive(ConnectionID, Opcode, [UInt8])
    case channelSent(ConnectionID, Int)
    case channelAlive(ConnectionID)
    case channelClosed(ConnectionID, code: UInt16, reason: [UInt8])
    case probe(ConnectionID, receivedAt: UInt64)
    case cutGhost(ConnectionID)
    /// It is one too many of its user.
    case refusePlace(ConnectionID)
    case accept(ConnectionID, user: ByteString?, subprotocol: [UInt8]?)
    case reject(ConnectionID, code: Int, reason: [UInt8])
    case respond(ConnectionID, status: Int, headers: [UInt8], body: [UInt8])
    case publish(server: Server, room: ByteString, OwnedMessage, Exception)
    case broadcast(server: Server, OwnedMessage, Exception)
    case sendToUser(server: Server, user: ByteString, OwnedMessage, Exception)
    case setExpiry(ConnectionID, UInt64)
    case renew(ConnectionID, Principal)
    case identify(ConnectionID, Principal)
    case kick(server: Server, user: ByteString, code: UInt16, reason: [UInt8])
    case startListening(server: Server)
    case adopt(server: Server, descriptor: Int32, address: PeerAddress, [UInt8])
    case drainServer(server: Server, Farewell)
    case stopServer(server: Server, reason: [UInt8], deadline: UInt64?)
    case cutServer(server: Server)
    case setPresence(server: Server, user: ByteString, [UInt8])
    case ofClient(Client, ClientCommand)
    case ofCluster(server: Server, ClusterCommand)
    case resumeReading
    case stop
}

/// Who does not get a message.
package struct Exception {
    package var connection: ConnectionID
    package var user: ByteString?

    package init(connection: ConnectionID, user: ByteString?) {
        self.connection = connection
        self.user = user
    }

    static var nobody: Exception { Exception(connection: .none, user: nil) }
}
