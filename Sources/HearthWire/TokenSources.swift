// Where a request may carry its token, and where it does.

internal import HearthBytes

package enum TokenSource: UInt8, CaseIterable, Sendable { case header, subprotocol, cookie, query }

/// A token in the head of a request. One from the query has its escapes still.
package struct FoundToken: Equatable, Sendable {
    package let source: TokenSource
    package let range: Range<Int>
}

package struct TokenSources: Sendable {
    /// The ones that are looked at, the first with a token counts.
    package var order: [TokenSource]
    /// Names, the header's in lower case.
    package var header: [UInt8]
    package var cookie: [UInt8]
    package var query: [UInt8]
    /// The subprotocol before the token, and the one that is answered.
    package var subprotocol: [UInt8]

    package init(
        order: [TokenSource], header: [UInt8], cookie: [UInt8], query: [UInt8], subprotocol: [UInt8]
    ) {
        self.order = order
        self.header = header
        self.cookie = cookie
        self.query = query
        self.subprotocol = subprotocol
    }

    /// Every token of the request, the one that counts first. The others are as secret.
    package func find(
        _ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>, into found: inout [FoundToken]
    ) {
        found.removeAll(keepingCapacity: true)
        for source in order {
            switch source {
            case .header: findInHeader(head, bytes, &found)
            case .subprotocol: findInSubprotocols(head, bytes, &found)
            case .cookie: findInCookies(head, bytes, &found)
            case .query: findInQuery(head, bytes, &found)
            }
        }
    }

    /// Whether a token is offered as a subprotocol, so that its name must be answered: browsers end a
    /// connection for which none of the offered subprotocols was chosen.
    package func offersToken(_ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>) -> Bool {
        guard order.contains(.subprotocol) else { return false }
        var found: [FoundToken] = []
        findInSubprotocols(head, bytes, &found)
        return !found.isEmpty
    }

    // MARK: Each source

    private func findInHeader(
        _ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>, _ found: inout [FoundToken]
    ) {
        for index in 0..<head.fieldCount {
            let field = head.field(at: index)
            guard isName(bytes, field.name, header) else { continue }
            if let token = Self.behindScheme(bytes, field.value) {
                found.append(FoundToken(source: .header, range: token))
            } else if !isAuthorization, !field.value.isEmpty {
                found.append(FoundToken(source: .header, range: field.value))
            }
        }
    }

    /// RFC 6750 2.1: "Bearer", spaces, the token. nil: another scheme.
    private static func behindScheme(_ bytes: borrowing Span<UInt8>, _ value: Range<Int>) -> Range<Int>? {
        var end = value.lowerBound
        while end < value.upperBound, bytes[end] != 0x20, bytes[end] != 0x09 { end += 1 }
        guard end < value.upperBound, HTTPSyntax.matches(bytes, value.lowerBound..<end, "bearer") else {
            return nil
        }
        return HTTPSyntax.trim(bytes, end..<value.upperBound)
    }

    /// In that field a value of another scheme is somebody else's.
    private var isAuthorization: Bool {
        HTTPSyntax.matches(header.span, 0..<header.count, "authorization")
    }

    private func findInSubprotocols(
        _ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>, _ found: inout [FoundToken]
    ) {
        var isNext = false
        head.forEachListItem(of: "sec-websocket-protocol", in: bytes) { item in
            if isNext {
                found.append(FoundToken(source: .subprotocol, range: item))
                isNext = false
            } else {
                isNext = Self.equals(bytes, item, subprotocol)
            }
        }
    }

    private func findInCookies(
        _ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>, _ found: inout [FoundToken]
    ) {
        for index in 0..<head.fieldCount {
            let field = head.field(at: index)
            guard HTTPSyntax.matches(bytes, field.name, "cookie") else { continue }
            Cookies.forEachValue(of: cookie, in: bytes, field.value) { value in
                if !value.isEmpty { found.append(FoundToken(source: .cookie, range: value)) }
            }
        }
    }

    private func findInQuery(
        _ head: borrowing RequestHead, _ bytes: borrowing Span<UInt8>, _ found: inout [FoundToken]
    ) {
        head.forEachQueryValue(of: query, in: bytes) { value in
            if !value.isEmpty { found.append(FoundToken(source: .query, range: value)) }
        }
    }

    // MARK: Names

    /// `name` is in lower case.
    private func isName(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ name: [UInt8]) -> Bool {
        if range.count != name.count { return false }
        for index in 0..<name.count {
            let byte = bytes[range.lowerBound + index]
            if (byte &- 0x41 < 26 ? byte | 0x20 : byte) != name[index] { return false }
        }
        return true
    }

    private static func equals(
        _ bytes: borrowing Span<UInt8>, _ range: Range<Int>, _ name: [UInt8]
    ) -> Bool {
        !name.isEmpty && HTTPSyntax.equals(bytes, range, name)
    }
}
