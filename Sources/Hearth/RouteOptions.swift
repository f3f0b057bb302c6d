// What a route does by itself, in the words of hearth_server_route.

/// Which room a connection joins when it opens.
public enum RouteJoin: Sendable {
    case nothing
    /// The capture {room}, or the path if the pattern has none.
    case auto
    /// Text with captures, such as "chat:{id}".
    case template(String)
}

/// Where the library sends a member's message without asking the host.
public enum RouteRelay: Sendable {
    case nobody
    /// To all members of the rooms it joined, itself too.
    case all
    /// To all members but itself.
    case others
}

/// Who decides whether a peer is let in.
public enum RouteAccept: Sendable {
    case auto
    /// An `Event.connect` asks the host.
    case ask
}

/// How messages on a route are wrapped.
public enum RouteDialect: Sendable {
    /// Bytes as they are.
    case raw
    /// Texts are events: JSON objects with a name and data. handling: events that the library handles by
    /// itself. echo: whether a room's message comes back to its sender. rooms: those that peers may join by
    /// events, a last * for any rest; empty for all.
    case json(handling: [BuiltInEvent] = [], echo: Bool = true, rooms: [String] = [])
}

/// Events that the library can handle by itself.
public enum BuiltInEvent: String, Sendable {
    case join, leave, message, typing, presence, authenticate
}

func routeOptions(_ dialect: RouteDialect) throws(HearthError) -> String {
    guard case .json(let events, let echo, let rooms) = dialect else { return "" }
    var options = ["dialect=json"]
    if !events.isEmpty { options.append("events=" + events.map(\.rawValue).joined(separator: "+")) }
    if !echo { options.append("echo=off") }
    for name in rooms { _ = try checked(name) }
    if !rooms.isEmpty { options.append("rooms=" + rooms.joined(separator: "+")) }
    return options.joined(separator: ",")
}

func routeOptions(
    join: RouteJoin, relay: RouteRelay, reportsRelayed: Bool, accept: RouteAccept, subprotocols: [String],
    access: RouteAccess
) throws(HearthError) -> String {
    var options: [String] = []
    switch join {
    case .nothing: break
    case .auto: options.append("join=auto")
    case .template(let text): options.append("join=\(try checked(text))")
    }
    switch relay {
    case .nobody: break
    case .all: options.append("relay=all")
    case .others: options.append("relay=others")
    }
    if reportsRelayed { options.append("event=on") }
    if case .ask = accept { options.append("accept=ask") }
    if !subprotocols.isEmpty {
        for name in subprotocols { _ = try checked(name) }
        options.append("subprotocols=\(subprotocols.joined(separator: "|"))")
    }
    options += try access.options()
    return options.joined(separator: ",")
}

/// The comma separates options, so a value cannot hold one.
func checked(_ value: String) throws(HearthError) -> String {
    if value.utf8.contains(UInt8(ascii: ",")) {
        throw HearthError(.invalidValue, detail: "a route option may not contain a comma: \(value)")
    }
    return value
}
