// Whose request a trusted proxy passes on. Each proxy appends the peer that it saw, so the list is read from
// its end: behind the first address that is not one of ours, whatever the peer wrote itself may stand.

internal import HearthBytes

/// Which field the proxies fill in. The other one may be the peer's own invention.
package enum ForwardedField: UInt8 {
    case xForwardedFor = 0
    /// RFC 7239.
    case forwarded
    case none
}

extension RequestHead {
    /// The nearest peer that no trusted network holds; `hop` if the fields say nothing that can be believed.
    package func forwardedPeer(
        in bytes: borrowing Span<UInt8>, _ field: ForwardedField, trusted: [Network], hop: ProxiedPeer
    ) -> ProxiedPeer {
        if field == .none { return hop }
        let name: StaticString = field == .forwarded ? "forwarded" : "x-forwarded-for"
        var nearest = hop
        var index = fieldCount
        while index > 0 {
            index -= 1
            guard HTTPSyntax.matches(bytes, fields[index].name, name) else { continue }
            var rest = fields[index].value
            while let item = takeLastItem(bytes, &rest) {
                if item.isEmpty { continue }
                let node = field == .forwarded ? forNode(bytes, item) : item
                guard let node, let peer = ProxiedPeer(bytes, node) else { return nearest }
                nearest = peer
                if !trusted.contains(where: { $0.contains(peer.address) }) { return nearest }
            }
        }
        return nearest
    }
}

/// The part behind the last comma, without the spaces around it; nil: nothing is left. Quotation marks do not
/// protect a comma: no address has one, and a peer could open a quotation that swallows what a proxy
/// appended.
private func takeLastItem(_ bytes: borrowing Span<UInt8>, _ rest: inout Range<Int>) -> Range<Int>? {
    if rest.isEmpty { return nil }
    var start = rest.upperBound
    while start > rest.lowerBound, bytes[start - 1] != UInt8(ascii: ",") { start -= 1 }
    let item = HTTPSyntax.trim(bytes, start..<rest.upperBound)
    rest = rest.lowerBound..<max(rest.lowerBound, start - 1)
    return item
}

/// The value of the parameter `for` in one element of Forwarded, without its quotation marks.
private func forNode(_ bytes: borrowing Span<UInt8>, _ element: Range<Int>) -> Range<Int>? {
    var start = element.lowerBound
    while start < element.upperBound {
        var end = start
        while end < element.upperBound, bytes[end] != UInt8(ascii: ";") { end += 1 }
        let pair = HTTPSyntax.trim(bytes, start..<end)
        start = end + 1
        guard pair.count > 4, bytes[pair.lowerBound + 3] == UInt8(ascii: "="),
            HTTPSyntax.matches(bytes, pair.lowerBound..<(pair.lowerBound + 3), "for")
        else { continue }
        let value = (pair.lowerBound + 4)..<pair.upperBound
        guard bytes[value.lowerBound] == UInt8(ascii: "\"") else { return value }
        guard value.count > 2, bytes[value.upperBound - 1] == UInt8(ascii: "\"") else { return nil }
        return (value.lowerBound + 1)..<(value.upperBound - 1)
    }
    return nil
}

extension ProxiedPeer {
    /// "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]:4711"; a port that is missing is 0.
    package init?(_ bytes: borrowing Span<UInt8>, _ node: Range<Int>) {
        if node.isEmpty { return nil }
        if bytes[node.lowerBound] == UInt8(ascii: "[") {
            var end = node.lowerBound
            while end < node.upperBound, bytes[end] != UInt8(ascii: "]") { end += 1 }
            guard end < node.upperBound, let address = IPAddress(bytes, (node.lowerBound + 1)..<end) else {
                return nil
            }
            if end + 1 == node.upperBound {
                self.init(address: address, port: 0)
                return
            }
            guard bytes[end + 1] == UInt8(ascii: ":"), let port = readPort(bytes, (end + 2)..<node.upperBound)
            else { return nil }
            self.init(address: address, port: port)
            return
        }
        if let address = IPAddress(bytes, node) {
            self.init(address: address, port: 0)
            return
        }
        var colon = node.upperBound - 1
        while colon > node.lowerBound, bytes[colon] != UInt8(ascii: ":") { colon -= 1 }
        guard let address = IPAddress(bytes, node.lowerBound..<colon), !address.isIPv6,
            let port = readPort(bytes, (colon + 1)..<node.upperBound)
        else { return nil }
        self.init(address: address, port: port)
    }
}
