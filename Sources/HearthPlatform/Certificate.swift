// What is asked of an X.509 certificate, as text for people.

internal import COpenSSL
internal import HearthBytes

enum Certificate {
    /// Whether it is for that host, wildcards included.
    static func isFor(_ host: [UInt8], _ certificate: OpaquePointer) -> Bool {
        host.withUnsafeBytes { host in
            let text = host.baseAddress?.assumingMemoryBound(to: CChar.self)
            return X509_check_host(certificate, text, host.count, 0, nil) == 1
        }
    }

    /// The names that it is for: "DNS:example.org, IP Address:10.0.0.1"; its subject if it lists none.
    static func names(_ certificate: OpaquePointer) -> [UInt8] {
        let index = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1)
        guard index >= 0, let names = X509_get_ext(certificate, index) else {
            return subject(certificate)
        }
        let text = printed { X509V3_EXT_print($0, names, 0, 0) > 0 }
        return text.isEmpty ? subject(certificate) : text
    }

    /// "CN=Ada,O=Example", in the order of RFC 2253. UTF-8.
    static func subject(_ certificate: OpaquePointer) -> [UInt8] {
        text(of: X509_get_subject_name(certificate))
    }

    static func issuer(_ certificate: OpaquePointer) -> [UInt8] {
        text(of: X509_get_issuer_name(certificate))
    }

    private static func text(of name: OpaquePointer?) -> [UInt8] {
        guard let name else { return [] }
        let plain = printed { X509_NAME_print_ex($0, name, 0, hearth_shim_name_flags(0)) >= 0 }
        if UTF8Validator.isValid(plain.span, 0, plain.count), !plain.contains(0) { return plain }
        return printed { X509_NAME_print_ex($0, name, 0, hearth_shim_name_flags(1)) >= 0 }
    }

    /// "Jan  1 00:00:00 2027 GMT".
    static func end(_ certificate: OpaquePointer) -> [UInt8] {
        printed { ASN1_TIME_print($0, X509_get0_notAfter(certificate)) == 1 }
    }

    static func beginning(_ certificate: OpaquePointer) -> [UInt8] {
        printed { ASN1_TIME_print($0, X509_get0_notBefore(certificate)) == 1 }
    }

    static func isExpired(_ certificate: OpaquePointer) -> Bool {
        X509_cmp_time(X509_get0_notAfter(certificate), nil) < 0
    }

    /// At most 1 KiB of what OpenSSL prints: names come from a peer.
    private static func printed(_ body: (OpaquePointer) -> Bool) -> [UInt8] {
        guard let bio = BIO_new(BIO_s_mem()) else { return [] }
        defer { BIO_free(bio) }
        guard body(bio) else { return [] }
        return [UInt8](unsafeUninitializedCapacity: 1024) { place, count in
            count = max(0, Int(BIO_read(bio, place.baseAddress, 1024)))
        }
    }
}
