import HearthBytes
import HearthWire
import Testing

@Suite("Addresses of Redis")
struct RedisURLTests {
    private func fault(_ text: String) -> URLFault.Kind? {
        do throws(URLFault) {
            _ = try RedisURL.parse(utf8(text).span)
            return nil
        } catch {
            return error.kind
        }
    }

    @Test(
        "reads host, port, user, password and database",
        arguments: [
            ("redis://h", "redis://h:6379", "", "", 0),
            ("redis://h/", "redis://h:6379", "", "", 0),
            ("REDIS://H:7000/12", "redis://h:7000", "", "", 12),
            ("rediss://ann:p%40ss@h:1/2", "rediss://h:1", "ann", "p@ss", 2),
            ("redis://:secret@[::1]:6380", "redis://[::1]:6380", "", "secret", 0),
            ("redis://ann@h", "redis://h:6379", "ann", "", 0),
            ("unix:/run/redis.sock", "unix:/run/redis.sock", "", "", 0),
            ("unix:///run/r%20s?db=4", "unix:/run/r s", "", "", 4),
            ("unix://ann:pass@/run/s", "unix:/run/s", "ann", "pass", 0),
        ])
    func parts(_ text: String, _ shown: String, _ user: String, _ password: String, _ database: Int) throws {
        let url = try RedisURL.parse(utf8(text).span)
        #expect(url.text == utf8(shown))
        #expect(url.user == utf8(user))
        #expect(url.password == utf8(password))
        #expect(url.database == database)
    }

    @Test(
        "says what is wrong with an address",
        arguments: [
            ("", URLFault.Kind.noRedis), ("http://h", .noRedis), ("redis:h", .noRedis),
            ("redis://", .missingHost), ("redis://h:0", .badPort), ("redis://h:99999", .badPort),
            ("redis://h/x", .badDatabase), ("redis://h/99999", .badDatabase), ("unix:", .missingPath),
            ("unix://host/x", .missingPath), ("unix:/s?x=1", .badDatabase), ("unix:/s?db=", .badDatabase),
            ("unix:/" + String(repeating: "x", count: 107), .socketPathTooLong),
            ("redis://" + String(repeating: "x", count: 254), .hostTooLong),
        ])
    func faults(_ text: String, _ kind: URLFault.Kind) { #expect(fault(text) == kind) }

    @Test("any beginning and any changed byte of an address is an address or has a reason")
    func cuts() {
        let text = utf8("rediss://ann:p%40ss@[fe80::1]:6380/12")
        for end in 0...text.count { _ = try? RedisURL.parse(Array(text[..<end]).span) }
        for index in 0..<text.count {
            for byte in UInt8.min...UInt8.max {
                var other = text
                other[index] = byte
                _ = try? RedisURL.parse(other.span)
            }
        }
    }
}
