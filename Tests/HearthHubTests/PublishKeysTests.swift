import HearthBytes
import HearthHub
import HearthWire
import Testing

private let epoch = RoomEpoch(random: 1)

extension PublishKeys {
    fileprivate mutating func find(
        _ key: String, _ scope: String = "ann", in epoch: RoomEpoch = epoch, now: UInt64 = 0
    ) -> UInt64? {
        let (key, scope) = (Array(key.utf8), Array(scope.utf8))
        return find(key.span, scope: scope.span, in: epoch, now: now)?.offset
    }

    fileprivate mutating func insert(
        _ key: String, of scope: String = "ann", _ offset: UInt64, now: UInt64 = 0
    ) {
        let (key, scope) = (Array(key.utf8), Array(scope.utf8))
        insert(key.span, scope: scope.span, in: epoch, Answer(offset: offset, mark: 7), now: now)
    }
}

@Suite("Keys of publications")
struct PublishKeysTests {
    @Test("a key is known within its scope and its counting, and nowhere else")
    func scopes() {
        var keys = PublishKeys(seed: (1, 2), countMax: 10, window: 1000)
        keys.insert("k", of: "ann", 5)
        #expect(keys.find("k", "ann") == 5)
        #expect(keys.find("k", "ben") == nil)
        #expect(keys.find("nk", "an") == nil)
        #expect(keys.find("", "annk") == nil)
        #expect(keys.find("k", "ann", in: RoomEpoch(random: 2)) == nil)
    }

    @Test("a key is forgotten when its time is over, not before")
    func window() {
        var keys = PublishKeys(seed: (1, 2), countMax: 10, window: 1000)
        keys.insert("k", 5, now: 100)
        #expect(keys.find("k", now: 1099) == 5)
        #expect(keys.find("k", now: 1100) == nil)
        #expect(keys.count == 0 && keys.evicted == 0)
    }

    @Test("above the number of keys the oldest one goes")
    func bound() {
        var keys = PublishKeys(seed: (1, 2), countMax: 3, window: 1000)
        for number in 1...4 { keys.insert("\(number)", UInt64(number)) }
        #expect(keys.count == 3 && keys.evicted == 1)
        #expect(keys.find("1") == nil)
        for number in 2...4 { #expect(keys.find("\(number)") == UInt64(number)) }
    }

    @Test("keys that come and go for long are found as they were put in")
    func manyKeys() {
        var keys = PublishKeys(seed: (1, 2), countMax: 100, window: 50)
        for number in 0..<5000 {
            let now = UInt64(number)
            keys.insert("\(number)", UInt64(number), now: now)
            #expect(keys.find("\(max(number - 49, 0))", now: now) == UInt64(max(number - 49, 0)))
            #expect(number < 50 || keys.find("\(number - 50)", now: now) == nil)
        }
        #expect(keys.count == 50)
    }
}
