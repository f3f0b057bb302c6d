#if HEARTH_JWT
    import HearthPlatform
    import Testing

    @Suite("JSON")
    struct JSONTests {
        private func parse(_ text: String) -> JSON? {
            Array(text.utf8).withUnsafeBufferPointer { JSON.parsed($0) }
        }

        private func text(_ value: JSONValue?) -> String? {
            value?.string.map { String(decoding: $0, as: UTF8.self) }
        }

        @Test("members, elements and numbers are read")
        func values() throws {
            let root = try #require(parse(#" {"a":"x","b":[1,-2.5,true,null],"ü":{"c":9007199254740993}} "#))
                .root
            #expect(root.kind == .object)
            #expect(text(root["a"]) == "x")
            let list = try #require(root["b"])
            #expect(list.count == 4)
            #expect(list[0]?.integer == 1)
            #expect(list[1]?.number == -2.5)
            #expect(list[1]?.integer == nil)
            #expect(list[2]?.kind == .yes)
            #expect(list[3]?.kind == .null)
            #expect(list[4] == nil)
            #expect(root["ü"]?["c"]?.integer == 9_007_199_254_740_993)
            #expect(root["absent"] == nil)
            var names: [String] = []
            root.forEachMember { name, _ in names.append(String(decoding: name, as: UTF8.self)) }
            #expect(names == ["a", "b", "ü"])
            #expect(String(decoding: list.text, as: UTF8.self) == "[1,-2.5,true,null]")
        }

        @Test("a value outlives what it was read from")
        func lifetime() {
            var value = parse(#"{"a":{"b":"kept"}}"#)?.root["a"]
            #expect(text(value?["b"]) == "kept")
            value = value?["b"]
            #expect(text(value) == "kept")
        }

        @Test(
            "what is not exactly one JSON value is refused",
            arguments: [
                "", " ", "{", "{}x", "[1,]", "{\"a\":1,\"a\":2}", "{'a':1}", "\"\\u0000\"", "01", "nul",
                "\"\u{1}\"",
                "NaN", "{\"a\"}", "1e999", "99999999999999999999",
            ])
        func refused(_ text: String) {
            #expect(parse(text) == nil)
        }

        @Test("bytes that are no UTF-8 are refused, and so is nesting without end")
        func bytes() {
            let broken: [UInt8] = [0x22, 0xFF, 0x22]
            #expect(broken.withUnsafeBufferPointer { JSON.parsed($0) } == nil)
            #expect(parse(String(repeating: "[", count: 100_000)) == nil)
            let deep = String(repeating: "[", count: 5000) + String(repeating: "]", count: 5000)
            #expect(parse(deep) == nil)
        }
    }
#endif
