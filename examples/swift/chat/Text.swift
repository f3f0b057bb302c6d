// JSON out, and what names may be.

let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

func isWord(_ text: String, _ length: ClosedRange<Int>, _ allowed: String) -> Bool {
    length.contains(text.utf8.count) && text.utf8.allSatisfy(allowed.utf8.contains)
}

/// 1 to 24 code points, none a control character or what stands for bytes that are no UTF-8.
func isName(_ name: String) -> Bool {
    let scalars = name.unicodeScalars
    return 1...24 ~= scalars.count && scalars.first != " " && scalars.last != " "
        && scalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0xFFFD }
}

/// A JSON object; the values are JSON already.
func object(_ type: String, _ fields: KeyValuePairs<String, String>) -> String {
    "{\"type\":\"\(type)\"\(fields.map { ",\"\($0.key)\":\($0.value)" }.joined())}"
}

/// A JSON string.
func quoted(_ text: String) -> String {
    var json = "\""
    for scalar in text.unicodeScalars {
        if scalar == "\"" || scalar == "\\" {
            json += "\\\(scalar)"
        } else if scalar.value < 0x20 {
            json += "\\u00\(scalar.value < 0x10 ? "0" : "")\(String(scalar.value, radix: 16))"
        } else {
            json.unicodeScalars.append(scalar)
        }
    }
    return json + "\""
}
