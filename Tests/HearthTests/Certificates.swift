// Certificates for tests, and commands of the shell.

import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A new folder with certificates.
func makeCertificates() throws -> String {
    let folder = try makeFolder()
    var script = #filePath.split(separator: "/").dropLast(2)
    script += ["tls", "make_certificates.sh"]
    try #require(runCommand("bash /\(script.joined(separator: "/")) \(folder)") == 0)
    return folder
}

func makeFolder() throws -> String {
    var name = Array("/tmp/hearth-test-XXXXXX".utf8CString)
    _ = try #require(mkdtemp(&name))
    return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The status of a command of the shell.
func runCommand(_ command: String) -> Int32 {
    var process: pid_t = 0
    var arguments = [strdup("bash"), strdup("-c"), strdup(command), nil]
    defer { for argument in arguments { free(argument) } }
    guard posix_spawnp(&process, "bash", nil, nil, &arguments, environ) == 0 else { return -1 }
    var status: Int32 = -1
    waitpid(process, &status, 0)
    return status
}
