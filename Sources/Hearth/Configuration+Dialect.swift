// Settings of the json dialect.

extension Configuration {
    /// How JSON connections are spoken to. What is nil has the library's default.
    public struct JSONDialect: Sendable {
        /// Whether code and message of an error stand beside the event's name or under `dataKey`.
        public enum Errors: String, Sendable {
            case flat, data
        }

        public var eventKey: String?
        /// Empty: the members of the data stand beside the event's name.
        public var dataKey: String?
        public var roomKey: String?
        public var idKey: String?
        public var userKey: String?
        public var timeKey: String?
        /// Empty: messages of rooms need no text.
        public var textKey: String?
        public var errors: Errors?
        /// Names of the events that the program takes; "*" is all.
        public var events: [String]?
        public var maxSize: Int?
        public var maxDepth: Int?
        public var maxEventName: Int?
        /// Zero: no limit.
        public var maxCharacters: Int?
        public var errorBudget: Int?
        public var typingTimeout: Duration?
        /// Zero: events leave at once.
        public var batchInterval: Duration?
        public var maxBatchMessages: Int?
        public var maxBatchBytes: Int?

        public init() {}
    }
}

extension Configuration.JSONDialect {
    package var settings: [Configuration.Setting] {
        let texts: [(String, String?)] = [
            ("json_event_key", eventKey), ("json_data_key", dataKey), ("json_room_key", roomKey),
            ("json_id_key", idKey), ("json_user_key", userKey), ("json_time_key", timeKey),
            ("json_text_key", textKey), ("json_errors", errors?.rawValue),
            ("json_events", events?.joined(separator: ",")),
        ]
        let numbers: [(String, Int?)] = [
            ("max_json_size", maxSize), ("max_json_depth", maxDepth), ("max_json_event_name", maxEventName),
            ("max_json_characters", maxCharacters), ("json_error_budget", errorBudget),
            ("max_batch_messages", maxBatchMessages), ("max_batch_bytes", maxBatchBytes),
        ]
        let durations = [("typing_timeout", typingTimeout), ("batch_interval", batchInterval)]
        return texts.compactMap { key, value in value.map { Configuration.Setting(key: key, value: $0) } }
            + numbers.compactMap { key, value in
                value.map { Configuration.Setting(key: key, value: "\($0)") }
            }
            + durations.compactMap { key, value in
                value.map { Configuration.Setting(key: key, value: "\($0.milliseconds)ms") }
            }
    }
}
