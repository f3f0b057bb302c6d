import Hearth

let address = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "127.0.0.1:9000"
let server = try Server(listen: address) { $0.pingInterval = .seconds(20) }
try server.route("/rooms/{room}", join: .auto, relay: .others)
try await server.run()
