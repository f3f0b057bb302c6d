// Engines.

public import CHearth
internal import HearthBytes
internal import HearthEngine
internal import HearthPlatform

@c @implementation
public func hearth_engine_new(_ config: OpaquePointer!) -> OpaquePointer! {
    Fork.register(HandleTable.forkHooks)
    var handle: OpaquePointer?
    _ = withConfiguration(config) { configuration in
        do throws(Engine.SystemRefusal) {
            let engine = try Engine(configuration: configuration.configuration)
            handle = HandleTable.shared.insert(EngineHandle(engine), .engine)
            return 0
        } catch {
            configuration.lastError = error.sentence
            return Int64(Status.system.rawValue)
        }
    }
    return handle
}

@c @implementation
public func hearth_engine_free(_ engine: OpaquePointer!) -> Int32 {
    if engine == nil { return 0 }
    switch HandleTable.shared.take(engine, .engine) {
    case .nothing: return Status.invalid.rawValue
    case .parents: return Status.forked.rawValue
    case .object(let object):
        let handle = unsafeDowncast(object, to: EngineHandle.self)
        let clients = handle.engine.clientHandles
        let status = handle.engine.end()
        if status != .ok {
            HandleTable.shared.putBack(engine, .engine, object)
            return status.rawValue
        }
        for server in handle.servers { _ = HandleTable.shared.remove(server, .server) }
        for client in clients { _ = HandleTable.shared.remove(OpaquePointer(client), .client) }
        HandleTable.shared.discard(engine, .engine)
        return 0
    }
}

@c @implementation
public func hearth_engine_start(_ engine: OpaquePointer!) -> Int32 {
    Int32(withEngine(engine) { Int64($0.engine.start().rawValue) })
}

@c @implementation
public func hearth_engine_run(_ engine: OpaquePointer!) -> Int32 {
    Int32(withEngine(engine) { Int64($0.engine.run().rawValue) })
}

@c @implementation
public func hearth_engine_attach(_ engine: OpaquePointer!, _ uv_loop: UnsafeMutableRawPointer!) -> Int32 {
    Int32(
        withEngine(engine) {
            guard let uv_loop else { return Int64(Status.invalid.rawValue) }
            return Int64($0.engine.attach(uv_loop).rawValue)
        })
}

@c @implementation
public func hearth_engine_keep_alive(_ engine: OpaquePointer!, _ keeps: Int32) -> Int32 {
    Int32(withEngine(engine) { Int64($0.engine.keepHostRunning(keeps != 0).rawValue) })
}

@c @implementation
public func hearth_engine_drive(_ engine: OpaquePointer!) -> Int32 {
    Int32(withEngine(engine) { Int64($0.engine.drive().rawValue) })
}

@c @implementation
public func hearth_engine_stop(_ engine: OpaquePointer!) -> Int32 {
    Int32(withEngine(engine) { Int64($0.engine.stop().rawValue) })
}

@c @implementation
public func hearth_engine_fd(_ engine: OpaquePointer!) -> Int32 {
    Int32(withEngine(engine) { Int64($0.engine.descriptor ?? Status.state.rawValue) })
}

@c @implementation
public func hearth_engine_timeout(_ engine: OpaquePointer!) -> Int32 {
    Int32(withEngine(engine) { Int64($0.engine.timeoutMilliseconds) })
}

@c @implementation
public func hearth_engine_flush(_ engine: OpaquePointer!) -> Int32 {
    Int32(withEngine(engine) { Int64($0.engine.flush().rawValue) })
}

@c @implementation
public func hearth_engine_poll(
    _ engine: OpaquePointer!, _ events: UnsafeMutablePointer<hearth_event>!, _ event_size: Int,
    _ capacity: Int, _ timeout_ms: Int32
) -> Int64 {
    withEngine(engine) { handle in
        guard let events = EventArray(events, stride: event_size), capacity > 0 else {
            return Int64(Status.invalid.rawValue)
        }
        guard handle.beginPolling() else { return Int64(Status.state.rawValue) }
        defer { handle.endPolling() }
        let queue = handle.engine.queue
        handle.texts.removeAll(keepingCapacity: handle.texts.capacity <= 1 << 20)
        if queue.refill() { handle.engine.resumeReading() }
        if !queue.hasLent {
            let status = handle.engine.turn(milliseconds: timeout_ms)
            if status != .ok { return Int64(status.rawValue) }
            if queue.refill() { handle.engine.resumeReading() }
        }
        var count = 0
        var records: [Record] = []
        while count < capacity, let record = queue.takeOne({ Record($0) }) {
            records.append(record)
            count += 1
        }
        fill(events, records, handle)
        return Int64(count)
    }
}

@c @implementation
public func hearth_engine_poll_packed(
    _ engine: OpaquePointer!, _ data: UnsafeMutablePointer<UnsafePointer<UInt8>?>!,
    _ length: UnsafeMutablePointer<Int>!,
    _ timeout_ms: Int32
) -> Int64 {
    withEngine(engine) { handle in
        guard let data, let length else { return Int64(Status.invalid.rawValue) }
        guard handle.beginPolling() else { return Int64(Status.state.rawValue) }
        defer { handle.endPolling() }
        let status = handle.engine.turn(milliseconds: timeout_ms)
        if status != .ok { return Int64(status.rawValue) }
        let (count, mayRead) = handle.engine.queue.takeAll { bytes, _ in
            data.pointee = bytes.baseAddress
            length.pointee = bytes.count
        }
        if mayRead { handle.engine.resumeReading() }
        return Int64(count)
    }
}

@c @implementation
public func hearth_engine_on_log(
    _ engine: OpaquePointer!, _ callback: hearth_log_fn!, _ context: UnsafeMutableRawPointer!
) -> Int32 {
    Int32(
        withEngine(engine) { handle in
            guard let callback else { return Int64(handle.engine.setLog(nil, nil).rawValue) }
            let target = LogTarget(callback, context)
            let status = handle.engine.setLog(
                { target, entry in
                    guard let target else { return }
                    Unmanaged<LogTarget>.fromOpaque(target)._withUnsafeGuaranteedRef {
                        $0.write(entry.assumingMemoryBound(to: LogEntry.self).pointee)
                    }
                }, Unmanaged.passUnretained(target).toOpaque())
            if status == .ok { handle.engine.logOwner = target }
            return Int64(status.rawValue)
        })
}

/// The host's log callback. It lives as long as its engine.
private final class LogTarget {
    let callback: hearth_log_fn
    let context: UnsafeMutableRawPointer?

    init(_ callback: @escaping hearth_log_fn, _ context: UnsafeMutableRawPointer?) {
        self.callback = callback
        self.context = context
    }

    func write(_ entry: LogEntry) {
        var line = hearth_log_entry()
        line.size = UInt32(MemoryLayout<hearth_log_entry>.size)
        line.level = UInt32(entry.level.rawValue)
        line.time_ms = entry.wallMilliseconds
        line.area = permanent(entry.area)
        line.message = permanent(entry.message)
        line.fields = UnsafeRawPointer(entry.fields.base)?.assumingMemoryBound(to: CChar.self)
        line.fields_length = entry.fields.count
        withUnsafePointer(to: &line) { callback(context, $0) }
    }
}

@c @implementation
public func hearth_engine_error(
    _ engine: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    withEngine(engine) { copyOut($0.engine.lastError, buffer, capacity) }
}
