// Transports that the host brings. A channel is what the host registered; a link is what one connection of it
// has instead of a socket.

internal import HearthBytes
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

package final class Channel: @unchecked Sendable {
    let name: ByteString
    let acknowledges: Bool
    let hasLiveness: Bool
    /// Nil: its events go where those of the server go.
    let callback: EventCallback?
    let callbackContext: UnsafeMutableRawPointer?
    /// What the callback needs as long as the server lives.
    let callbackOwner: AnyObject?
    /// Answers 0 for a recipient that can be reached. Nil: all can.
    let check: (([UInt8]) -> Int32)?

    init(
        name: [UInt8], options: [UInt8], callback: EventCallback?, context: UnsafeMutableRawPointer?,
        owner: AnyObject?, check: (([UInt8]) -> Int32)?
    ) throws(Route.Fault) {
        self.name = ByteString(name)
        self.check = check
        self.callback = callback
        callbackContext = context
        callbackOwner = owner
        var acknowledges = false
        var hasLiveness = false
        var reader = OptionReader(options)
        do throws(Route.Fault) {
            while let option = try reader.next() {
                if option.isNamed("acknowledge") {
                    acknowledges = try option.choice("on, off") == 0
                } else if option.isNamed("liveness") {
                    hasLiveness = try option.choice("on, off") == 0
                } else {
                    throw Route.Fault(
                        .unknownKey,
                        [
                            ascii("no channel option \""), option.name,
                            ascii("\": there are acknowledge and liveness"),
                        ])
                }
            }
        } catch {
            throw reader.placed(error, in: "channel")
        }
        self.acknowledges = acknowledges
        self.hasLiveness = hasLiveness
    }
}

/// What a connection of a channel has instead of a socket.
final class ChannelLink {
    /// So many bytes of a connection may be in the host's hands, where it acknowledges.
    static let inHandMax = 64 << 10

    let channel: Channel
    let recipient: [UInt8]
    /// Bytes of messages that were told and not acknowledged.
    var inHand = 0
    /// The close that the library began.
    var closing: (code: UInt16, reason: [UInt8])?

    init(_ channel: Channel, recipient: [UInt8]) {
        self.channel = channel
        self.recipient = recipient
    }
}

/// What the host says of a new connection. The texts have no NUL.
package struct ChannelPeer {
    package var recipient: [UInt8] = []
    package var path: [UInt8] = []
    package var query: [UInt8] = []
    package var headers: [UInt8] = []
    package var user: [UInt8]?
    package var address: [UInt8]?
    package var subprotocol: [UInt8] = []
    package var context: UnsafeMutableRawPointer?

    package init() {}
}

/// What one turn has for the channels: told at its end, as the host may call anything while it is told.
struct ChannelBatch {
    /// Frames that go to the same connections.
    struct Group {
        let link: ChannelLink
        let endpoint: Unmanaged<Endpoint>
        var bytes: Range<Int>
        var ids: Range<Int>
    }

    var bytes: [UInt8] = []
    var ids: [UInt64] = []
    var groups: [Group] = []
    /// Where the bytes of the last group lie in the arena, as long as nothing else can lie there.
    var lastRun: Segment?
}

extension Server {
    package func addChannel(
        name: [UInt8], options: [UInt8], callback: EventCallback?, context: UnsafeMutableRawPointer?,
        owner: AnyObject?, check: (([UInt8]) -> Int32)?
    ) -> Status {
        guard state.load(ordering: .relaxed) == .idle else {
            return engine.fail(.state, ascii("channels are registered before the server is started"))
        }
        if name.isEmpty || name.count > 255 {
            return engine.fail(.invalid, ascii("the name of a channel has 1 to 255 bytes"))
        }
        if channel(named: name) != nil {
            return engine.fail(.state, ascii("there is a channel \"") + name + ascii("\" already"))
        }
        do throws(Route.Fault) {
            channels.append(
                try Channel(
                    name: name, options: options, callback: callback, context: context, owner: owner,
                    check: check))
            return .ok
        } catch {
            return engine.fail(error.status, error.sentence)
        }
    }

    func channel(named name: [UInt8]) -> Channel? { channels.first { $0.name.bytes == name } }

    /// The id of the new connection, or an error.
    package func connect(channel name: [UInt8], _ peer: ChannelPeer) -> Int64 {
        guard let channel = channel(named: name) else {
            return fail(.notFound, ascii("there is no channel \"") + name + ascii("\""))
        }
        if let user = peer.user, user.isEmpty { return fail(.invalid, ascii("the user is empty")) }
        if (peer.user?.count ?? 0) > userNameMax {
            return fail(.tooLarge, ascii("the user is longer than max_user_name"))
        }
        if let check = channel.check {
            let answer = check(peer.recipient)
            if answer != 0 {
                return fail(
                    Status(rawValue: answer) ?? .invalid, ascii("the channel does not reach this recipient"))
            }
        }
        let loops = engine.currentLoops
        guard isServing, !loops.isEmpty else {
            return fail(.state, ascii("a channel connects to a started server of a running engine"))
        }
        if let here = loops.first(where: { $0.port.isCurrent }) {
            return here.connect(self, channel, peer)
        }
        let turn = adoptedCount.add(1, ordering: .relaxed).oldValue
        let reply = Reply()
        let isPosted = loops[turn % loops.count].port.post(
            .server(self, .connectChannel(channel, peer, reply)))
        guard isPosted else { return fail(.state, ascii("the engine is ending")) }
        return reply.wait(milliseconds: openTimeout)
            ?? fail(.state, ascii("no loop of the engine made the connection within open_timeout"))
    }

    private func fail(_ status: Status, _ sentence: [UInt8]) -> Int64 {
        Int64(engine.fail(status, sentence).rawValue)
    }
}
