// Events of rooms that the library handles itself: join, leave, message, typing, presence.

internal import HearthBytes
internal import HearthHub
internal import HearthPlatform
internal import HearthSession
internal import HearthWire

extension Loop {
    func handle(
        _ builtIn: BuiltIns, _ place: ConnectionRef, _ server: Server,
        _ event: ReceivedEvent
    ) {
        // The host is not told of these: they have a token.
        if builtIn.contains(.authenticate) { return authenticateByEvent(place, server, event) }
        guard let room = room(of: event, place, server) else { return }
        let id = place.pointee.id
        let events = server.routes[Int(place.pointee.route)].events
        if builtIn.contains(.join) {
            joinByEvent(place, server, room)
        } else if builtIn.contains(.leave) {
            leaveByEvent(place, room)
        } else if builtIn.contains(.message) {
            return publishMessage(place, server, event, room)
        } else if builtIn.contains(.typing) {
            setTyping(place, server, room, isTyping: saysTyping(event))
        } else {
            sendPresence(place, server, room)
        }
        // Handling it may have called the host, which may have done anything.
        if events.areTold, place.pointee.id == id, place.pointee.phase == .open {
            emit(place, event, event.data)
        }
    }

    /// The room that the data names, or the envelope beside it, or else the only one of the connection. nil:
    /// there is none, and the peer was told so.
    private func room(
        of event: ReceivedEvent, _ place: ConnectionRef, _ server: Server
    ) -> ByteString? {
        let bytes = event.bytes.span
        let value = Envelope.member(bytes, of: event.envelope.data, server.events.keys.room)
        let range = value.flatMap { Envelope.string(event.bytes.span, $0) } ?? event.envelope.room
        guard let range else {
            if value == nil, hub.roomsOfConnection(place.pointee.slot) == 1,
                let room = hub.anyRoom(place.pointee.slot)
            {
                return hub.roomName(room)
            }
            answer(place, .missingRoom)
            return nil
        }
        if range.count > server.roomNameMax * 6 {
            answer(place, .roomNameTooLong)
            return nil
        }
        var name: [UInt8] = []
        guard JSONString.decode(bytes, range, into: &name), !name.isEmpty, !name.contains(0) else {
            answer(place, .invalidRoom)
            return nil
        }
        if name.count > server.roomNameMax {
            answer(place, .roomNameTooLong)
            return nil
        }
        return ByteString(name)
    }

    /// The room's number, if the connection is in it; else the peer is told that it is not.
    private func membership(
        _ place: ConnectionRef, _ server: Server, _ room: ByteString
    )
        -> UInt32?
    {
        if let found = hub.findRoom(server: server.number, room.bytes.span),
            hub.isMember(place.pointee.slot, of: found)
        {
            return found
        }
        answer(place, .notInRoom)
        return nil
    }

    // MARK: Join and leave

    private func joinByEvent(
        _ place: ConnectionRef, _ server: Server, _ room: ByteString
    ) {
        guard server.routes[Int(place.pointee.route)].events.isOpen(room.bytes) else {
            return answer(place, .roomNotOpen)
        }
        switch join(place, room, isAnswered: true) {
        case .ok: break
        case .limit: answer(place, .tooManyRooms)
        default: answer(place, .invalidRoom)
        }
    }

    private func leaveByEvent(_ place: ConnectionRef, _ room: ByteString) {
        let id = place.pointee.id
        guard leave(place, room) == .ok else { return answer(place, .notInRoom) }
        if place.pointee.id == id { sendRoomEvent(place, ascii("leave"), room) { _, _ in } }
    }

    /// Sends an event about a room: its name, and what `body` adds.
    func sendRoomEvent(
        _ place: ConnectionRef, _ name: [UInt8], _ room: ByteString,
        _ body: (EventText, inout [UInt8]) -> Void
    ) {
        let text = place.pointee.server._withUnsafeGuaranteedRef { $0.events.text }
        roomEvent(text, name, room, body).withUnsafeBufferPointer {
            _ = send(place, Outgoing(event: $0, raw: nil, isEphemeral: false))
        }
    }

    private func roomEvent(
        _ text: EventText, _ name: [UInt8], _ room: ByteString, _ body: (EventText, inout [UInt8]) -> Void
    ) -> [UInt8] {
        var json: [UInt8] = []
        _ = text.begin(name, into: &json)
        text.member(text.keys.room, into: &json)
        JSONString.write(room.bytes, into: &json)
        body(text, &json)
        _ = text.end(into: &json)
        return json
    }

    // MARK: Messages of rooms

    private func publishMessage(
        _ place: ConnectionRef, _ server: Server, _ event: ReceivedEvent,
        _ room: ByteString
    ) {
        let settings = server.events
        guard membership(place, server, room) != nil else { return }
        var text: Range<Int>?
        if !settings.stampKeys.text.isEmpty {
            let value =
                Envelope.string(event.bytes.span, event.envelope.data)
                ?? Envelope.member(event.bytes.span, of: event.envelope.data, settings.stampKeys.text)
                .flatMap { Envelope.string(event.bytes.span, $0) }
            guard let value else { return answer(place, .emptyMessage) }
            let measured = JSONString.measure(event.bytes.span, value)
            if measured.characters == 0 { return answer(place, .emptyMessage) }
            if settings.charactersMax > 0, measured.characters > settings.charactersMax {
                return answer(place, .messageTooLong)
            }
            text = measured.trimmed
        }
        setTyping(place, server, room, isTyping: false)
        let user = hub.user(of: place.pointee.slot).map { hub.userName($0).bytes } ?? []
        var time: [UInt8] = []
        Timestamp.write(epochMilliseconds: wallMilliseconds, into: &time)
        let stamp = Stamp(
            room: room.bytes, user: user,
            identifier: identifiers.next(epochMilliseconds: wallMilliseconds), time: time)
        var json: [UInt8] = []
        let data = settings.text.writeMessage(
            ascii("message"), stamp, settings.stampKeys, event.bytes.span, data: event.envelope.data,
            text: text, into: &json)
        let events = server.routes[Int(place.pointee.route)].events
        json.withUnsafeBufferPointer {
            let data = UnsafeBufferPointer(rebasing: $0[data])
            publishEverywhere(
                server, room, Outgoing(event: $0, raw: data, isEphemeral: false),
                Exception(connection: events.echoes ? .none : place.pointee.id, user: nil))
            if events.areTold, place.pointee.phase == .open { emit(place, event, data) }
        }
    }

    /// To the members of this process and of others.
    func publishEverywhere(
        _ server: Server, _ room: ByteString, _ outgoing: Outgoing, _ exception: Exception
    ) {
        if clusters.isUsed { forward(server, room, outgoing, except: exception.user) }
        publishHere(server, room, outgoing, exception)
    }

    /// To the members on this loop at once, to those on others by a command.
    func publishHere(
        _ server: Server, _ room: ByteString, _ outgoing: Outgoing, _ exception: Exception
    ) {
        _ = publish(server, room: room.bytes.span, outgoing, exception)
        if loopCount > 1 { server.postMessage(room: room, outgoing, exception) }
    }

    // MARK: Typing

    private func saysTyping(_ event: ReceivedEvent) -> Bool {
        let bytes = event.bytes
        guard let value = Envelope.member(bytes.span, of: event.envelope.data, ascii("typing")) else {
            return true
        }
        return !isEqual(UnsafeBufferPointer(rebasing: bytes[value]), "false")
    }

    private func setTyping(
        _ place: ConnectionRef, _ server: Server, _ room: ByteString, isTyping: Bool
    ) {
        guard let speaker = place.pointee.speaker else { return }
        if !isTyping { return stopTyping(place, server, room) }
        guard membership(place, server, room) != nil else { return }
        guard let user = hub.user(of: place.pointee.slot) else { return answer(place, .userRequired) }
        let due = now + server.events.typingTimeout
        let known = speaker.typing.firstIndex { $0.room == room }
        let wasTyping = known != nil || types(user, in: room)
        if let known {
            speaker.typing[known].due = due
        } else {
            speaker.typing.append(Speaker.Typing(room: room, due: due))
        }
        setEventDeadline(place)
        if !wasTyping { tellTyping(server, room, hub.userName(user), true) }
    }

    /// Whether one of the user's connections on this loop types there.
    private func types(_ user: UInt32, in room: ByteString) -> Bool {
        for index in 0..<hub.connectionCount(user: user) {
            let other = connections.place(hub.connection(user: user, at: index))
            if let speaker = other.pointee.speaker, speaker.typing.contains(where: { $0.room == room }) {
                return true
            }
        }
        return false
    }

    /// The connection types there no more. Whoever else of its user does, does so still.
    func stopTyping(_ place: ConnectionRef, _ server: Server, _ room: ByteString) {
        guard let speaker = place.pointee.speaker,
            let index = speaker.typing.firstIndex(where: { $0.room == room })
        else { return }
        speaker.typing.remove(at: index)
        setEventDeadline(place)
        guard let user = hub.user(of: place.pointee.slot), !types(user, in: room) else { return }
        tellTyping(server, room, hub.userName(user), false)
    }

    private func tellTyping(_ server: Server, _ room: ByteString, _ user: ByteString, _ isTyping: Bool) {
        let settings = server.events
        let json = roomEvent(settings.text, ascii("typing"), room) { text, json in
            text.member(settings.stampKeys.user, into: &json)
            JSONString.write(user.bytes, into: &json)
            text.member(ascii("typing"), into: &json)
            json += ascii(isTyping ? "true" : "false")
        }
        json.withUnsafeBufferPointer {
            publishEverywhere(
                server, room, Outgoing(event: $0, raw: nil, isEphemeral: true),
                Exception(connection: .none, user: user))
        }
    }

    // MARK: Presence

    /// What a connection gets that has joined a room: the answer to its event, and who is there.
    func greet(
        _ place: ConnectionRef, _ server: Server, _ room: ByteString, isAnswered: Bool
    ) {
        if isAnswered { sendRoomEvent(place, ascii("join"), room) { _, _ in } }
        if server.routes[Int(place.pointee.route)].events.builtIns.contains(.presence) {
            sendPresence(place, server, room)
        }
    }

    /// Who is in the room, to one of its members.
    private func sendPresence(
        _ place: ConnectionRef, _ server: Server, _ room: ByteString
    ) {
        guard membership(place, server, room) != nil else { return }
        var users: [PresentUser] = []
        let version = server.withPresence { $0.snapshot(room: room.bytes.span) { users.append($0) } }
        let userKey = server.events.stampKeys.user
        sendRoomEvent(place, ascii("presence"), room) { text, json in
            text.writeVersion(version, into: &json)
            text.member(ascii("users"), into: &json)
            json.append(UInt8(ascii: "["))
            for (index, user) in users.enumerated() {
                if index > 0 { json.append(UInt8(ascii: ",")) }
                text.write(userKey, user.name, user.data, into: &json)
            }
            json.append(UInt8(ascii: "]"))
        }
    }

    /// A user came into a room, left it, or is shown with other data: its members are told where a route says
    /// so.
    func publishPresence(_ type: EventType, _ server: Server, _ change: PresenceChange) {
        if !server.tellsPresence { return }
        let settings = server.events
        let word: StaticString =
            type == .userJoined ? "joined" : type == .userLeft ? "left" : "updated"
        let json = roomEvent(settings.text, ascii("presence"), change.room) { text, json in
            text.writeVersion(change.version, into: &json)
            text.member(ascii(word), into: &json)
            let data = type == .userLeft ? [] : change.data
            text.write(settings.stampKeys.user, change.user, data, into: &json)
        }
        json.withUnsafeBufferPointer {
            // Who has joined finds itself in the snapshot. Other processes tell their members themselves.
            publishHere(
                server, change.room, Outgoing(event: $0, raw: nil, isEphemeral: false),
                Exception(connection: .none, user: type == .userJoined ? change.user : nil))
        }
    }
}

extension EventText {
    fileprivate func writeVersion(_ version: UInt64, into json: inout [UInt8]) {
        member(ascii("version"), into: &json)
        append(decimal: Int(clamping: version), to: &json)
    }

    /// A user with the data that is shown with it, if that is JSON.
    fileprivate func write(
        _ key: [UInt8], _ user: ByteString, _ data: [UInt8], into json: inout [UInt8]
    ) {
        json.append(UInt8(ascii: "{"))
        member(key, into: &json)
        JSONString.write(user.bytes, into: &json)
        if UTF8Validator.isValid(data.span, 0, data.count), JSONText.isValid(data.span) {
            member(ascii("data"), into: &json)
            json += data
        }
        json.append(UInt8(ascii: "}"))
    }
}
