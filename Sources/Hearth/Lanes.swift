// Events of one connection one after the other, those of different connections side by side.

/// What waits for the handler of one server, by connection.
final class Lanes: Sendable {
    /// Beyond these a connection whose handler is slow is closed with 1013, as its messages cannot be held
    /// back without those of the others.
    static let messagesMax = 1024
    static let bytesMax = 4 << 20

    enum Outcome {
        /// Nobody works on the lane: it needs a worker.
        case idle
        case queued
        /// The message was not taken.
        case full
    }

    private struct Lane {
        var waiting: [Event] = []
        var taken = 0
        var messages = 0
        var bytes = 0
        /// Its handler failed: no further messages.
        var isBroken = false
    }

    private let lanes = Locked<[UInt64: Lane]>([:])

    func add(_ event: Event, _ key: UInt64) -> Outcome {
        let size = event.messageBytes
        return lanes.withLock { lanes in
            guard var lane = lanes[key] else {
                lanes[key] = Lane(waiting: [event], messages: size == nil ? 0 : 1, bytes: size ?? 0)
                return .idle
            }
            if let size {
                if lane.isBroken { return .queued }
                // The first of any size is taken.
                let isOver = lane.bytes > 0 && lane.bytes + size > Self.bytesMax
                if isOver || lane.messages >= Self.messagesMax { return .full }
                lane.messages += 1
                lane.bytes += size
            }
            // Taken out meanwhile, so that appending does not copy.
            lanes[key] = nil
            lane.waiting.append(event)
            lanes[key] = lane
            return .queued
        }
    }

    /// The next event of a lane; nil: there is none, and its worker ends.
    func next(_ key: UInt64) -> Event? {
        lanes.withLock { lanes in
            guard var lane = lanes[key] else { return nil }
            lanes[key] = nil
            guard lane.taken < lane.waiting.count else { return nil }
            let event = lane.waiting[lane.taken]
            lane.taken += 1
            if let size = event.messageBytes {
                lane.messages -= 1
                lane.bytes -= size
            }
            if lane.taken >= 64 || lane.taken == lane.waiting.count {
                lane.waiting.removeFirst(lane.taken)
                lane.taken = 0
            }
            lanes[key] = lane
            return event
        }
    }

    /// The handler failed: messages that wait are dropped, and other events are still given.
    func skipMessages(_ key: UInt64) {
        lanes.withLock { lanes in
            guard var lane = lanes[key] else { return }
            lane.waiting = lane.waiting[lane.taken...].filter { $0.messageBytes == nil }
            lane.taken = 0
            lane.messages = 0
            lane.bytes = 0
            lane.isBroken = true
            lanes[key] = lane
        }
    }
}

extension Event {
    /// The bytes of a message; nil for other events.
    fileprivate var messageBytes: Int? {
        switch self {
        case .message(_, .text(let text)): text.utf8.count
        case .message(_, .binary(let bytes)): bytes.count
        case .named(_, _, let data): data.utf8.count
        default: nil
        }
    }

    /// The connection that it is about; nil for events of the server.
    var connection: Connection? {
        switch self {
        case .connect(let connection, _), .open(let connection, _, _), .message(let connection, _),
            .named(let connection, _, _), .close(let connection, _), .joined(let connection, _, _),
            .left(let connection, _, _), .dropped(let connection, _), .limited(let connection, _, _),
            .expiring(let connection, _, _), .expired(let connection, _):
            connection
        case .http, .userJoined, .userLeft, .presenceUpdated, .channelSend, .stopped: nil
        }
    }
}
