// The compact form of a signed token (RFC 7515 7.1): three parts in base64url, with dots between. Strict,
// because what two readers read differently is how tokens are forged.

internal import HearthBytes

package struct CompactToken: Equatable, Sendable {
    package let header: Range<Int>
    package let payload: Range<Int>
    package let signature: Range<Int>

    /// nil: not exactly three parts of base64url without padding, none of which is empty, that decode to
    /// whole bytes in one way only.
    package init?(_ token: borrowing Span<UInt8>) {
        var dots = (first: -1, second: -1)
        for index in 0..<token.count where token[index] == UInt8(ascii: ".") {
            if dots.first < 0 {
                dots.first = index
            } else if dots.second < 0 {
                dots.second = index
            } else {
                return nil
            }
        }
        if dots.first < 0 || dots.second < 0 { return nil }
        header = 0..<dots.first
        payload = (dots.first + 1)..<dots.second
        signature = (dots.second + 1)..<token.count
        if !Base64URL.isText(token, header) || !Base64URL.isText(token, payload)
            || !Base64URL.isText(token, signature)
        {
            return nil
        }
    }
}
