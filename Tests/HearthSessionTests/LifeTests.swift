import HearthSession
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The tables in the first comment of a file of HearthSession: rows of words, a table for each block of lines
/// that are indented by three spaces.
func tables(of file: String) throws -> [[[String]]] {
    let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let path = "/\(folder)/Sources/HearthSession/\(file)"
    let source = try #require(read(path), "\(path) cannot be read")
    var tables: [[[String]]] = [[]]
    for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
        if !line.hasPrefix("//") { break }
        if line.hasPrefix("//   ") {
            tables[tables.count - 1].append(line.dropFirst(5).split(separator: " ").map(String.init))
        } else if !(tables.last?.isEmpty ?? true) {
            tables.append([])
        }
    }
    return tables.filter { !$0.isEmpty }
}

private func read(_ path: String) -> String? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
}

@Suite("Life of a connection")
struct ConnectionLifeTests {
    @Test("each step leads from each phase where the table says, and nowhere else")
    func stepsFollowTheTable() throws {
        let rows = try tables(of: "ConnectionLife.swift")[0]
        #expect(rows[0] == ["step", "from", "to"])
        var steps: [String: (from: [String], to: String)] = [:]
        for row in rows.dropFirst() { steps[row[0]] = (Array(row[1..<row.count - 1]), row[row.count - 1]) }
        #expect(steps.count == ConnectionStep.allCases.count)
        for step in ConnectionStep.allCases {
            let row = try #require(steps["\(step)"], "\(step) is not in the table")
            #expect(row.from.allSatisfy { name in ConnectionPhase.allCases.contains { "\($0)" == name } })
            for phase in ConnectionPhase.allCases {
                var life = ConnectionLife(phase)
                let isTaken = life.take(step)
                #expect(isTaken == row.from.contains("\(phase)"), "\(step) in \(phase)")
                #expect("\(life.phase)" == (isTaken ? row.to : "\(phase)"), "\(step) in \(phase)")
            }
        }
    }

    @Test("each event has in each phase the reaction of the table")
    func reactionsFollowTheTable() throws {
        var walked = 0
        for table in try tables(of: "ConnectionLife.swift").dropFirst() {
            let names = table[0].dropFirst()
            #expect(table.count == ConnectionPhase.allCases.count + 1)
            for row in table.dropFirst() {
                let phase = try #require(ConnectionPhase.allCases.first { "\($0)" == row[0] })
                for (name, reaction) in zip(names, row.dropFirst()) {
                    let event = try #require(ConnectionEvent.allCases.first { "\($0)" == name })
                    #expect("\(phase.reaction(to: event))" == reaction, "\(event) in \(phase)")
                    walked += 1
                }
            }
        }
        #expect(walked == ConnectionPhase.allCases.count * ConnectionEvent.allCases.count)
    }

    @Test("from every phase a connection can be released, an open one after its end")
    func everyPhaseLeadsToTheEnd() {
        for phase in ConnectionPhase.allCases where phase != .released {
            let last = phase == .open ? phase.next(.ended) : phase
            #expect(last?.next(.released) == .released, "\(phase)")
        }
        for step in ConnectionStep.allCases { #expect(ConnectionPhase.released.next(step) == nil) }
        #expect(ConnectionPhase.open.next(.released) == nil)
    }
}

@Suite("Life of a client")
struct ClientLifeTests {
    @Test("each event has in each phase the answer of the table, and is ignored where it has no row")
    func eventsFollowTheTable() throws {
        let rows = try tables(of: "ClientLife.swift")[0]
        var answers: [String: (next: String, action: String)] = [:]
        for row in rows.dropFirst() {
            #expect(answers["\(row[0]) \(row[1])"] == nil, "two rows for \(row[1]) in \(row[0])")
            answers["\(row[0]) \(row[1])"] = (row[2], row[3])
        }
        var used = 0
        for phase in ClientPhase.allCases {
            for event in ClientEvent.allCases {
                let answer = phase.answer(to: event)
                if let row = answers["\(phase) \(event)"] {
                    used += 1
                    #expect("\(answer.next)" == row.next, "\(event) in \(phase)")
                    #expect("\(answer.action)" == row.action, "\(event) in \(phase)")
                } else {
                    #expect(answer.next == phase && answer.action == .none, "\(event) in \(phase)")
                }
            }
        }
        #expect(used == answers.count)
    }

    @Test("a client that is closed comes to rest from every phase, and can be opened again")
    func everyPhaseComesToRest() {
        for phase in ClientPhase.allCases {
            var life = phase
            life = life.answer(to: .close).next
            life = life.answer(to: life == .closing ? .stop : .rest).next
            #expect(life == .closed, "\(phase)")
            #expect(life.state.isAtRest)
            #expect(life.answer(to: .open).next == .starting)
        }
    }
}
