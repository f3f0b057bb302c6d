// What responses begin with (RFC 9112 4).

internal import HearthBytes

package enum ResponseHead {
    /// Appends the status line. `status` has three digits.
    package static func begin(status: Int, into response: inout [UInt8]) {
        precondition(status >= 100 && status <= 999, "a status has three digits")
        append("HTTP/1.1 ", to: &response)
        append(decimal: status, to: &response)
        append(" ", to: &response)
        append(reasonPhrase(of: status), to: &response)
        append("\r\n", to: &response)
    }

    /// Appends a whole head. `contentLength` is nil for a response that has no body by its status (RFC 9110
    /// 8.6). `fields` is a block that `HeaderBlock.isSafe` passes.
    package static func write(
        status: Int, contentLength: Int?, keepAlive: Bool, epochSeconds: UInt64, fields: [UInt8],
        into response: inout [UInt8]
    ) {
        begin(status: status, into: &response)
        append("Date: ", to: &response)
        HTTPDate.write(epochSeconds: epochSeconds, into: &response)
        append("\r\n", to: &response)
        if let contentLength {
            append("Content-Length: ", to: &response)
            append(decimal: contentLength, to: &response)
            append("\r\n", to: &response)
        }
        append(keepAlive ? "Connection: keep-alive\r\n" : "Connection: close\r\n", to: &response)
        response += fields
        append("\r\n", to: &response)
    }

    /// RFC 9110 15; empty for a status that is not there.
    package static func reasonPhrase(of status: Int) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        default: status < 500 ? clientErrorPhrase(of: status) : serverErrorPhrase(of: status)
        }
    }

    private static func clientErrorPhrase(of status: Int) -> StaticString {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        default: ""
        }
    }

    private static func serverErrorPhrase(of status: Int) -> StaticString {
        switch status {
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 507: "Insufficient Storage"
        case 511: "Network Authentication Required"
        default: ""
        }
    }
}
