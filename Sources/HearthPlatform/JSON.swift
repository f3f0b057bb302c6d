// JSON through Jansson: for what is read once, as the claims of a token or a set of keys.

#if HEARTH_JWT
    internal import CJansson

    /// A parsed text. Strict: names of an object are unique, strings are UTF-8 without NUL, nothing follows.
    /// Its values may be read from several threads.
    package final class JSON: @unchecked Sendable {
        let value: UnsafeMutablePointer<json_t>

        /// nil: the text is not JSON, or nested deeper than Jansson reads (2048). No initializer, as one that
        /// fails leaves its object behind in Embedded Swift.
        package static func parsed(_ text: UnsafeBufferPointer<UInt8>) -> JSON? {
            var error = json_error_t()
            let flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY
            let parsed = UnsafeRawPointer(text.baseAddress).flatMap {
                json_loadb($0.assumingMemoryBound(to: CChar.self), text.count, Int(flags), &error)
            }
            return parsed.map { JSON(taking: $0) }
        }

        /// Takes over the caller's reference.
        init(taking value: UnsafeMutablePointer<json_t>) { self.value = value }

        deinit { json_decref(value) }

        package var root: JSONValue { JSONValue(value, self) }
    }

    package enum JSONKind: Int32 { case object, array, string, integer, real, yes, no, null }

    /// A value of a document, which it keeps alive.
    package struct JSONValue {
        let value: UnsafeMutablePointer<json_t>
        let document: JSON

        init(_ value: UnsafeMutablePointer<json_t>, _ document: JSON) {
            self.value = value
            self.document = document
        }

        package var kind: JSONKind { JSONKind(rawValue: hearth_shim_json_type(value)) ?? .null }

        /// The text of a string.
        package var string: [UInt8]? {
            guard let start = json_string_value(value) else { return nil }
            return Array(UnsafeRawBufferPointer(start: start, count: json_string_length(value)))
        }

        package var integer: Int64? { kind == .integer ? Int64(json_integer_value(value)) : nil }

        package var number: Double? {
            switch kind {
            case .integer, .real: json_number_value(value)
            default: nil
            }
        }

        /// How many elements an array has; 0 for what is none.
        package var count: Int { json_array_size(value) }

        package subscript(index: Int) -> JSONValue? {
            json_array_get(value, index).map { JSONValue($0, document) }
        }

        /// The member of an object. `name` is text of the program.
        package subscript(name: StaticString) -> JSONValue? {
            let key = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
            return json_object_get(value, key).map { JSONValue($0, document) }
        }

        package func forEachMember(_ body: (_ name: [UInt8], _ value: JSONValue) -> Void) {
            var place = json_object_iter(value)
            while let current = place {
                if let name = json_object_iter_key(current), let member = json_object_iter_value(current) {
                    body(CString.bytes(name), JSONValue(member, document))
                }
                place = json_object_iter_next(value, current)
            }
        }

        /// The value as a text without spaces.
        package var text: [UInt8] {
            let flags = hearth_shim_json_compact_any()
            let count = json_dumpb(value, nil, 0, flags)
            return [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
                buffer.withMemoryRebound(to: CChar.self) {
                    written = min(count, json_dumpb(value, $0.baseAddress, count, flags))
                }
            }
        }
    }
#endif
