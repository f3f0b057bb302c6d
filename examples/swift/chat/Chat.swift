// Who is called what, and what each event means for the people in the rooms.

import Hearth
import Synchronization

final class Chat: Sendable {
    private let server: Server
    /// The visit that holds a name, and how many connections it has.
    private let names = Mutex<[String: (visit: String, connections: Int)]>([:])
    private let lastMessage = Mutex(0)

    init(_ server: Server) { self.server = server }

    func handle(_ event: borrowing BorrowedEvent) {
        let time = "\(event.time)"
        switch event.copy() {
        case .connect(let connection, let request): decide(connection, request)
        case .close(_, let closing): closing.user.map(release)
        case .joined(let connection, let room, let user):
            let name = quoted(user ?? "")
            send(
                connection, "welcome",
                ["room": quoted(room.name), "name": name, "time": time, "users": users(room)])
            tellRooms()
        case .left: tellRooms()
        case .userJoined(let room, let user, _, _):
            let text = object("joined", ["name": quoted(user), "time": time, "users": users(room)])
            _ = try? room.broadcast(text, except: .user(user))
        case .userLeft(let room, let user, _):
            _ = try? room.broadcast(
                object("left", ["name": quoted(user), "time": time, "users": users(room)]))
        case .message(let connection, let message):
            guard let user = connection.user, let room = try? connection.rooms.first.map(server.room) else {
                return
            }
            answer(message.text ?? "", connection, user, room, time)
        default: break
        }
    }

    private func decide(_ connection: Connection, _ request: Request) {
        let (name, visit) = (request.parameters["name"] ?? "", request.parameters["visit"] ?? "")
        if !isWord(request.captures["room"] ?? "", 1...32, "abcdefghijklmnopqrstuvwxyz0123456789-") {
            try? connection.reject(code: 4002, reason: "bad room")
        } else if !isName(name) {
            try? connection.reject(code: 4001, reason: "bad name")
        } else if !isWord(visit, 8...64, letters + "_") {
            try? connection.reject(code: 4003, reason: "bad visit")
        } else {
            let unique = names.withLock { names in
                let free = sequence(first: 1) { $0 + 1 }.lazy.map { $0 == 1 ? name : "\(name) \($0)" }
                    .first { (names[$0]?.visit ?? visit) == visit }!
                names[free, default: (visit, 0)].connections += 1
                return free
            }
            do { try connection.accept(user: unique) } catch { release(unique) }
        }
    }

    private func release(_ name: String) {
        names.withLock { names in
            names[name]?.connections -= 1
            if names[name]?.connections == 0 { names[name] = nil }
        }
    }

    private func answer(
        _ text: String, _ connection: Connection, _ user: String, _ room: Room, _ time: String
    ) {
        let parts = text.unicodeScalars.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            .map { String($0) }
        if parts.count == 3, parts[0] == "message", isWord(parts[1], 1...32, letters) {
            let (key, said) = (quoted(parts[1]), parts[2].unicodeScalars)
            if said.allSatisfy({ " \t\r\n".unicodeScalars.contains($0) }) {
                fail(connection, "empty", "There is nothing in it.", key: key)
            } else if said.count > 500 {
                fail(connection, "too_long", "A message has at most 500 characters.", key: key)
            } else {
                let number = lastMessage.withLock { last in
                    last += 1
                    return last
                }
                let name = quoted(user)
                _ = try? room.broadcast(
                    object(
                        "message",
                        ["id": "\(number)", "key": key, "name": name, "text": quoted(parts[2]), "time": time])
                )
            }
        } else if text == "typing:on" || text == "typing:off" {
            let text = object("typing", ["name": quoted(user), "on": "\(text == "typing:on")"])
            _ = try? room.broadcast(text, except: .user(user))
        } else if parts.count == 2, parts[0] == "ping", isWord(parts[1], 1...15, "0123456789") {
            send(connection, "pong", ["n": "\(UInt64(parts[1])!)"])
        } else {
            fail(connection, "not_understood", "This is not part of the chat.", key: nil)
        }
    }

    private func fail(_ connection: Connection, _ code: String, _ sentence: String, key: String?) {
        let field = key.map { ",\"key\":\($0)" } ?? ""
        send(connection, "error", ["code": quoted(code) + field, "message": quoted(sentence)])
    }

    private func send(_ connection: Connection, _ type: String, _ fields: KeyValuePairs<String, String>) {
        _ = try? connection.send(object(type, fields))
    }

    private func users(_ room: Room) -> String {
        "[\(((try? room.users) ?? []).map(quoted).joined(separator: ","))]"
    }

    private func tellRooms() {
        let rooms = ((try? server.rooms) ?? []).map { room in
            "{\"name\":\(quoted(room.name)),\"count\":\(((try? room.users) ?? []).count)}"
        }
        _ = try? server.broadcast(object("rooms", ["rooms": "[\(rooms.joined(separator: ","))]"]))
    }
}
