/// The rows of the json dialect.
extension ConfigurationKey {
    static let events: [ConfigurationEntry] = [
        ConfigurationEntry(
            .jsonEventKey, "json_event_key", .text, standard: "type", .server,
            "Member of a JSON message that names its event, on routes with dialect=json."),
        ConfigurationEntry(
            .jsonDataKey, "json_data_key", .text, standard: "data", .server,
            "Member that holds the event's data. Empty: flat, the data's members stand beside the name."),
        ConfigurationEntry(
            .jsonRoomKey, "json_room_key", .text, standard: "room", .server,
            "Member that names the room in events that the library handles."),
        ConfigurationEntry(
            .jsonIDKey, "json_id_key", .text, standard: "id", .server,
            "Member in which a room's message has the identifier that the server gave it."),
        ConfigurationEntry(
            .jsonUserKey, "json_user_key", .text, standard: "user", .server,
            "Member in which a room's message has its sender's user; null for nobody in particular."),
        ConfigurationEntry(
            .jsonTimeKey, "json_time_key", .text, standard: "time", .server,
            "Member in which a room's message has the server's time, as 2026-01-31T12:00:00.000Z."),
        ConfigurationEntry(
            .jsonTextKey, "json_text_key", .text, standard: "text", .server,
            "Member that holds the text of a room's message. Empty: messages need no text."),
        ConfigurationEntry(
            .jsonErrors, "json_errors", .choice("flat|data"), standard: "flat", .server,
            "Whether code and message of an error stand beside the event's name or under json_data_key."),
        ConfigurationEntry(
            .jsonEvents, "json_events", .list, standard: "*", .server,
            "Names of the events that the host takes, by commas; others are answered with an error. *: all."),
        ConfigurationEntry(
            .maxJSONSize, "max_json_size", .size, standard: "1MiB", from: "2", to: "1GiB", .server,
            "Bytes of one JSON message; more are answered with an error."),
        ConfigurationEntry(
            .maxJSONDepth, "max_json_depth", .integer, standard: "32", from: "1", to: "64", .server,
            "Arrays and objects inside of each other in a JSON message; more are answered with an error."),
        ConfigurationEntry(
            .maxJSONEventName, "max_json_event_name", .size, standard: "64", from: "1", to: "255", .server,
            "Bytes of the name of an event that a peer sends."),
        ConfigurationEntry(
            .maxJSONCharacters, "max_json_characters", .integerOrOff, standard: "2000", from: "0",
            to: "1000000000", .server,
            "Characters of the text of a room's message; more are answered with an error. 0: no limit."),
        ConfigurationEntry(
            .jsonErrorBudget, "json_error_budget", .integer, standard: "10", from: "0", to: "1000000000",
            .server,
            "Errors that are answered; the next closes with 1007. One is forgiven every 10 seconds."),
        ConfigurationEntry(
            .typingTimeout, "typing_timeout", .duration, standard: "5s", from: "10ms", to: "1h", .server,
            "After this time without another typing event a user types no more."),
        ConfigurationEntry(
            .batchInterval, "batch_interval", .durationOrOff, standard: "0", from: "0", to: "1min",
            .serverAndClient,
            "How long events for a JSON connection, or a client's messages, are collected into an array."
        ),
        ConfigurationEntry(
            .maxBatchMessages, "max_batch_messages", .integer, standard: "100", from: "1", to: "1000000",
            .serverAndClient,
            "So many collected events or messages leave before the time is over."),
        ConfigurationEntry(
            .maxBatchBytes, "max_batch_bytes", .size, standard: "64KiB", from: "1", to: "1GiB",
            .serverAndClient,
            "So many bytes of collected events or messages leave before the time is over."),
    ]
}
