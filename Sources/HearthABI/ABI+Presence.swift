// Who is in a room.

public import CHearth
internal import HearthBytes
internal import HearthEngine

@c @implementation
public func hearth_room_presence(
    _ server: OpaquePointer!, _ room: UnsafePointer<CChar>!, _ version: UnsafeMutablePointer<UInt64>!,
    _ buffer: UnsafeMutableRawPointer!, _ capacity: Int
) -> Int64 {
    withServer(server) { object in
        let answer = lend(room) { room -> Int64 in
            let (newest, records) = object.presence(inRoom: room)
            version?.pointee = newest
            return copyOut(records: records, buffer, capacity)
        }
        return answer ?? Int64(Status.invalid.rawValue)
    }
}

/// Copies whole records as far as they fit. Returns the bytes that all of them need.
private func copyOut(
    records: [[UInt8]], _ buffer: UnsafeMutableRawPointer?, _ capacity: Int
) -> Int64 {
    var needed = 0
    var isFitting = buffer != nil
    for record in records {
        isFitting = isFitting && needed + record.count <= capacity
        if isFitting {
            record.withUnsafeBytes {
                (buffer! + needed).copyMemory(from: $0.baseAddress!, byteCount: $0.count)
            }
        }
        needed += record.count
    }
    return Int64(needed)
}

@c @implementation
public func hearth_user_set_presence(
    _ server: OpaquePointer!, _ user: UnsafePointer<CChar>!, _ data: UnsafeRawPointer!, _ length: Int
) -> Int32 {
    Int32(
        withServer(server) { object in
            guard let bytes = payload(data, length) else { return Int64(Status.invalid.rawValue) }
            return lend(user) { Int64(object.setPresence(user: $0, bytes).rawValue) }
                ?? Int64(Status.invalid.rawValue)
        })
}
