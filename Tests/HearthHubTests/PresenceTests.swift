import HearthBytes
import HearthHub
import Testing

private func name(_ text: String) -> ByteString { ByteString(Array(text.utf8)) }

/// Presence with names as strings.
private struct Hall: ~Copyable {
    var presence: Presence

    init(departingMax: Int = 1000) { presence = Presence(seed: (1, 2), departingMax: departingMax) }

    mutating func join(_ user: String, _ room: String = "hall") -> UInt64? {
        presence.join(room: name(room), user: name(user), at: 7)?.version
    }

    mutating func leave(_ user: String, _ room: String = "hall", isKept: Bool = false) -> PresenceLeave {
        let (room, user) = (name(room), name(user))
        return presence.leave(room: room.bytes.span, user: user.bytes.span, isKept: isKept)
    }

    mutating func setData(_ user: String, _ data: String) -> [PresenceChange]? {
        let user = name(user)
        return presence.setData(user.bytes.span, Array(data.utf8))
    }

    func snapshot(_ room: String = "hall") -> (version: UInt64, users: [String: String]) {
        let room = name(room)
        var users: [String: String] = [:]
        let version = presence.snapshot(room: room.bytes.span) {
            users[String(decoding: $0.name.bytes, as: UTF8.self)] = String(decoding: $0.data, as: UTF8.self)
        }
        return (version, users)
    }
}

extension PresenceLeave {
    fileprivate var version: UInt64? { if case .left(let change) = self { change.version } else { nil } }
    fileprivate var departure: PresenceDeparture? {
        if case .departs(let departure) = self { departure } else { nil }
    }
}

@Suite("Presence")
struct PresenceTests {
    @Test("a user joins with the first connection and leaves with the last, and versions grow by one")
    func firstAndLast() {
        var hall = Hall()
        #expect(hall.join("ann") == 1)
        #expect(hall.join("ann") == nil)
        #expect(hall.join("ben") == 2)
        #expect(hall.leave("ann").version == nil)
        #expect(hall.leave("ann").version == 3)
        #expect(hall.leave("ann").version == nil)
        #expect(hall.snapshot() == (3, ["ben": ""]))
        #expect(hall.leave("ben").version == 4)
        #expect(hall.presence.entryCount == 0)
    }

    @Test("a room that was empty goes on above all versions that its name has had")
    func versionsNeverGoBack() {
        var hall = Hall()
        #expect(hall.join("ann") == 1)
        #expect(hall.leave("ann").version == 2)
        #expect(hall.snapshot().version == 2)
        #expect(hall.join("ann", "attic") == 3)
        #expect(hall.join("ann") == 4)
        #expect(hall.join("ben") == 5)
    }

    @Test("who comes back within the time of grace was never away")
    func grace() throws {
        var hall = Hall()
        _ = hall.join("ann")
        let first = try #require(hall.leave("ann", isKept: true).departure)
        #expect(hall.snapshot() == (1, ["ann": ""]))
        #expect(hall.join("ann") == nil)
        #expect(hall.presence.expire(first) == nil)
        let second = try #require(hall.leave("ann", isKept: true).departure)
        #expect(hall.presence.expire(first) == nil)
        #expect(hall.presence.expire(second)?.version == 2)
        #expect(hall.presence.expire(second) == nil)
        #expect(hall.snapshot().users.isEmpty)
        #expect(hall.presence.departingCount == 0)
    }

    @Test("a departure of one user never ends another who has its place")
    func departuresAreNotMixedUp() throws {
        var hall = Hall()
        _ = hall.join("ann")
        let departure = try #require(hall.leave("ann", isKept: true).departure)
        #expect(hall.presence.expire(departure) != nil)
        _ = hall.join("ben")
        _ = try #require(hall.leave("ben", isKept: true).departure)
        #expect(hall.presence.expire(departure) == nil)
        #expect(hall.snapshot().users == ["ben": ""])
    }

    @Test("at the limit of those who are kept the next one leaves at once")
    func graceIsBounded() {
        var hall = Hall(departingMax: 2)
        for user in ["ann", "ben", "cem"] { _ = hall.join(user) }
        #expect(hall.leave("ann", isKept: true).departure != nil)
        #expect(hall.leave("ben", isKept: true).departure != nil)
        #expect(hall.leave("cem", isKept: true).version == 4)
        #expect(hall.join("ann") == nil)
        #expect(hall.presence.departingCount == 1)
    }

    @Test("data of a user are told to each of its rooms, once for each change")
    func data() {
        var hall = Hall()
        #expect(hall.setData("ann", "away") == nil)
        hall.presence.connect(name("ann"))
        #expect(hall.setData("ann", "away")?.count == 0)
        _ = hall.join("ann")
        _ = hall.join("ann", "attic")
        _ = hall.join("ben")
        #expect(hall.setData("ann", "away")?.isEmpty == true)
        let changes = hall.setData("ann", "here") ?? []
        #expect(Set(changes.map(\.room)) == [name("hall"), name("attic")])
        #expect(changes.allSatisfy { $0.data == Array("here".utf8) })
        #expect(hall.snapshot() == (3, ["ann": "here", "ben": ""]))
    }

    @Test("rooms and users are told apart, also where their names run together")
    func namesAreToldApart() {
        var hall = Hall()
        #expect(hall.join("c", "ab") != nil)
        #expect(hall.join("bc", "a") != nil)
        #expect(hall.leave("bc", "ab").version == nil)
        #expect(hall.leave("bc", "a").version != nil)
        #expect(hall.leave("c", "ab").version != nil)
    }

    @Test("a user without connections and rooms is forgotten, data and all")
    func usersAreForgotten() {
        var hall = Hall()
        hall.presence.connect(name("ann"))
        hall.presence.connect(name("ann"))
        #expect(hall.presence.connectedCount == 1)
        _ = hall.join("ann")
        _ = hall.setData("ann", "x")
        hall.presence.disconnect(name("ann"))
        _ = hall.leave("ann")
        #expect(hall.setData("ann", "y")?.count == 0)
        hall.presence.disconnect(name("ann"))
        #expect(hall.presence.connectedCount == 0)
        #expect(hall.setData("ann", "z") == nil)
    }

    @Test("a list of users that is fetched in pages names each once")
    func pages() {
        var hall = Hall()
        let names = (0..<700).map { "user\($0)" }
        for text in names { hall.presence.connect(name(text)) }
        var found: [String] = []
        var cursor: UInt32? = 0
        while let start = cursor {
            var left = 64
            cursor = hall.presence.listUsers(from: start) { user in
                if left == 0 { return false }
                left -= 1
                found.append(String(decoding: user.bytes, as: UTF8.self))
                return true
            }
        }
        #expect(found.sorted() == names.sorted())
    }

    /// A snapshot and the changes with higher versions, in any order, are the truth.
    @Test("a snapshot and what follows it lose and double nothing", arguments: 1...20 as ClosedRange<UInt64>)
    func snapshotAndChanges(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var hall = Hall(departingMax: 3)
        var counts: [String: Int] = [:]
        var departures: [PresenceDeparture] = []
        var told: [(version: UInt64, user: String, isThere: Bool)] = []
        var taken: (version: UInt64, users: Set<String>) = (0, [])
        for step in 0..<2000 {
            let user = "u\(Int.random(in: 0..<12, using: &random))"
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                counts[user, default: 0] += 1
                if let version = hall.join(user) { told.append((version, user, true)) }
            case 1 where counts[user, default: 0] > 0:
                counts[user]! -= 1
                let result = hall.leave(user, isKept: Bool.random(using: &random))
                if let version = result.version { told.append((version, user, false)) }
                if let departure = result.departure { departures.append(departure) }
            case 2 where !departures.isEmpty:
                let index = Int.random(in: 0..<departures.count, using: &random)
                if let change = hall.presence.expire(departures.remove(at: index)) {
                    let gone = String(decoding: change.user.bytes, as: UTF8.self)
                    told.append((change.version, gone, false))
                }
            default: break
            }
            if step == 1000 {
                let snapshot = hall.snapshot()
                taken = (snapshot.version, Set(snapshot.users.keys))
            }
        }
        for departure in departures {
            if let change = hall.presence.expire(departure) {
                told.append((change.version, String(decoding: change.user.bytes, as: UTF8.self), false))
            }
        }
        let versions = told.map(\.version)
        try #require(versions == versions.sorted() && Set(versions).count == versions.count)
        var users = taken.users
        for change in told.filter({ $0.version > taken.version }).shuffled(using: &random)
            .sorted(by: { $0.version < $1.version })
        {
            if change.isThere {
                #expect(users.insert(change.user).inserted)
            } else {
                #expect(users.remove(change.user) != nil)
            }
        }
        #expect(users == Set(counts.filter { $0.value > 0 }.keys))
        #expect(hall.snapshot().users.keys.sorted() == users.sorted())
    }
}
