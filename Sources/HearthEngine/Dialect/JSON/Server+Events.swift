// Events that the host sends: checked once, put into the envelope once, and given to each receiver in its
// dialect.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Server {
    package func sendEvent(
        room: UnsafeBufferPointer<UInt8>, _ name: [UInt8], _ data: UnsafeBufferPointer<UInt8>,
        _ exception: Exception
    ) -> Int64 {
        withEvent(name, data) { publish(room: room, $0, exception) }
    }

    package func sendEvent(
        _ name: [UInt8], _ data: UnsafeBufferPointer<UInt8>, _ exception: Exception
    ) -> Int64 {
        withEvent(name, data) { broadcast($0, exception) }
    }

    package func sendEvent(
        user: UnsafeBufferPointer<UInt8>, _ name: [UInt8], _ data: UnsafeBufferPointer<UInt8>,
        _ exception: Exception
    ) -> Int64 {
        withEvent(name, data) { send(user: user, $0, exception) }
    }

    /// The event in its forms, or an error with a sentence.
    func withEvent(
        _ name: [UInt8], _ data: UnsafeBufferPointer<UInt8>, _ body: (Outgoing) -> Int64
    ) -> Int64 {
        if name.isEmpty { return refuse(.invalid, ascii("an event needs a name")) }
        if name.count > Loop.eventNameMax {
            return refuse(.tooLarge, ascii("the name of an event has at most 255 bytes"))
        }
        if data.count > Int(Int32.max) / 2 {
            return refuse(.tooLarge, ascii("the data of an event is too large"))
        }
        if data.count > 0 {
            guard UTF8Validator.isValid(data.span, 0, data.count) else {
                return refuse(.invalid, ascii("the data of an event is not UTF-8"))
            }
            do throws(JSONFault) {
                // The envelope is one level more.
                try JSONScanner.check(data.span, depthMax: JSONScanner.depthLimit - 1)
            } catch {
                switch error {
                case .malformed(let place):
                    return refuse(
                        .invalid,
                        ascii("the data of an event is not JSON from byte ") + decimal(place) + ascii(" on"))
                case .tooDeep:
                    return refuse(.invalid, ascii("the data of an event is nested more than 63 levels deep"))
                }
            }
        }
        var json: [UInt8] = []
        guard events.text.write(name.span, data: data.span, into: &json) else {
            return refuse(.invalid, ascii("with json_data_key empty the data of an event is a JSON object"))
        }
        return json.withUnsafeBufferPointer {
            body(Outgoing(event: $0, raw: data.isEmpty ? nil : data, isEphemeral: false))
        }
    }

    private func refuse(_ status: Status, _ sentence: [UInt8]) -> Int64 {
        Int64(engine.fail(status, sentence).rawValue)
    }
}

extension Connections {
    package static func sendEvent(
        _ id: ConnectionID, _ name: [UInt8], _ data: UnsafeBufferPointer<UInt8>
    ) -> Int64 {
        reach(id) { loop, place in
            guard place.pointee.endpoint._withUnsafeGuaranteedRef({ $0.kind }) == .server else {
                return Int64(Status.state.rawValue)
            }
            let result = place.pointee.server._withUnsafeGuaranteedRef { server in
                server.withEvent(name, data) { loop.send(place, $0) }
            }
            loop.relieveArena()
            return result
        } elsewhere: { _, place in
            guard place.pointee.endpoint._withUnsafeGuaranteedRef({ $0.kind }) == .server else {
                return .answer(Int64(Status.state.rawValue))
            }
            guard place.pointee.isOpenFlag.load(ordering: .relaxed) else {
                return .answer(Int64(Status.gone.rawValue))
            }
            var message: OwnedMessage?
            let result = place.pointee.server._withUnsafeGuaranteedRef { server in
                server.withEvent(name, data) {
                    message = OwnedMessage($0)
                    return 1
                }
            }
            return message.map { .post(.send($0), answer: 1) } ?? .answer(result)
        }
    }
}
