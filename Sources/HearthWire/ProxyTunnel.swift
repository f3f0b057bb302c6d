// A way through an HTTP proxy (RFC 9110 9.3.6).

internal import HearthBytes

/// Where the proxy is: http://user:password@host:port.
package struct ProxyURL: Equatable {
    package private(set) var host: [UInt8] = []
    package private(set) var isIPv6 = false
    package private(set) var port: UInt16 = 0
    /// "user:password", decoded; empty: none.
    package private(set) var credentials: [UInt8] = []

    package static func parse(_ text: borrowing Span<UInt8>) throws(URLFault) -> ProxyURL {
        if text.count > WebSocketURL.bytesMax { throw URLFault(.tooLong, at: WebSocketURL.bytesMax) }
        let start = WebSocketURL.schemeEnd(text)
        guard HTTPSyntax.matches(text, 0..<start, "http:"), WebSocketURL.hasSlashes(text, at: start) else {
            throw URLFault(.proxyScheme, at: 0)
        }
        let end = URLAuthority.end(text, from: start + 2)
        let authority = try URLAuthority.parse(text, (start + 2)..<end)
        let isBare = end == text.count || end + 1 == text.count && text[end] == UInt8(ascii: "/")
        if !isBare { throw URLFault(.proxyHasPath, at: end) }
        var proxy = ProxyURL()
        proxy.host = authority.host
        proxy.isIPv6 = authority.isIPv6
        proxy.port = authority.port ?? 80
        proxy.credentials = authority.credentials
        return proxy
    }
}

package enum ProxyFault: Error, Equatable {
    case authenticationRequired
    case refused(status: Int)
}

package enum ProxyTunnel {
    /// Appends the request for a tunnel to the host of `url`.
    package static func writeRequest(
        to url: WebSocketURL, through proxy: ProxyURL, into request: inout [UInt8]
    ) {
        var authority: [UInt8] = []
        URLAuthority.appendHost(url.host, isIPv6: url.isIPv6, to: &authority)
        authority.append(UInt8(ascii: ":"))
        append(decimal: Int(url.port), to: &authority)
        append("CONNECT ", to: &request)
        request += authority
        append(" HTTP/1.1\r\nHost: ", to: &request)
        request += authority
        append("\r\n", to: &request)
        if !proxy.credentials.isEmpty {
            append("Proxy-Authorization: Basic ", to: &request)
            Base64.encode(proxy.credentials.span, into: &request)
            append("\r\n", to: &request)
        }
        append("\r\n", to: &request)
    }

    /// nil: what follows the head is the tunnel's.
    package static func check(_ response: borrowing ReceivedResponse) -> ProxyFault? {
        switch response.status {
        case 200...299: nil
        case 407: .authenticationRequired
        default: .refused(status: response.status)
        }
    }
}
