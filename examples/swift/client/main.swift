// client-swift URL AGENT: the echo client that the Autobahn suite examines.

import Hearth

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

func connect(_ url: String) async throws -> Client {
    try await Client.connect(url) {
        $0.reconnectEnabled = false
        $0.compression = true
        $0.maxMessageSize = 64 << 20
        $0.maxOutboxBytes = 128 << 20
    }
}

func caseCount(_ url: String) async throws -> Int {
    let client = try await connect("\(url)/getCaseCount")
    for try await message in client.messages { return message.text.flatMap { Int($0) } ?? 0 }
    return 0
}

func echo(_ url: String) async {
    // Some cases end as no connection should.
    guard let client = try? await connect(url) else { return }
    do {
        for try await message in client.messages { try client.send(message) }
    } catch {}
}

guard CommandLine.arguments.count == 3 else {
    print("usage: client-swift URL AGENT")
    exit(2)
}
let url = CommandLine.arguments[1]
let agent = CommandLine.arguments[2]
do {
    for number in 1...max(1, try await caseCount(url)) {
        await echo("\(url)/runCase?case=\(number)&agent=\(agent)")
    }
    await echo("\(url)/updateReports?agent=\(agent)")
} catch {
    print("client-swift: \(error)")
    exit(1)
}
