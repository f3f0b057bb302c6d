import Testing

@testable import HearthEngine

@Suite("Connection")
struct ConnectionTests {
    @Test("is small, because every idle connection is one")
    func isSmall() {
        #expect(MemoryLayout<Connection>.stride <= 296)
    }
}
