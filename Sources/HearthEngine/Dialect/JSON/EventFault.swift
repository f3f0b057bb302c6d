// What a peer can do wrong in the json dialect, as the error event says it. What it wrote is not repeated.

internal import HearthWire

enum EventFault {
    case invalidJSON
    case tooDeep
    case notObject
    case missingEvent
    case duplicateKey
    case tooLarge
    case unknownEvent
    case emptyMessage
    case messageTooLong
    case missingRoom
    case invalidRoom
    case roomNameTooLong
    case roomNotOpen
    case tooManyRooms
    case notInRoom
    case userRequired
    case tokenRequired
    case tokenRefused
    case tokenNotAllowed

    init(_ fault: EnvelopeFault) {
        switch fault {
        case .notJSON: self = .invalidJSON
        case .tooDeep: self = .tooDeep
        case .notObject: self = .notObject
        case .noEvent: self = .missingEvent
        case .duplicateKey: self = .duplicateKey
        }
    }

    /// For programs.
    var code: StaticString {
        switch self {
        case .invalidJSON: "invalid_json"
        case .tooDeep: "too_deep"
        case .notObject: "not_an_object"
        case .missingEvent: "missing_event"
        case .duplicateKey: "duplicate_key"
        case .tooLarge: "message_too_large"
        case .unknownEvent: "unknown_event"
        case .emptyMessage: "empty_message"
        case .messageTooLong: "message_too_long"
        case .missingRoom: "missing_room"
        case .invalidRoom: "invalid_room"
        case .roomNameTooLong: "room_name_too_long"
        case .roomNotOpen: "room_not_open"
        case .tooManyRooms: "too_many_rooms"
        case .notInRoom: "not_in_room"
        case .userRequired: "user_required"
        case .tokenRequired: "token_required"
        case .tokenRefused: "invalid_token"
        case .tokenNotAllowed: "token_not_allowed"
        }
    }

    /// For people.
    var sentence: StaticString {
        switch self {
        case .invalidJSON: "The message is not valid JSON"
        case .tooDeep: "The message is nested too deeply"
        case .notObject: "The message is not a JSON object"
        case .missingEvent: "The message does not name its event"
        case .duplicateKey: "The message has a member twice"
        case .tooLarge: "The message is too large"
        case .unknownEvent: "Unknown event"
        case .emptyMessage: "Message cannot be empty"
        case .messageTooLong: "Message too long"
        case .missingRoom: "The message does not name a room"
        case .invalidRoom: "This cannot be the name of a room"
        case .roomNameTooLong: "The name of the room is too long"
        case .roomNotOpen: "The room is not open"
        case .tooManyRooms: "Too many rooms"
        case .notInRoom: "Not in the room"
        case .userRequired: "Only users may do this"
        case .tokenRequired: "The message has no token"
        case .tokenRefused: "The token is not valid"
        case .tokenNotAllowed: "The token does not allow this"
        }
    }
}
