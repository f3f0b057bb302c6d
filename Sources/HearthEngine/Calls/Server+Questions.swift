// Questions of a program to all processes of a cluster, and what this process answers to others.

internal import HearthBytes
internal import HearthCluster
internal import HearthHub
internal import HearthPlatform
internal import HearthWire
internal import Synchronization

extension Server {
    private static var timeoutMax: Int32 { 60_000 }

    /// The number of the question, or an error. The answer is an event.
    package func ask(
        _ subject: UInt32, _ name: UnsafeBufferPointer<UInt8>, timeoutMilliseconds: Int32
    ) -> Int64 {
        guard let subject = QuestionSubject(rawValue: UInt8(clamping: subject)), timeoutMilliseconds >= 0,
            timeoutMilliseconds <= Self.timeoutMax
        else {
            return Int64(
                engine.fail(
                    .invalid, ascii("what is asked is a room, a user or ready, for at most 60 seconds")
                )
                .rawValue)
        }
        guard isServing, let home = engine.currentLoops.first else {
            return Int64(engine.fail(.state, ascii("the server is not started")).rawValue)
        }
        let number = Int64(lastQuestion.add(1, ordering: .relaxed).newValue & 0x7FFF_FFFF)
        var timeout = UInt64(timeoutMilliseconds)
        if timeout == 0, subject != .ready { timeout = 1000 }
        // Never from inside of this call, so that the caller knows the number before the answer.
        let command = ClusterCommand.ask(UInt64(number), subject, ByteString(Array(name)), timeout)
        if !home.port.post(.cluster(self, command)) {
            return Int64(engine.fail(.state, ascii("the engine is ending")).rawValue)
        }
        return number
    }

    package func setAnswerCallback(
        _ callback: EventCallback?, _ context: UnsafeMutableRawPointer?
    ) -> Status {
        guard state.load(ordering: .relaxed) == .idle else { return notIdle("the answer callback is set") }
        answerCallback = callback
        answerContext = context
        return .ok
    }

    /// What this process knows.
    func localAnswer(_ subject: QuestionSubject, _ name: ByteString) -> LocalAnswer {
        var names = Set<ByteString>()
        var count = 0
        forEachLoop { loop in
            switch subject {
            case .room:
                guard let room = loop.hub.findRoom(server: number, name.bytes.span) else { return }
                count += loop.hub.memberCount(room)
                for index in 0..<loop.hub.memberCount(room) {
                    guard let user = loop.hub.user(of: loop.hub.member(room, at: index)) else { continue }
                    names.insert(loop.hub.userName(user))
                }
            case .user:
                guard let user = loop.hub.findUser(server: number, name.bytes.span) else { return }
                count += loop.hub.connectionCount(user: user)
                for index in 0..<loop.hub.connectionCount(user: user) {
                    loop.hub.forEachRoom(loop.hub.connection(user: user, at: index)) {
                        names.insert(loop.hub.roomName($0))
                        return true
                    }
                }
            case .ready: break
            }
        }
        return LocalAnswer(connections: UInt64(count), names: Array(names))
    }
}

extension Loop {
    func ask(
        _ server: Server, _ number: UInt64, _ subject: QuestionSubject, _ name: ByteString, timeout: UInt64
    ) {
        if subject == .ready { return askReady(server, number, timeout: timeout) }
        let own = server.localAnswer(subject, name)
        guard let cluster = server.cluster, cluster.server != nil else {
            return tell(server, number, subject, name, own.connections, own.names, [], [], isLocal: true)
        }
        if !cluster.node.ask(number, subject, name, own: own, timeout: timeout, now: now) {
            let missing = cluster.node.nodes.map { $0.name }
            tell(
                server, number, subject, name, own.connections, own.names,
                [ByteString(cluster.settings.nodeName)], missing, isLocal: false)
        }
        applyEffects(cluster)
    }

    func tellAnswer(_ server: Server, _ answer: ClusterAnswer) {
        tell(
            server, answer.number, answer.subject, answer.name, answer.connections, Array(answer.names),
            answer.answered, answer.missing, isLocal: false)
    }

    private func tell(
        _ server: Server, _ number: UInt64, _ subject: QuestionSubject, _ name: ByteString,
        _ connections: UInt64, _ names: [ByteString], _ answered: [ByteString], _ missing: [ByteString],
        isLocal: Bool
    ) {
        var json = StatisticsJSON()
        json.open("")
        json.add("question", number)
        json.add("scope", ascii(isLocal ? "local" : "cluster"))
        json.add(raw: subject == .room ? "room" : "user", Self.texts([name], isList: false))
        json.add("connections", connections)
        json.add(raw: subject == .room ? "users" : "rooms", Self.texts(names, isList: true))
        json.add(raw: "nodes", Self.texts(answered, isList: true))
        json.add(raw: "missing", Self.texts(missing, isList: true))
        json.add("reason", ascii((server.cluster?.fault ?? .none).sentence))
        json.close()
        emitAnswer(server, number, json.bytes)
    }

    func tellReady(
        _ server: Server, _ number: UInt64, isReady: Bool, _ scope: [UInt8], reason: StaticString
    ) {
        var json = StatisticsJSON()
        json.open("")
        json.add("question", number)
        json.add("scope", scope)
        json.add(raw: "ready", isReady ? ascii("true") : ascii("false"))
        json.add("reason", ascii(reason))
        json.close()
        emitAnswer(server, number, json.bytes)
    }

    private func emitAnswer(_ server: Server, _ number: UInt64, _ json: [UInt8]) {
        var event = PendingEvent(
            type: .clusterAnswer, endpoint: server, connection: .none, context: nil, route: -1)
        event.code = Int32(clamping: number)
        event.data = json
        emitInOrder(event)
    }

    private static func texts(_ texts: [ByteString], isList: Bool) -> [UInt8] {
        var json: [UInt8] = isList ? [UInt8(ascii: "[")] : []
        for (index, text) in texts.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            JSONString.write(text.bytes, into: &json)
        }
        return isList ? json + ascii("]") : json
    }
}
