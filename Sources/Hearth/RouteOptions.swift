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

func routeOptions(
    join: RouteJoin, relay: RouteRelay, reportsRelayed: Bool, accept: RouteAccept, subprotocols: [String]
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
    return options.joined(separator: ",")
}

/// The comma separates options, so a value cannot hold one.
private func checked(_ value: String) throws(HearthError) -> String {
    if value.utf8.contains(UInt8(ascii: ",")) {
        throw HearthError(.invalidValue, detail: "a route option may not contain a comma: \(value)")
    }
    return value
}
