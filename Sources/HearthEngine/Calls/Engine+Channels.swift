// Calls of the host for connections of its channels.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire
internal import Synchronization

extension Connections {
    package static func receive(
        _ id: ConnectionID, _ opcode: UInt32, _ payload: UnsafeBufferPointer<UInt8>
    ) -> Status {
        guard let kind = messageOpcode(opcode, payload) else { return .invalid }
        let result = reach(id) { loop, place in
            if place.pointee.link == nil { return answer(.state) }
            let status = loop.receive(place, kind, payload)
            loop.relieveArena()
            return answer(status)
        } elsewhere: { loop, place in
            guard place.pointee.link != nil else { return .answer(answer(.state)) }
            if !place.pointee.isOpenFlag.load(ordering: .relaxed) { return .answer(answer(.gone)) }
            let limits = place.pointee.endpoint._withUnsafeGuaranteedRef { $0.limits }
            if payload.count > limits.pointee.decoder.maxMessageSize { return .answer(answer(.tooLarge)) }
            if loop.engine.queue.isFull { return .answer(answer(.queueFull)) }
            return .post(.channelReceive(kind, Array(payload)), answer: 0)
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    package static func channelSent(_ id: ConnectionID, bytes: Int) -> Status {
        if bytes < 0 { return .invalid }
        return ofChannel(id, .channelSent(bytes)) { loop, place in
            loop.noteSent(place, bytes)
            return .ok
        }
    }

    package static func channelAlive(_ id: ConnectionID) -> Status {
        ofChannel(id, .channelAlive) { loop, place in
            loop.noteAlive(place)
            return .ok
        }
    }

    package static func channelClosed(_ id: ConnectionID, code: Int32, reason: [UInt8]) -> Status {
        guard let given = UInt16(exactly: code), given == 0 || (1000...4999).contains(given) else {
            return .invalid
        }
        let code = given == 0 ? CloseCode.abnormal.rawValue : given
        return ofChannel(id, .channelClosed(code: code, reason: reason)) { loop, place in
            loop.channelClosed(place, code: code, reason: reason)
        }
    }

    private static func ofChannel(
        _ id: ConnectionID, _ command: @autoclosure () -> ConnectionCommand,
        _ body: (Loop, ConnectionRef) -> Status
    ) -> Status {
        let result = reach(id) { loop, place in
            answer(place.pointee.link == nil ? .state : body(loop, place))
        } elsewhere: { _, place in
            place.pointee.link == nil ? .answer(answer(.state)) : .post(command(), answer: 0)
        }
        return Status(rawValue: Int32(result)) ?? .invalid
    }

    package static func recipient(_ id: ConnectionID, _ body: ([UInt8]) -> Int64) -> Int64 {
        var recipient: [UInt8]?
        let result = look(id) { _, place in
            recipient = place.pointee.link?.recipient
            return 0
        }
        if result != 0 { return result }
        return recipient.map(body) ?? answer(.state)
    }
}
