import HearthBytes
import HearthWire
import Testing

@Suite("Addresses of Redis")
struct RedisURLTests {
    private func written(_ url: RedisURL) -> String {
        func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        if !url.socketPath.isEmpty { return "unix:" + string(url.socketPath) }
        let scheme = (url.isSecure ? "rediss" : "redis") + (url.master.isEmpty ? "" : "+sentinel")
        let hosts = url.hosts.map { string($0.text) }.joined(separator: ",")
        return "\(scheme)://\(hosts)" + (url.master.isEmpty ? "" : "/" + string(url.master))
    }

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
            ("redis://ann:a,b@h,[::1]:7,I:8/3", "redis://h:6379,[::1]:7,i:8", "ann", "a,b", 3),
            ("redis+sentinel://h/m", "redis+sentinel://h:26379/m", "", "", 0),
            (
                "rediss+sentinel://:pass@a:1,b/my%20m/5", "rediss+sentinel://a:1,b:26379/my m", "", "pass", 5
            ),
        ])
    func parts(_ text: String, _ shown: String, _ user: String, _ password: String, _ database: Int) throws {
        let url = try RedisURL.parse(utf8(text).span)
        #expect(written(url) == shown)
        #expect(url.user == utf8(user))
        #expect(url.password == utf8(password))
        #expect(url.database == database)
    }

    @Test("sentinels have a user and a password of their own")
    func sentinels() throws {
        var url = try RedisURL.parse(
            utf8("redis+sentinel://ann:pass@a/m?sentinel_user=bob&sentinel_password=p%26w").span)
        #expect(url.master == utf8("m"))
        #expect(url.user == utf8("ann"))
        #expect(url.sentinelUser == utf8("bob"))
        #expect(url.sentinelPassword == utf8("p&w"))
        url = try RedisURL.parse(utf8("redis+sentinel://a/m/2?sentinel_password=").span)
        #expect(url.database == 2)
        #expect(url.sentinelPassword.isEmpty)
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
            ("redis://h,", .missingHost), ("redis://h,,i", .missingHost), ("redis://h,i:0", .badPort),
            ("redis://" + String(repeating: "h,", count: 32) + "h", .tooManyHosts),
            ("redis+sentinel://h", .missingMaster), ("redis+sentinel://h/", .missingMaster),
            ("redis+sentinel://h//2", .missingMaster), ("redis+sentinel://h/m/x", .badDatabase),
            ("redis+sentinel://h/m?x=1", .unknownParameter), ("redis+sentinel:h/m", .noRedis),
        ])
    func faults(_ text: String, _ kind: URLFault.Kind) { #expect(fault(text) == kind) }

    @Test("any beginning and any changed byte of an address is an address or has a reason")
    func cuts() {
        cut(utf8("rediss://ann:p%40ss@[fe80::1]:6380/12"))
        cut(utf8("redis+sentinel://:p@h:1,i/m%20/2?sentinel_user=u&sentinel_password=%40"))
    }

    private func cut(_ text: [UInt8]) {
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
