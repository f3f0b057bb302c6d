// The JSON of a token, as the rules see it.

#if HEARTH_JWT
    internal import HearthBytes
    internal import HearthPlatform
    internal import HearthSession

    extension Claims {
        /// Members of objects within are claims too, down to here.
        private static var depthMax: Int { 4 }

        /// nil: the value is no object.
        init?(_ value: JSONValue) {
            guard value.kind == .object else { return nil }
            var list: [Claim] = []
            Self.add(value, prefix: [], depth: 1, &list)
            self.init(list)
        }

        /// A claim comes before what is in it, so a name with a dot of its own is found first.
        private static func add(_ object: JSONValue, prefix: [UInt8], depth: Int, _ list: inout [Claim]) {
            object.forEachMember { name, value in
                list.append(claim(prefix + name, value))
            }
            if depth == depthMax { return }
            object.forEachMember { name, value in
                guard value.kind == .object else { return }
                add(value, prefix: prefix + name + [UInt8(ascii: ".")], depth: depth + 1, &list)
            }
        }

        private static func claim(_ name: [UInt8], _ value: JSONValue) -> Claim {
            if value.kind != .array { return Claim(name: name, value: simple(value)) }
            var values: [ClaimValue] = []
            for index in 0..<value.count {
                if let element = value[index] { values.append(simple(element)) }
            }
            return Claim(name: name, list: values)
        }

        private static func simple(_ value: JSONValue) -> ClaimValue {
            switch value.kind {
            case .string: .text(value.string ?? [])
            case .integer: .integer(value.integer ?? 0)
            case .real: .real(value.number ?? 0)
            case .yes: .flag(true)
            case .no: .flag(false)
            case .object, .array, .null: .other
            }
        }
    }

    extension TokenHeader {
        /// nil: the value is no object, or one of its members is not of its type.
        init?(_ value: JSONValue) {
            guard value.kind == .object, let algorithm = value["alg"]?.string else { return nil }
            self.init()
            self.algorithm = algorithm
            if let member = value["kid"] {
                guard let text = member.string else { return nil }
                keyID = text
            }
            if let member = value["typ"] {
                guard let text = member.string else { return nil }
                type = text
            }
            hasExtensions = value["crit"] != nil || value["b64"] != nil
            isWrapped = value["enc"] != nil || value["zip"] != nil || value["cty"] != nil
        }
    }
#endif
