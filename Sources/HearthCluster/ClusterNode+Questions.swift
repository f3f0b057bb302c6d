// Questions to all processes: who is in a room, where is a user. Each answers for itself; who does not answer
// in time is named as missing.

package import HearthBytes

/// `ready` is never asked of others.
package enum QuestionSubject: UInt8 { case room = 1, user = 2, ready = 3 }

/// What one process knows: of a room its members and users, of a user its connections and rooms.
package struct LocalAnswer {
    package var connections: UInt64 = 0
    package var names: [ByteString] = []

    package init(connections: UInt64, names: [ByteString]) {
        self.connections = connections
        self.names = names
    }
}

package struct ClusterAnswer {
    package let number: UInt64
    package let subject: QuestionSubject
    package let name: ByteString
    package internal(set) var connections: UInt64 = 0
    /// Each once.
    package internal(set) var names = Set<ByteString>()
    package internal(set) var answered: [ByteString] = []
    package internal(set) var missing: [ByteString] = []

    mutating func add(_ answer: LocalAnswer, from node: ByteString) {
        connections &+= answer.connections
        for name in answer.names { names.insert(name) }
        answered.append(node)
    }
}

struct Question {
    var answer: ClusterAnswer
    var waiting: [(number: UInt64, name: ByteString)]
    let deadline: UInt64
}

extension ClusterNode {
    private var questionsMax: Int { 1024 }
    /// Bytes of names in one answer; a process with more tells the first ones.
    private var answerBytesMax: Int { min(settings.messageBytesMax / 2, 256 << 10) }

    /// The answer comes as an effect. False: too many questions are open.
    package func ask(
        _ number: UInt64, _ subject: QuestionSubject, _ name: ByteString, own: LocalAnswer, timeout: UInt64,
        now: UInt64
    ) -> Bool {
        if questions.count >= questionsMax { return false }
        var answer = ClusterAnswer(number: number, subject: subject, name: name)
        answer.add(own, from: ByteString(settings.nodeName))
        var question = Question(answer: answer, waiting: [], deadline: now + timeout)
        for node in nodes { question.waiting.append((node.number, node.name)) }
        questions.append(question)
        if question.waiting.isEmpty || !isLinked {
            conclude(questions.count - 1)
            return true
        }
        var message = NodeMessage(.question)
        message.number = number
        message.opcode = subject.rawValue
        sendToAll(message, name: name.bytes)
        return true
    }

    /// What this process knows goes to the one that asked.
    package func answer(_ question: NodeMessage, _ own: LocalAnswer, now: UInt64) {
        let name = Self.hexadecimal(question.origin)
        guard let channel = reach(.node, name.span, now: now) else { return }
        var bytes: [UInt8] = []
        appendNumber(own.connections, count: 8, to: &bytes)
        for name in own.names {
            if bytes.count + 4 + name.count > answerBytesMax { break }
            appendNumber(UInt64(name.count), count: 4, to: &bytes)
            bytes += name.bytes
        }
        var message = NodeMessage(.answer)
        message.number = question.number
        sendOwn(message, channel, first: bytes)
    }

    func receiveAnswer(_ message: NodeMessage, _ payload: borrowing Span<UInt8>) {
        guard let index = questions.firstIndex(where: { $0.answer.number == message.number }),
            let place = questions[index].waiting.firstIndex(where: { $0.number == message.origin }),
            let answer = Self.read(payload, message.first)
        else { return }
        let node = questions[index].waiting.remove(at: place)
        questions[index].answer.add(answer, from: node.name)
        if questions[index].waiting.isEmpty { conclude(index) }
    }

    private static func read(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> LocalAnswer? {
        if range.count < 8 { return nil }
        var answer = LocalAnswer(connections: readNumber(bytes, at: range.lowerBound), names: [])
        var index = range.lowerBound + 8
        while index < range.upperBound {
            if range.upperBound - index < 4 { return nil }
            var count = 0
            for place in 0..<4 { count |= Int(bytes[index + place]) << (8 * place) }
            index += 4
            if range.upperBound - index < count { return nil }
            answer.names.append(ByteString(bytes, index..<(index + count)))
            index += count
        }
        return answer
    }

    var questionsDue: UInt64? {
        var due: UInt64?
        for question in questions where due == nil || question.deadline < due! { due = question.deadline }
        return due
    }

    func expireQuestions(now: UInt64) {
        for index in questions.indices.reversed() where questions[index].deadline <= now { conclude(index) }
    }

    /// No more answers will come.
    package func endQuestions() { expireQuestions(now: .max) }

    private func conclude(_ index: Int) {
        var question = questions.remove(at: index)
        question.answer.missing = question.waiting.map { $0.name }
        effects.append(.answered(question.answer))
    }
}
