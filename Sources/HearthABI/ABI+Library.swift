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
    return permanent(status.description.sentence)
}

@c @implementation
public func hearth_error_name(_ error: Int32) -> UnsafePointer<CChar>! {
    permanent(Status(rawValue: error)?.description.name ?? "")
}

extension Status {
    var description: (name: StaticString, sentence: StaticString) {
        switch self {
        case .ok: ("HEARTH_OK", "no error")
        case .invalid: ("HEARTH_ERR_INVALID", "an argument is NULL, freed, out of range or not UTF-8")
        case .memory: ("HEARTH_ERR_MEMORY", "the system has no memory left")
        case .unknownKey:
            ("HEARTH_ERR_UNKNOWN_KEY", "there is no configuration key or route option of that name")
        case .invalidValue: ("HEARTH_ERR_INVALID_VALUE", "the key or option does not take that value")
        case .gone: ("HEARTH_ERR_GONE", "the connection or request has ended")
        case .state: ("HEARTH_ERR_STATE", "this is not possible in the present state")
        case .forked:
            ("HEARTH_ERR_FORKED", "the engine was started by the process that this one was forked from")
        case .thread: ("HEARTH_ERR_THREAD", "this function must be called on another thread")
        case .tooLarge: ("HEARTH_ERR_TOO_LARGE", "what was passed is longer than a limit allows")
        case .limit: ("HEARTH_ERR_LIMIT", "a limit of the configuration is reached")
        case .queueFull:
            (
                "HEARTH_ERR_QUEUE_FULL",
                "no more messages may wait: max_outbox_bytes or a key queue_max_… is reached"
            )
        case .addressInUse: ("HEARTH_ERR_ADDRESS_IN_USE", "another socket listens on that address")
        case .address: ("HEARTH_ERR_ADDRESS", "this machine cannot listen on that address")
        case .permission: ("HEARTH_ERR_PERMISSION", "the system does not allow it")
        case .system: ("HEARTH_ERR_SYSTEM", "the operating system reports an error")
        case .version:
            ("HEARTH_ERR_VERSION", "the loaded libuv or OpenSSL is not one this library works with")
        case .notFound: ("HEARTH_ERR_NOT_FOUND", "there is no such room, route, file or field")
        case .unsupported: ("HEARTH_ERR_UNSUPPORTED", "this was not built into the library")
        case .tls: ("HEARTH_ERR_TLS", "a certificate, a key or a setting of TLS cannot be used")
        default: descriptionOfClient
        }
    }

    /// Of what happens to clients only.
    private var descriptionOfClient: (name: StaticString, sentence: StaticString) {
        switch self {
        case .url: ("HEARTH_ERR_URL", "this is not an address of a WebSocket")
        case .notOpen: ("HEARTH_ERR_NOT_OPEN", "the client is not open, and the message may not wait")
        case .resolve: ("HEARTH_ERR_RESOLVE", "the name of the server has no address")
        case .connect: ("HEARTH_ERR_CONNECT", "no address of the server takes the connection")
        case .connectTimeout:
            ("HEARTH_ERR_CONNECT_TIMEOUT", "no address of the server answered within open_timeout")
        case .noAnswer:
            ("HEARTH_ERR_NO_ANSWER", "the server took the connection and said nothing within open_timeout")
        case .slowAnswer:
            ("HEARTH_ERR_SLOW_ANSWER", "the server's answer was not whole within open_timeout")
        case .earlyClose:
            ("HEARTH_ERR_EARLY_CLOSE", "the server closed the connection before its answer was whole")
        case .badAnswer:
            ("HEARTH_ERR_BAD_ANSWER", "the server's answer is not an HTTP/1.1 response, or too large")
        case .notUpgraded:
            ("HEARTH_ERR_NOT_UPGRADED", "the server answered with a plain HTTP response")
        case .badUpgrade:
            ("HEARTH_ERR_BAD_UPGRADE", "the server's answer does not switch to the WebSocket protocol")
        case .badAccept:
            ("HEARTH_ERR_BAD_ACCEPT", "the Sec-WebSocket-Accept of the answer does not belong to our key")
        case .badSubprotocol:
            ("HEARTH_ERR_BAD_SUBPROTOCOL", "the server chose a subprotocol that was not offered")
        case .badExtension:
            ("HEARTH_ERR_BAD_EXTENSION", "the server chose an extension that was not offered")
        default: descriptionOfRefusal
        }
    }

    private var descriptionOfRefusal: (name: StaticString, sentence: StaticString) {
        switch self {
        case .redirected:
            ("HEARTH_ERR_REDIRECTED", "the server redirects to where follow_redirects does not lead")
        case .unauthorized: ("HEARTH_ERR_UNAUTHORIZED", "the server wants other credentials (status 401)")
        case .forbidden: ("HEARTH_ERR_FORBIDDEN", "the server forbids it (status 403)")
        case .tooManyRequests:
            ("HEARTH_ERR_TOO_MANY_REQUESTS", "the server has had too many requests (status 429)")
        case .unavailable: ("HEARTH_ERR_UNAVAILABLE", "the server is not available now (status 503)")
        case .httpStatus: ("HEARTH_ERR_HTTP_STATUS", "the server refused with another HTTP status")
        case .proxy: ("HEARTH_ERR_PROXY", "the proxy did not open the tunnel")
        case .proxyAuthentication:
            ("HEARTH_ERR_PROXY_AUTH", "the proxy wants other credentials (status 407)")
        case .unprepared:
            ("HEARTH_ERR_UNPREPARED", "the program did not answer CLIENT_PREPARE within open_timeout")
        case .maskedFrame: ("HEARTH_ERR_MASKED_FRAME", "the server masked a frame, as only clients do")
        case .protocolViolation: ("HEARTH_ERR_PROTOCOL", "the server broke the WebSocket protocol")
        case .lost: ("HEARTH_ERR_LOST", "the connection ended without a close frame")
        case .pingTimeout:
            ("HEARTH_ERR_PING_TIMEOUT", "the server sent nothing for ping_timeout after a ping")
        case .tlsHandshake: ("HEARTH_ERR_TLS_HANDSHAKE", "TLS could not be agreed on with the server")
        case .token: ("HEARTH_ERR_TOKEN", "the token is forged, malformed, expired or for somebody else")
        case .notAllowed: ("HEARTH_ERR_NOT_ALLOWED", "the token is good, but does not allow this")
        default: ("", "not an error of this library")
        }
    }
}

// MARK: Configuration

@c @implementation
public func hearth_config_new() -> OpaquePointer! {
    Fork.register(HandleTable.forkHooks)
    return HandleTable.shared.insert(ConfigurationHandle(), .configuration)
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
