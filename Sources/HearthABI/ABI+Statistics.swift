// What a server counts and how it is.

public import CHearth
internal import HearthEngine

@c @implementation
public func hearth_server_stats(
    _ server: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    withServer(server) { copyOut($0.statisticsJSON, buffer, capacity) }
}

@c @implementation
public func hearth_server_metrics(
    _ server: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    withServer(server) { copyOut($0.metrics, buffer, capacity) }
}

@c @implementation
public func hearth_server_health(
    _ server: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    withServer(server) { copyOut($0.health.json, buffer, capacity) }
}
