// What stands behind the "?" of an address.

/// The address with these parameters behind those that it has, escaped.
func withQuery(_ url: String, _ query: [(name: String, value: String)]) -> String {
    if query.isEmpty { return url }
    var bytes = Array(url.utf8)
    let scheme = bytes.prefix { $0 != UInt8(ascii: ":") }
    let isSocket = scheme.elementsEqual("unix".utf8) || scheme.elementsEqual("ws+unix".utf8)
    // The path of the socket ends before ":/".
    let rest = bytes.dropFirst(scheme.count + 1)
    if isSocket,
        !zip(rest, rest.dropFirst()).contains(where: { $0 == (UInt8(ascii: ":"), UInt8(ascii: "/")) })
    {
        bytes += Array(":/".utf8)
    }
    var separator = UInt8(ascii: bytes.contains(UInt8(ascii: "?")) ? "&" : "?")
    for (name, value) in query {
        bytes.append(separator)
        appendEscaped(name, to: &bytes)
        bytes.append(UInt8(ascii: "="))
        appendEscaped(value, to: &bytes)
        separator = UInt8(ascii: "&")
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// RFC 3986 2.3: what is not one of the unreserved characters is escaped.
private func appendEscaped(_ text: String, to bytes: inout [UInt8]) {
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            bytes.append(byte)
        default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
}
