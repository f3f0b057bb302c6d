import HearthBytes
import HearthHub
import Testing

@Suite("Places of users and addresses")
struct PlacesTests {
    private func name(_ text: String) -> ByteString { ByteString(Array(text.utf8)) }

    @Test("a user's connections stand in the order of their coming")
    func order() {
        var places = UserPlaces(seed: (1, 2))
        for id in [5, 3, 9] as [UInt64] { places.add(id, user: name("anna")) }
        places.add(7, user: name("bert"))
        #expect(places.connections(of: name("anna")) == [5, 3, 9])
        let wasThere = places.remove(3, user: name("anna"))
        let wasThereAgain = places.remove(3, user: name("anna"))
        let wasElsewhere = places.remove(7, user: name("anna"))
        #expect(wasThere && !wasThereAgain && !wasElsewhere)
        #expect(places.connections(of: name("anna")) == [5, 9])
        #expect(places.connections(of: name("nobody")).isEmpty)
    }

    @Test("who has left takes no room")
    func emptied() {
        var places = UserPlaces(seed: (1, 2))
        var addresses = AddressPlaces(seed: (1, 2))
        for round in 0..<(3 as UInt64) {
            for id in 1...(500 as UInt64) {
                places.add(id, user: name("user\(id)"))
                let isIn = addresses.add(name("10.0.0.\(id)"), max: 1)
                #expect(isIn)
            }
            let counts = (places.count, addresses.count)
            #expect(counts == (500, 500), "round \(round)")
            for id in 1...(500 as UInt64) {
                places.remove(id, user: name("user\(id)"))
                addresses.remove(name("10.0.0.\(id)"))
            }
            let left = (places.count, addresses.count)
            #expect(left == (0, 0))
        }
    }

    @Test("an address gets so many places and not one more")
    func addresses() {
        var addresses = AddressPlaces(seed: (1, 2))
        let first = addresses.add(name("a"), max: 2)
        let second = addresses.add(name("a"), max: 2)
        let third = addresses.add(name("a"), max: 2)
        let other = addresses.add(name("b"), max: 2)
        #expect(first && second && !third && other)
        addresses.remove(name("a"))
        addresses.remove(name("nobody"))
        let again = addresses.add(name("a"), max: 2)
        #expect(again)
    }
}
