// Version, errors, configuration.

public import CHearth
internal import HearthEngine
internal import HearthPlatform

@c @implementation
public func hearth_version() -> UnsafePointer<CChar>! { permanent(HEARTH_VERSION) }

private let HEARTH_VERSION: StaticString = "0.1.0"

private nonisolated(unsafe) let buildInfo: UnsafePointer<CChar> = {
    var text: [UInt8] = []
    func add(_ part: StaticString) { part.withUTF8Buffer { text.append(contentsOf: $0) } }
    add("{\"hearth\":\"")
    add(HEARTH_VERSION)
    add("\",\"libuv\":\"")
    text += CString.bytes(Process.libuvVersion)
    add("\",\"openssl\":\"")
    text += CString.bytes(Crypto.libraryVersion)
    add("\",\"openssldir\":\"")
    for byte in Crypto.libraryFolder where byte >= 0x20 && byte != UInt8(ascii: "\\") { text.append(byte) }
    #if hasFeature(Embedded)
        add("\",\"runtime\":\"embedded\"}")
    #else
        add("\",\"runtime\":\"swift\"}")
    #endif
    return permanent(text)
}()

@c @implementation
public func hearth_build_info() -> UnsafePointer<CChar>! { buildInfo }

@c @implementation
public func hearth_strerror(_ error: Int32) -> UnsafePointer<CChar>! {
    guard let status = Status(rawValue: error) else { return permanent("not an error of this library") }
    return permanent(status.sentence)
}

@c @implementation
public func hearth_error_name(_ error: Int32) -> UnsafePointer<CChar>! {
    permanent(Status(rawValue: error)?.name ?? "")
}

// MARK: Configuration

@c @implementation
public func hearth_config_new() -> OpaquePointer! {
    Fork.register(HandleTable.forkHooks)
    return made(.configuration) { HandleTable.shared.insert(ConfigurationHandle(), .configuration) }
}

@c @implementation
public func hearth_config_free(_ config: OpaquePointer!) {
    _ = HandleTable.shared.remove(config, .configuration)
}

@c @implementation
public func hearth_config_set(
    _ config: OpaquePointer!, _ key: UnsafePointer<CChar>!, _ value: UnsafePointer<CChar>!
) -> Int32 {
    Int32(
        withConfiguration(config) { handle in
            guard let key = text(key), let value = text(value) else {
                handle.lastError = bytes("key or value is NULL, over 1 MiB or not UTF-8")
                return Int64(Status.invalid.rawValue)
            }
            do throws(ConfigurationFault) {
                try handle.configuration.set(key, value)
                return 0
            } catch {
                return fail(handle, error)
            }
        })
}

private func fail(_ handle: ConfigurationHandle, _ fault: ConfigurationFault) -> Int64 {
    handle.lastError = fault.sentence
    switch fault.kind {
    case .unknownKey: return Int64(Status.unknownKey.rawValue)
    case .invalidValue: return Int64(Status.invalidValue.rawValue)
    }
}

@c @implementation
public func hearth_config_get(
    _ config: OpaquePointer!, _ key: UnsafePointer<CChar>!, _ buffer: UnsafeMutablePointer<CChar>!,
    _ capacity: Int
) -> Int64 {
    withConfiguration(config) { handle in
        guard let name = text(key) else { return Int64(Status.invalid.rawValue) }
        guard let key = ConfigurationKey.named(name) else {
            // Asking is answered with the same sentence as setting.
            do throws(ConfigurationFault) {
                var copy = handle.configuration
                try copy.set(name, [])
                return Int64(Status.unknownKey.rawValue)
            } catch {
                return fail(handle, error)
            }
        }
        return copyOut(handle.configuration.text(of: key), buffer, capacity)
    }
}

@c @implementation
public func hearth_config_load_env(_ config: OpaquePointer!, _ prefix: UnsafePointer<CChar>!) -> Int64 {
    withConfiguration(config) { handle in
        guard let prefix = text(prefix) else { return Int64(Status.invalid.rawValue) }
        var count: Int64 = 0
        var failure: Int64 = 0
        ProcessEnvironment.forEach { name, value in
            do throws(ConfigurationFault) {
                if try handle.configuration.load(environmentEntry: name, value: value, prefix: prefix) {
                    count += 1
                }
                return true
            } catch {
                failure = fail(handle, error)
                return false
            }
        }
        return failure != 0 ? failure : count
    }
}

@c @implementation
public func hearth_config_error(
    _ config: OpaquePointer!, _ buffer: UnsafeMutablePointer<CChar>!, _ capacity: Int
) -> Int64 {
    withConfiguration(config) { copyOut($0.lastError, buffer, capacity) }
}

private nonisolated(unsafe) let description: UnsafePointer<CChar> = permanent(Configuration.describe())

@c @implementation
public func hearth_config_describe() -> UnsafePointer<CChar>! { description }

func bytes(_ text: StaticString) -> [UInt8] { text.withUTF8Buffer { Array($0) } }
