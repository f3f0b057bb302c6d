// Events of the json dialect. data is JSON, an object if `json_data_key` is empty, nil for none; connections
// of the raw dialect get the data alone. `.invalid` if it is no JSON.

internal import CHearth

extension Connection {
    /// Sends an event. False: the `slow_consumer` policy dropped it.
    @discardableResult
    public func sendEvent(_ name: String, _ data: String? = nil) throws(HearthError) -> Bool {
        try HearthError.count(
            try withEvent(name, data) { name, data in
                hearth_connection_send_event(id, name, data.baseAddress, data.count)
            }) > 0
    }
}

extension Room {
    /// Sends an event to every member, each in its dialect. Returns for how many it was queued.
    @discardableResult
    public func sendEvent(
        _ event: String, _ data: String? = nil, except: Except = .nobody
    ) throws(HearthError) -> Int {
        let room = try checkedName(name)
        let answer = try except.withNative { (except) throws(HearthError) -> Int64 in
            try withEvent(event, data) { event, data in
                hearth_room_send_event(server.pointer, room, event, data.baseAddress, data.count, except)
            }
        }
        return try HearthError.count(answer)
    }
}

extension User {
    /// Sends an event to every connection of the user.
    @discardableResult
    public func sendEvent(
        _ event: String, _ data: String? = nil, except: Except = .nobody
    ) throws(HearthError) -> Int {
        let user = try checkedName(name)
        let answer = try except.withNative { (except) throws(HearthError) -> Int64 in
            try withEvent(event, data) { event, data in
                hearth_user_send_event(server.pointer, user, event, data.baseAddress, data.count, except)
            }
        }
        return try HearthError.count(answer)
    }
}

extension Server {
    /// Sends an event to every open connection.
    @discardableResult
    public func broadcastEvent(
        _ event: String, _ data: String? = nil, except: Except = .nobody
    ) throws(HearthError) -> Int {
        let answer = try except.withNative { (except) throws(HearthError) -> Int64 in
            try withEvent(event, data) { event, data in
                hearth_server_send_event(handle.pointer, event, data.baseAddress, data.count, except)
            }
        }
        return try HearthError.count(answer)
    }
}

private func withEvent(
    _ name: String, _ data: String?, _ body: (UnsafePointer<CChar>?, UnsafeRawBufferPointer) -> Int64
) throws(HearthError) -> Int64 {
    var data = data ?? ""
    return try withText(name) { name in
        data.withUTF8 { body(name, UnsafeRawBufferPointer($0)) }
    }
}
