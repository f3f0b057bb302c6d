// Events in the form of the header: translated for a callback, or read back from the queue's records.

public import CHearth
internal import HearthBytes
internal import HearthEngine

private func characters(_ bytes: Borrowed) -> UnsafePointer<CChar>? {
    UnsafeRawPointer(bytes.base)?.assumingMemoryBound(to: CChar.self)
}

/// The host's event callback. It lives as long as its server.
final class EventTarget {
    let callback: hearth_event_fn
    let context: UnsafeMutableRawPointer?
    private let endpoint: Unmanaged<Endpoint>?
    /// Of a server: for each of its loops the event that tells of messages, made with the first one. What all
    /// messages have in common stays in it.
    private let messages: UnsafeMutablePointer<UnsafeMutablePointer<hearth_event>?>?

    init(
        _ callback: @escaping hearth_event_fn, _ context: UnsafeMutableRawPointer?,
        of endpoint: Endpoint? = nil
    ) {
        self.callback = callback
        self.context = context
        self.endpoint = endpoint.map { Unmanaged.passUnretained($0) }
        messages = endpoint?.kind == .server ? .allocate(capacity: Endpoint.loopsMax) : nil
        messages?.initialize(repeating: nil, count: Endpoint.loopsMax)
    }

    deinit {
        guard let messages else { return }
        for loop in 0..<Endpoint.loopsMax { messages[loop]?.deallocate() }
        messages.deallocate()
    }

    @inline(__always)
    func deliver(_ message: UnsafePointer<MessageEvent>) {
        guard let place = messages.map({ $0 + message.pointee.loop }) else { return }
        let event = place.pointee ?? makeEvent(place)
        event.pointee.connection = message.pointee.connection
        event.pointee.connection_context = message.pointee.context
        event.pointee.time_ms = message.pointee.wallMilliseconds
        event.pointee.opcode = message.pointee.opcode
        event.pointee.route = message.pointee.route
        event.pointee.data = message.pointee.data.base
        event.pointee.data_length = message.pointee.data.count
        callback(context, event)
    }

    @inline(never)
    private func makeEvent(
        _ place: UnsafeMutablePointer<UnsafeMutablePointer<hearth_event>?>
    ) -> UnsafeMutablePointer<hearth_event> {
        var common = hearth_event()
        common.size = UInt32(MemoryLayout<hearth_event>.size)
        common.type = EventType.message.rawValue
        common.server = endpoint?._withUnsafeGuaranteedRef { OpaquePointer($0.handle) }
        let event = UnsafeMutablePointer<hearth_event>.allocate(capacity: 1)
        event.initialize(to: common)
        place.pointee = event
        return event
    }

    @_optimize(speed)
    func deliver(_ event: UnsafePointer<EngineEvent>) {
        var translated = hearth_event()
        translated.size = UInt32(MemoryLayout<hearth_event>.size)
        translated.type = event.pointee.type.rawValue
        let (kind, handle) = event.pointee.endpoint._withUnsafeGuaranteedRef { ($0.kind, $0.handle) }
        if kind == .server {
            translated.server = OpaquePointer(handle)
        } else {
            translated.client = OpaquePointer(handle)
        }
        translated.connection = event.pointee.connection
        translated.connection_context = event.pointee.context
        translated.time_ms = event.pointee.wallMilliseconds
        translated.opcode = event.pointee.opcode
        translated.flags = event.pointee.flags
        translated.code = event.pointee.code
        translated.route = event.pointee.route
        translated.data = event.pointee.data.base
        translated.data_length = event.pointee.data.count
        translated.event_name = characters(event.pointee.eventName)
        translated.event_name_length = event.pointee.eventName.count
        switch event.pointee.type {
        case .message: break
        case .channelSend: fillConnections(&translated, event)
        default: fillTexts(&translated, event)
        }
        withUnsafePointer(to: &translated) { callback(context, $0) }
    }

    private func fillConnections(_ translated: inout hearth_event, _ event: UnsafePointer<EngineEvent>) {
        let ids = event.pointee.headers
        translated.connections = UnsafeRawPointer(ids.base)?.assumingMemoryBound(to: UInt64.self)
        translated.connections_length = ids.count / 8
        translated.path = characters(event.pointee.path)
        translated.path_length = event.pointee.path.count
    }

    private func fillTexts(_ translated: inout hearth_event, _ event: UnsafePointer<EngineEvent>) {
        translated.room = characters(event.pointee.room)
        translated.room_length = event.pointee.room.count
        translated.user = characters(event.pointee.user)
        translated.user_length = event.pointee.user.count
        translated.method = characters(event.pointee.method)
        translated.method_length = event.pointee.method.count
        translated.path = characters(event.pointee.path)
        translated.path_length = event.pointee.path.count
        translated.query = characters(event.pointee.query)
        translated.query_length = event.pointee.query.count
        translated.headers = characters(event.pointee.headers)
        translated.headers_length = event.pointee.headers.count
        translated.captures = characters(event.pointee.captures)
        translated.captures_length = event.pointee.captures.count
        translated.address = characters(event.pointee.address)
        translated.address_length = event.pointee.address.count
        translated.presence_version = event.pointee.version
        translated.message = event.pointee.client.message
        translated.delay_ms = event.pointee.client.delayMilliseconds
        translated.state = event.pointee.client.state
        translated.attempt = event.pointee.client.attempt
        translated.error = event.pointee.client.error
        translated.status = event.pointee.client.httpStatus
    }
}

private func deliver(_ event: UnsafeRawPointer, to target: UnsafeMutableRawPointer?) {
    guard let target else { return }
    Unmanaged<EventTarget>.fromOpaque(target)._withUnsafeGuaranteedRef {
        $0.deliver(event.assumingMemoryBound(to: EngineEvent.self))
    }
}

/// Makes the host's callback the one for answers to questions of a server.
func setAnswerCallback(
    _ callback: hearth_event_fn?, _ context: UnsafeMutableRawPointer?, of server: Server
) -> Status {
    guard let callback else { return server.setAnswerCallback(nil, nil) }
    let target = EventTarget(callback, context, of: server)
    let status = server.setAnswerCallback(
        { deliver($1, to: $0) }, Unmanaged.passUnretained(target).toOpaque())
    if status == .ok { server.answerOwner = target }
    return status
}

/// Makes the host's callback that of an endpoint.
func setCallback(
    _ callback: hearth_event_fn?, _ context: UnsafeMutableRawPointer?, of endpoint: Endpoint,
    _ set: (EventCallback?, UnsafeMutableRawPointer?) -> Status
) -> Status {
    guard let callback else {
        let status = set(nil, nil)
        if status == .ok { endpoint.messageCallback = nil }
        return status
    }
    let target = EventTarget(callback, context, of: endpoint)
    let status = set({ deliver($1, to: $0) }, Unmanaged.passUnretained(target).toOpaque())
    if status != .ok { return status }
    endpoint.callbackOwner = target
    if endpoint.kind == .server {
        endpoint.messageCallback = { target, message in
            guard let target else { return }
            Unmanaged<EventTarget>.fromOpaque(target)._withUnsafeGuaranteedRef {
                $0.deliver(message.assumingMemoryBound(to: MessageEvent.self))
            }
        }
    }
    return status
}

/// One record of the queue: see hearth_engine_poll_packed.
struct Record {
    let base: UnsafePointer<UInt8>

    init(_ base: UnsafePointer<UInt8>) { self.base = base }

    func load<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type) -> Value {
        Value(littleEndian: UnsafeRawPointer(base).loadUnaligned(fromByteOffset: offset, as: type))
    }

    func length(_ offset: Int) -> Int { Int(load(offset, as: UInt32.self)) }

    var flags: UInt16 { load(6, as: UInt16.self) }

    var context: UnsafeMutableRawPointer? {
        if flags & EventQueue.hasContext == 0 { return nil }
        return UnsafeMutableRawPointer(bitPattern: UInt(load(length(0) - 8, as: UInt64.self)))
    }

    var isChannelSend: Bool { UInt32(load(4, as: UInt16.self)) == EventType.channelSend.rawValue }
}

/// The host's array of events. Its structs may be shorter or longer than those of this library: `stride` is
/// the size that the host was compiled with.
struct EventArray {
    let base: UnsafeMutableRawPointer
    let stride: Int

    /// The fields size and type, without which an event says nothing.
    private static var bytesMin: Int { 8 }

    /// Nil: there is no array, or its structs are too short or not aligned.
    init?(_ base: UnsafeMutablePointer<hearth_event>?, stride: Int) {
        guard let base, stride >= Self.bytesMin, stride % MemoryLayout<hearth_event>.alignment == 0 else {
            return nil
        }
        self.base = UnsafeMutableRawPointer(base)
        self.stride = stride
    }

    /// Stores as much of an event as the host's struct holds; fields that this library does not know are 0.
    func store(_ event: hearth_event, at index: Int) {
        let known = min(stride, MemoryLayout<hearth_event>.size)
        let target = base + index * stride
        var event = event
        event.size = UInt32(known)
        withUnsafeBytes(of: &event) { target.copyMemory(from: $0.baseAddress!, byteCount: known) }
        if stride > known {
            (target + known).initializeMemory(as: UInt8.self, repeating: 0, count: stride - known)
        }
    }
}

/// Fills the host's structs from records. The strings are copied, each with the NUL that the header promises.
func fill(_ events: EventArray, _ records: [Record], _ handle: EngineHandle) {
    var needed = 0
    var connections = 0
    for record in records {
        needed += record.length(0) + 16
        if record.isChannelSend { connections += record.length(48) / 8 }
    }
    handle.connections.removeAll(keepingCapacity: handle.connections.capacity <= 1 << 16)
    handle.connections.reserveCapacity(connections)
    handle.texts.reserveCapacity(needed)
    handle.texts.append(0)
    let servers = handle.servers
    for (index, record) in records.enumerated() {
        var event = hearth_event()
        event.type = UInt32(record.load(4, as: UInt16.self))
        event.flags = UInt32(record.flags & ~EventQueue.hasContext)
        event.connection_context = record.context
        event.connection = record.load(8, as: UInt64.self)
        let number = record.length(16)
        event.server = number < servers.count ? servers[number] : nil
        event.code = record.load(20, as: Int32.self)
        event.opcode = record.load(24, as: UInt32.self)
        event.route = record.load(28, as: Int32.self)
        if number >= 1 << 31 { readClient(record, handle, &event) }
        event.time_ms = record.load(56, as: UInt64.self)
        var reader = TextReader(handle: handle, place: record.base + EventQueue.recordHeaderBytes)
        event.data = UnsafePointer(reader.skip(record.length(32)))
        event.data_length = record.length(32)
        (event.room, event.room_length) = reader.next(record.length(36))
        (event.user, event.user_length) = reader.next(record.length(40))
        (event.path, event.path_length) = reader.next(record.length(44))
        if record.isChannelSend {
            (event.connections, event.connections_length) = reader.ids(record.length(48) / 8)
        } else if record.length(48) == 8 {
            event.presence_version = Record(reader.skip(8)).load(0, as: UInt64.self)
        } else if record.length(48) > 0 {
            let lengths = Record(reader.skip(20))
            (event.method, event.method_length) = reader.next(lengths.length(0))
            (event.query, event.query_length) = reader.next(lengths.length(4))
            (event.address, event.address_length) = reader.next(lengths.length(8))
            (event.headers, event.headers_length) = reader.next(lengths.length(12))
            (event.captures, event.captures_length) = reader.next(lengths.length(16))
        }
        if record.length(52) > 0 {
            (event.event_name, event.event_name_length) = reader.next(record.length(52))
        }
        events.store(event, at: index)
    }
}

/// Reads the fields that events of clients have in the places of those of servers. The caller has filled in
/// connection, opcode and route.
private func readClient(_ record: Record, _ handle: EngineHandle, _ event: inout hearth_event) {
    let number = record.length(16) & 0x7FFF_FFFF
    event.client = OpaquePointer(handle.engine.clientHandle(number: number))
    let type = hearth_event_type(rawValue: event.type)
    if type == HEARTH_EVENT_CLIENT_SENT || type == HEARTH_EVENT_CLIENT_DROPPED {
        event.message = event.connection
    }
    event.connection = 0
    if type != HEARTH_EVENT_CLIENT_STATE, type != HEARTH_EVENT_CLIENT_PREPARE { return }
    event.delay_ms = record.load(8, as: UInt64.self) & 0xFFFF_FFFF
    event.attempt = UInt32(truncatingIfNeeded: record.load(8, as: UInt64.self) >> 32)
    event.state = event.opcode & 0xFFFF
    event.status = event.opcode >> 16
    event.error = event.route
    event.opcode = 0
    event.route = -1
}

/// Copies a record's strings one after the other. The target was made large enough before, so it does not
/// move.
private struct TextReader {
    let handle: EngineHandle
    var place: UnsafePointer<UInt8>

    mutating func skip(_ count: Int) -> UnsafePointer<UInt8> {
        defer { place += count }
        return place
    }

    /// Copied to where they are aligned. The target was made large enough before.
    mutating func ids(_ count: Int) -> (UnsafePointer<UInt64>?, Int) {
        let source = Record(skip(8 * count))
        let start = handle.connections.count
        for index in 0..<count { handle.connections.append(source.load(8 * index, as: UInt64.self)) }
        return handle.connections.withUnsafeBufferPointer { ($0.baseAddress! + start, count) }
    }

    mutating func next(_ count: Int) -> (UnsafePointer<CChar>?, Int) {
        let source = skip(count)
        let start = handle.texts.count
        handle.texts.append(contentsOf: UnsafeBufferPointer(start: source, count: count))
        handle.texts.append(0)
        return handle.texts.withUnsafeBufferPointer {
            (UnsafeRawPointer($0.baseAddress! + start).assumingMemoryBound(to: CChar.self), count)
        }
    }
}

// MARK: Reading an event

@c @implementation
public func hearth_event_header(
    _ event: UnsafePointer<hearth_event>!, _ name: UnsafePointer<CChar>!
) -> UnsafePointer<CChar>! {
    guard let event, let name, let list = event.pointee.headers else { return nil }
    return value(of: name, in: list, event.pointee.headers_length)
}

@c @implementation
public func hearth_event_capture(
    _ event: UnsafePointer<hearth_event>!, _ name: UnsafePointer<CChar>!
) -> UnsafePointer<CChar>! {
    guard let event, let name, let list = event.pointee.captures else { return nil }
    return value(of: name, in: list, event.pointee.captures_length)
}

/// In a list name NUL value NUL name NUL value NUL …
private func value(
    of name: UnsafePointer<CChar>, in list: UnsafePointer<CChar>, _ count: Int
) -> UnsafePointer<CChar>? {
    var index = 0
    while index < count {
        let isName = equal(list + index, name)
        index = end(of: index, in: list, count) + 1
        if index > count { return nil }
        if isName { return list + index }
        index = end(of: index, in: list, count) + 1
    }
    return nil
}

private func equal(_ left: UnsafePointer<CChar>, _ right: UnsafePointer<CChar>) -> Bool {
    var index = 0
    while left[index] == right[index] {
        if left[index] == 0 { return true }
        index += 1
    }
    return false
}

private func end(of index: Int, in list: UnsafePointer<CChar>, _ count: Int) -> Int {
    var index = index
    while index < count, list[index] != 0 { index += 1 }
    return index
}
