/// Settings of compression, in the order of the cases of `ConfigurationKey`.
extension ConfigurationKey {
    static let compressionEntries: [ConfigurationEntry] = [
        ConfigurationEntry(
            .compression, "compression", .flag, standard: "off", .serverAndClient,
            "Whether permessage-deflate is agreed on with peers that know it."),
        ConfigurationEntry(
            .compressionThreshold, "compression_threshold", .size, standard: "1KiB", from: "0", to: "1GiB",
            .serverAndClient,
            "Messages of fewer bytes are sent as they are."),
        ConfigurationEntry(
            .compressionContextTakeover, "compression_context_takeover", .flag, standard: "off",
            .serverAndClient,
            "Whether messages may refer to earlier ones: smaller, for up to 200 KiB per connection."),
        ConfigurationEntry(
            .compressionWindowBits, "compression_window_bits", .integer, standard: "15", from: "9", to: "15",
            .serverAndClient,
            "How far back a compressed message may refer, as a power of two of bytes."),
        ConfigurationEntry(
            .compressionLevel, "compression_level", .integer, standard: "5", from: "1", to: "9",
            .serverAndClient,
            "From 1, the fastest, to 9, the smallest."),
    ]
}
