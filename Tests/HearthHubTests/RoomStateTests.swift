import HearthBytes
import HearthHub
import Testing

private struct Map: ~Copyable {
    var state = RoomState()
    var offset: UInt64 = 0
    var limits = StateLimits(bytesMax: 10_000)

    mutating func set(
        _ name: String, _ value: String, if condition: StateCondition = .none, expiresAt: UInt64? = nil
    ) -> StateResult {
        let bytes = Array(name.utf8)
        let result = state.check(set: bytes.span, valueCount: value.utf8.count, if: condition, limits)
        if result == .changed {
            offset += 1
            state.set(bytes.span, Array(value.utf8), offset: offset, expiresAt: expiresAt)
        }
        return result
    }

    mutating func remove(_ name: String, if condition: StateCondition = .none) -> StateResult {
        let bytes = Array(name.utf8)
        let result = state.check(remove: bytes.span, if: condition)
        if result == .changed {
            offset += 1
            state.remove(bytes.span)
        }
        return result
    }

    func value(_ name: String) -> String? {
        let bytes = Array(name.utf8)
        return state.entry(bytes.span).map { String(decoding: $0.value, as: UTF8.self) }
    }

    func names(after cursor: String? = nil, max: Int = .max) -> [String] {
        var names: [String] = []
        _ = state.forEach(after: cursor.map { ByteString(Array($0.utf8)) }) {
            if names.count == max { return false }
            names.append(String(decoding: $0.name.bytes, as: UTF8.self))
            return true
        }
        return names
    }
}

@Suite("The state of a room")
struct RoomStateTests {
    @Test("what was set is there until it is set again or removed")
    func setAndRemove() {
        var map = Map()
        #expect(map.set("a", "1") == .changed && map.value("a") == "1")
        #expect(map.set("a", "22") == .changed && map.value("a") == "22")
        #expect(map.remove("a") == .changed && map.value("a") == nil)
        #expect(map.remove("a") == .missing)
        #expect(map.state.bytes == 0 && map.state.count == 0)
    }

    @Test("a change with a condition that does not hold is a conflict, with the offset of the last change")
    func conditions() {
        var map = Map()
        #expect(map.set("a", "1", if: .exists) == .conflict(0))
        #expect(map.set("a", "1", if: .isAt(1)) == .conflict(0))
        #expect(map.set("a", "1", if: .isNew) == .changed)
        #expect(map.set("a", "2", if: .isNew) == .conflict(1))
        #expect(map.set("a", "2", if: .isAt(1)) == .changed)
        #expect(map.remove("a", if: .isAt(1)) == .conflict(2))
        #expect(map.value("a") == "2")
        #expect(map.remove("a", if: .isAt(2)) == .changed)
    }

    @Test("a change beyond the limit is refused, one at the limit is made")
    func limit() {
        var map = Map()
        map.limits.bytesMax = RoomState.entryBytes + 5
        #expect(map.set("a", "12345") == .full)
        #expect(map.set("a", "1234") == .changed)
        #expect(map.set("b", "") == .full)
        #expect(map.set("a", "123") == .changed && map.set("a", "1234") == .changed)
    }

    @Test("names are read in the order of their bytes, in pages")
    func pages() {
        var map = Map()
        for name in ["b", "a", "", "ab", "é", "B", "aa"] { _ = map.set(name, "x") }
        #expect(map.names() == ["", "B", "a", "aa", "ab", "b", "é"])
        #expect(map.names(after: "a", max: 2) == ["aa", "ab"])
        #expect(map.names(after: "ac") == ["b", "é"])
        #expect(map.names(after: "é") == [])
    }

    @Test("what has a time goes when it is over, and a new value has a time of its own")
    func expiry() {
        var map = Map()
        _ = map.set("a", "1", expiresAt: 100)
        _ = map.set("b", "1", expiresAt: 50)
        _ = map.set("c", "1")
        #expect(map.state.nextDue == 50)
        #expect(map.state.overdue(now: 49) == [])
        #expect(map.state.overdue(now: 50).map(\.bytes) == [Array("b".utf8)])
        _ = map.remove("b")
        _ = map.set("a", "2")
        #expect(map.state.overdue(now: 1000) == [])
        #expect(map.state.nextDue == nil && map.names() == ["a", "c"])
    }
}
