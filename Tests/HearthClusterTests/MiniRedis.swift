import HearthBytes
import HearthCluster
import HearthWire

/// One key of a Redis, several processes that use it, and what it refuses.
final class MiniRedis {
    var stored: [UInt8]?
    var role = "master"
    /// By command: an error in the place of the answer.
    var refuses: [String: String] = [:]
    private(set) var calls: [String] = []

    func broker(_ proposal: ClusterSecret, countsPlaces: Bool = false) -> RedisBroker {
        let url = try! RedisURL.parse(utf8("redis://h").span)
        return RedisBroker(
            RedisTerms(
                url, prefix: utf8("ws:"), proposal: proposal, outputBytesMax: 1 << 20,
                countsPlaces: countsPlaces))
    }

    func open(_ broker: RedisBroker) -> [BrokerEvent] {
        broker.commandsOpened()
        broker.subscriberOpened()
        _ = broker.subscriberReply(hello)
        return serve(broker)
    }

    private var hello: [ReplyPiece] {
        [ReplyPiece(.array, number: 6)]
            + ["version", "7.0.15", "mode", "standalone", "role", role].map {
                ReplyPiece(.string, text: utf8($0))
            }
    }

    /// Answers everything that the broker asks. Returns what that means.
    func serve(_ broker: RedisBroker) -> [BrokerEvent] {
        var events: [BrokerEvent] = []
        while !broker.output.isEmpty {
            let commands = Self.commands(broker.output)
            broker.output = []
            for words in commands {
                let event = answer(words, broker)
                if event != .nothing { events.append(event) }
            }
        }
        return events
    }

    private func answer(_ words: [[UInt8]], _ broker: RedisBroker) -> BrokerEvent {
        let command = String(decoding: words[0], as: UTF8.self)
        calls.append(command)
        if let error = refuses[command] {
            return broker.commandReply([ReplyPiece(.error, text: utf8(error))])
        }
        switch command {
        case "HELLO": return broker.commandReply(hello)
        case "SET":
            let isThere = stored != nil && words.count == 4
            if !isThere { stored = words[2] }
            return broker.commandReply([isThere ? ReplyPiece(.null) : ReplyPiece(.status, text: utf8("OK"))])
        case "GET":
            return broker.commandReply([stored.map { ReplyPiece(.string, text: $0) } ?? ReplyPiece(.null)])
        case "SCRIPT": return broker.commandReply([ReplyPiece(.string, text: utf8("0123"))])
        default: return broker.commandReply(number: 1)
        }
    }

    static func commands(_ bytes: [UInt8]) -> [[[UInt8]]] {
        var index = 0
        func number() -> Int {
            var number = 0
            index += 1
            while bytes[index] != 13 {
                number = number * 10 + Int(bytes[index] - 0x30)
                index += 1
            }
            index += 2
            return number
        }
        var commands: [[[UInt8]]] = []
        while index < bytes.count {
            var words: [[UInt8]] = []
            for _ in 0..<number() {
                let count = number()
                words.append(Array(bytes[index..<(index + count)]))
                index += count + 2
            }
            commands.append(words)
        }
        return commands
    }
}
