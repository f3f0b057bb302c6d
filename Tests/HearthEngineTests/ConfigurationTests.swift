import Testing

@testable import HearthEngine

@Suite("Configuration")
struct ConfigurationTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func configuration(_ key: String, _ value: String) throws -> Configuration {
        var configuration = Configuration()
        try configuration.set(bytes(key), bytes(value))
        return configuration
    }

    /// The sentence with which a setting is refused; nil if it is accepted.
    private func refusal(_ key: String, _ value: [UInt8]) -> String? {
        var configuration = Configuration()
        do throws(ConfigurationFault) {
            try configuration.set(bytes(key), value)
            return nil
        } catch {
            return String(validating: error.sentence, as: UTF8.self) ?? "not UTF-8"
        }
    }

    private func refusal(_ key: String, _ value: String) -> String? { refusal(key, bytes(value)) }

    @Test("the row of every key stands at the key's place and has a name of its own")
    func tableIsInOrder() {
        #expect(ConfigurationKey.table.map(\.key) == ConfigurationKey.allCases)
        #expect(Set(ConfigurationKey.table.map { "\($0.name)" }).count == ConfigurationKey.allCases.count)
    }

    @Test("default and bounds of every key can be set as they are", arguments: ConfigurationKey.allCases)
    func tableValuesAreValid(key: ConfigurationKey) throws {
        let entry = key.entry
        for text in [entry.standard, entry.min, entry.max] where text.utf8CodeUnitCount > 0 {
            var configuration = Configuration()
            try configuration.set(entry.name.bytes, text.bytes)
            #expect(configuration.text(of: key) == text.bytes)
        }
        #expect(Configuration().text(of: key) == entry.standard.bytes)
    }

    @Test(
        "one below and one above the bounds of every number is refused", arguments: ConfigurationKey.allCases)
    func boundsHold(key: ConfigurationKey) throws {
        let entry = key.entry
        guard entry.max.utf8CodeUnitCount > 0 else { return }
        if case .fraction = entry.type {
            // Kept in thousandths.
            #expect(refusal("\(entry.name)", "1") == nil)
            #expect(refusal("\(entry.name)", "1.001")?.contains("out of range") == true)
            return
        }
        var configuration = Configuration()
        try configuration.set(key, entry.min.bytes)
        let lowest = configuration.integer(key)
        try configuration.set(key, entry.max.bytes)
        let highest = configuration.integer(key)
        let unit =
            switch entry.type {
            case .duration, .durationOrOff: "ms"
            default: ""
            }
        #expect(refusal("\(entry.name)", "\(highest)\(unit)") == nil)
        #expect(refusal("\(entry.name)", "\(highest + 1)\(unit)")?.contains("out of range") == true)
        if lowest > 0 {
            #expect(refusal("\(entry.name)", "\(lowest - 1)\(unit)")?.contains("out of range") == true)
        }
    }

    @Test(
        "durations are read in every unit",
        arguments: [
            ("20", 20_000), ("20s", 20_000), ("20 s", 20_000), (" 20s ", 20_000), ("1.5s", 1_500),
            ("0.25", 250),
            ("500ms", 500), ("2min", 120_000), ("1h", 3_600_000), ("0.5d", 43_200_000), ("1S", 1_000),
            ("0", 0), ("off", 0), ("none", 0), ("0.0001", 1), ("0.3333333333333333", 333), ("1.9999s", 2_000),
        ])
    func durations(text: String, milliseconds: UInt64) throws {
        #expect(try configuration("ping_interval", text).milliseconds(.pingInterval) == milliseconds)
    }

    @Test(
        "sizes are read in every unit",
        arguments: [
            ("1024", 1024), ("2000", 2000), ("64KiB", 65_536), ("1MiB", 1_048_576), ("16MB", 16_000_000),
            ("1.5MiB", 1_572_864), ("1gib", 1_073_741_824), ("2 kb", 2_000), ("3GB", 3_000_000_000),
            ("1500B", 1500),
        ])
    func sizes(text: String, size: Int) throws {
        #expect(try configuration("max_event_queue_bytes", text).size(.maxEventQueueBytes) == size)
    }

    @Test(
        "flags have four words for each side",
        arguments: [
            ("on", true), ("true", true), ("yes", true), ("1", true), ("off", false), ("false", false),
            ("no", false),
            ("0", false),
        ])
    func flags(text: String, value: Bool) throws {
        #expect(try configuration("ipv6_only", text).flag(.ipv6Only) == value)
    }

    @Test("choices are numbered as they are listed")
    func choices() throws {
        for (index, word) in ["close", "drop_oldest", "drop_newest", "latest"].enumerated() {
            #expect(try configuration("slow_consumer", word).choice(.slowConsumer) == index)
        }
    }

    @Test("lists are split at commas, without the spaces around items")
    func lists() throws {
        let list = try configuration("listen", "127.0.0.1:0 , [::1]:0,unix:/tmp/a b").list(.listen)
        #expect(list == [bytes("127.0.0.1:0"), bytes("[::1]:0"), bytes("unix:/tmp/a b")])
        #expect(try configuration("listen", "").list(.listen).isEmpty)
    }

    @Test(
        "values that cannot be read are refused",
        arguments: [
            ("threads", ""), ("threads", "x"), ("threads", "-1"), ("threads", "+1"), ("threads", "1.0"),
            ("threads", "2 threads"), ("threads", "off"), ("threads", "9223372036854775808"),
            ("threads", "99999999999999999999999999999999"), ("ping_interval", "20x"), ("ping_interval", "s"),
            ("ping_interval", "1."), ("ping_interval", ".5"), ("ping_interval", "1.5.5"),
            ("ping_interval", "-1s"),
            ("ping_interval", "99999999999999999999h"), ("ping_interval", "9223372036854775807d"),
            ("ping_timeout", "off"), ("max_message_size", "1.5"), ("max_message_size", "64K"),
            ("max_message_size", "9223372036854775807GiB"), ("ipv6_only", "On"), ("ipv6_only", ""),
            ("slow_consumer", "drop"), ("slow_consumer", "close|latest"), ("slow_consumer", ""),
            ("listen", "a,,b"),
            ("listen", ","), ("listen", "a, "),
        ])
    func refusals(key: String, value: String) {
        #expect(refusal(key, value)?.hasPrefix("\(key): \"\(value)\" ") == true)
    }

    @Test(
        "an unknown key is answered with the nearest one",
        arguments: [
            ("pinginterval", "unknown key \"pinginterval\": did you mean \"ping_interval\"?"),
            ("PING_INTERVAL", "unknown key \"PING_INTERVAL\": did you mean \"ping_interval\"?"),
            ("thread", "unknown key \"thread\": did you mean \"threads\"?"),
            ("max_mesage_size", "unknown key \"max_mesage_size\": did you mean \"max_message_size\"?"),
            ("max_rooms", "unknown key \"max_rooms\": did you mean \"max_rooms_per_connection\"?"),
            ("colour", "unknown key \"colour\""), ("", "unknown key \"\""),
        ])
    func unknownKeys(key: String, sentence: String) {
        #expect(refusal(key, "1") == sentence)
    }

    @Test(
        "a key with its words in another order is answered with the key",
        arguments: [
            ("event_queue_max_bytes", "max_event_queue_bytes"),
            ("event_queue_max", "max_event_queue"),
            ("outbox_max_bytes", "max_outbox_bytes"),
            ("presence_grace_max", "max_presence_grace_users"),
            ("rate_limit_drops_max", "max_rate_limit_drops"),
            ("rate_limit_entries_max", "max_rate_limit_entries"),
            ("health_lag_max", "max_health_lag"),
            ("tls_min_version", "min_tls_version"),
            ("tls_max_handshake_size", "max_tls_handshake_size"),
            ("json_max_size", "max_json_size"),
            ("json_max_depth", "max_json_depth"),
            ("json_max_event_name", "max_json_event_name"),
            ("json_max_characters", "max_json_characters"),
            ("batch_max_messages", "max_batch_messages"),
            ("batch_max_bytes", "max_batch_bytes"),
            ("queue_max_messages", "max_queue_messages"),
            ("queue_max_bytes", "max_queue_bytes"),
            ("queue_max_age", "max_queue_age"),
            ("jwt_max_size", "max_jwt_size"),
            ("broker_reconnect_max", "max_broker_reconnect"),
            ("broker_max_message", "max_broker_message"),
            ("broker_max_output", "max_broker_output"),
            ("broker_max_channels", "max_broker_channels"),
            ("broker_max_nodes", "max_broker_nodes"),
            ("broker_max_presence", "max_broker_presence"),
            ("size_message_max", "max_message_size"),
        ])
    func otherOrder(given: String, key: String) {
        #expect(refusal(given, "1") == "unknown key \"\(given)\": did you mean \"\(key)\"?")
    }

    @Test("a bound stands before what it bounds, but in the keys that users know from elsewhere")
    func orderOfWords() {
        let known = ["reconnect_max_attempts", "reconnect_backoff_max"]
        for entry in ConfigurationKey.table where !known.contains("\(entry.name)") {
            let words = "\(entry.name)".split(separator: "_").dropFirst()
            #expect(!words.contains("max") && !words.contains("min"), "\(entry.name)")
        }
    }

    @Test("sentences say what is allowed")
    func sentences() {
        #expect(refusal("threads", "0") == "threads: \"0\" is out of range: it must be from 1 to 256")
        #expect(
            refusal("slow_consumer", "wait")
                == "slow_consumer: \"wait\" is not one of close, drop_oldest, drop_newest, latest")
    }

    @Test("a value is at most 64 KiB of UTF-8 without NUL")
    func texts() {
        #expect(refusal("server_root", [UInt8](repeating: 0x61, count: 65536)) == nil)
        #expect(refusal("server_root", [UInt8](repeating: 0x61, count: 65537))?.contains("64 KiB") == true)
        #expect(
            refusal("server_root", [0x61, 0, 0x62]) == "server_root: \"a\\x00b\" is not UTF-8 without NUL")
        #expect(refusal("server_root", [0xC3, 0x28]) == "server_root: \"\\xc3(\" is not UTF-8 without NUL")
        #expect(refusal("server_root", "/srv/schön") == nil)
    }

    @Test("a refused value leaves the one before")
    func refusedValueChangesNothing() throws {
        var configuration = try configuration("threads", "4")
        #expect(throws: ConfigurationFault.self) { try configuration.set(bytes("threads"), bytes("400")) }
        #expect(configuration.integer(.threads) == 4)
        #expect(configuration.text(of: .threads) == bytes("4"))
    }

    @Test("the environment sets keys in upper case after the prefix, and nothing else")
    func environment() throws {
        var configuration = Configuration()
        func load(_ name: String, _ value: String) throws -> Bool {
            try configuration.load(environmentEntry: bytes(name), value: bytes(value), prefix: bytes("WS_"))
        }
        #expect(try load("WS_PING_INTERVAL", "30"))
        #expect(configuration.milliseconds(.pingInterval) == 30_000)
        #expect(try !load("WS_ping_interval", "40"))
        #expect(try !load("PING_INTERVAL", "40"))
        #expect(try !load("WS_", "40"))
        #expect(try !load("WS_COLOUR", "40"))
        #expect(configuration.milliseconds(.pingInterval) == 30_000)
        let fault = #expect(throws: ConfigurationFault.self) { try load("WS_THREADS", "many") }
        let sentence = String(validating: fault?.sentence ?? [], as: UTF8.self)
        #expect(sentence == "WS_THREADS: threads: \"many\" is not a whole number")
    }

    @Test("the description has every key once, with its values or bounds")
    func description() {
        let json = String(decoding: Configuration.describe(), as: UTF8.self)
        #expect(
            json.hasPrefix("[\n{\"key\":\"threads\",\"type\":\"integer\",\"default\":\"1\",\"min\":\"1\""))
        #expect(json.hasSuffix("}\n]"))
        #expect(json.contains("\"values\":[\"close\",\"drop_oldest\",\"drop_newest\",\"latest\"]"))
        #expect(json.split(separator: "\n").count == ConfigurationKey.allCases.count + 2)
    }
}
