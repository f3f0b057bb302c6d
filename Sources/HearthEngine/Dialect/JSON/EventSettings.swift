// The settings of the json dialect, as a server reads them once.

internal import HearthBytes
internal import HearthWire

final class EventSettings: @unchecked Sendable {
    let text: EventText
    let stampKeys: StampKeys
    let sizeMax: Int
    let depthMax: Int
    let nameMax: Int
    /// 0: no limit.
    let charactersMax: Int
    let errorBudget: Int
    /// Code and message of an error stand under the data's key, not beside the event's.
    let errorsHaveData: Bool
    let typingTimeout: UInt64
    /// 0: nothing is batched.
    let batchInterval: UInt64
    let batchMessagesMax: Int
    let batchBytesMax: Int
    /// Empty: all.
    private let names: [[UInt8]]

    var keys: EnvelopeKeys { text.keys }

    init(_ configuration: Configuration) {
        text = EventText(
            EnvelopeKeys(
                event: configuration.text(of: .jsonEventKey), data: configuration.text(of: .jsonDataKey),
                room: configuration.text(of: .jsonRoomKey)))
        stampKeys = StampKeys(
            identifier: configuration.text(of: .jsonIDKey), user: configuration.text(of: .jsonUserKey),
            time: configuration.text(of: .jsonTimeKey), text: configuration.text(of: .jsonTextKey))
        sizeMax = configuration.size(.maxJSONSize)
        depthMax = configuration.integer(.maxJSONDepth)
        nameMax = configuration.integer(.maxJSONEventName)
        charactersMax = configuration.integer(.maxJSONCharacters)
        errorBudget = configuration.integer(.jsonErrorBudget)
        errorsHaveData =
            configuration.choice(.jsonErrors) == 1 && !configuration.text(of: .jsonDataKey).isEmpty
        typingTimeout = configuration.milliseconds(.typingTimeout)
        batchInterval = configuration.milliseconds(.batchInterval)
        batchMessagesMax = configuration.integer(.maxBatchMessages)
        batchBytesMax = configuration.size(.maxBatchBytes)
        let names = configuration.list(.jsonEvents)
        self.names = names.contains([UInt8(ascii: "*")]) ? [] : names
    }

    /// Whether the host has a use for events of that name.
    func takes(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        names.isEmpty || names.contains { $0.elementsEqual(name) }
    }

    /// Throws if two members of what the server writes would have the same name.
    func check() throws(Route.Fault) {
        let known = [keys.event, keys.data, keys.room, stampKeys.identifier, stampKeys.user, stampKeys.time]
        if keys.event.isEmpty {
            throw Route.Fault(.invalidValue, [ascii("the key json_event_key is empty: events need a name")])
        }
        for (index, key) in known.enumerated() where index != 1 || !key.isEmpty {
            if key.isEmpty || known[(index + 1)...].contains(key) || key == stampKeys.text {
                throw Route.Fault(
                    .invalidValue,
                    [
                        ascii("json_event_key, json_data_key, json_room_key, json_id_key, json_user_key, "),
                        ascii("json_time_key and json_text_key must be set and all differ: \""), key,
                        ascii("\""),
                    ])
            }
        }
    }
}

/// What a connection of the json dialect has beside the others.
final class Speaker {
    /// Errors that count toward the budget, and the moment from which on they are forgiven.
    var errors = 0
    var errorsSince: UInt64 = 0
    /// Rooms in which the user types.
    var typing: [Typing] = []
    /// "[", and messages separated by commas; empty: no window is open.
    var batch: [UInt8] = []
    var batchCount = 0
    var batchDue: UInt64 = 0

    struct Typing {
        let room: ByteString
        var due: UInt64
    }

    /// The next moment at which something is to be done; nil: nothing is.
    var deadline: UInt64? {
        var deadline: UInt64? = batch.isEmpty ? nil : batchDue
        for entry in typing where deadline == nil || entry.due < deadline! { deadline = entry.due }
        return deadline
    }
}
