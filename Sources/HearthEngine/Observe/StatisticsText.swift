// Numbers written as JSON, and as text that Prometheus reads.

internal import HearthBytes
internal import HearthPlatform

/// An object of numbers and texts that need no escapes.
struct StatisticsJSON {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// Begins an object; the outermost has no name.
    mutating func open(_ name: StaticString) {
        if name.utf8CodeUnitCount > 0 { begin(ascii(name)) }
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
    }

    mutating func close() {
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    mutating func add(_ name: StaticString, _ number: UInt64) { add(name: ascii(name), number) }

    mutating func add(name: [UInt8], _ number: UInt64) {
        begin(name)
        appendDecimal(number, to: &bytes)
        needsComma = true
    }

    mutating func add(_ name: StaticString, _ text: [UInt8]) {
        add(raw: name, ascii("\"") + text + ascii("\""))
    }

    mutating func add(raw name: StaticString, _ json: [UInt8]) {
        begin(ascii(name))
        bytes += json
        needsComma = true
    }

    mutating func add(_ name: StaticString, received: UInt64, sent: UInt64) {
        open(name)
        add("received", received)
        add("sent", sent)
        close()
    }

    /// Times in microseconds.
    mutating func add(_ name: StaticString, _ histogram: HistogramSum) {
        open(name)
        add("count", histogram.count)
        add("sum_us", histogram.nanoseconds / 1000)
        add("p50_us", histogram.quantile(500))
        add("p90_us", histogram.quantile(900))
        add("p99_us", histogram.quantile(990))
        close()
    }

    private mutating func begin(_ name: [UInt8]) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        bytes += ascii("\"") + name + ascii("\":")
    }
}

/// Families of samples, each with its help and type.
struct MetricsText {
    private(set) var bytes: [UInt8] = []

    mutating func begin(_ name: StaticString, _ help: StaticString, _ type: StaticString) {
        bytes += ascii("# HELP ") + ascii(name) + ascii(" ") + ascii(help)
        bytes += ascii("\n# TYPE ") + ascii(name) + ascii(" ") + ascii(type) + ascii("\n")
    }

    mutating func gauge(_ name: StaticString, _ help: StaticString, _ value: UInt64) {
        begin(name, help, "gauge")
        bytes += ascii(name)
        end(value)
    }

    mutating func counter(_ name: StaticString, _ help: StaticString, _ value: UInt64) {
        begin(name, help, "counter")
        bytes += ascii(name)
        end(value)
    }

    mutating func sample(_ name: StaticString, _ label: StaticString, _ labelValue: [UInt8], _ value: UInt64)
    {
        bytes += ascii(name) + ascii("{") + ascii(label) + ascii("=\"") + labelValue + ascii("\"}")
        end(value)
    }

    /// Times, in seconds.
    mutating func histogram(_ name: StaticString, _ help: StaticString, _ sum: HistogramSum) {
        begin(name, help, "histogram")
        var below: UInt64 = 0
        for index in 0..<Histogram.bucketCount {
            below += sum.buckets[index]
            bytes += ascii(name) + ascii("_bucket{le=\"")
            if index == Histogram.bucketCount - 1 {
                bytes += ascii("+Inf")
            } else {
                appendSeconds(Histogram.bound(index), digits: 6)
            }
            bytes += ascii("\"}")
            end(below)
        }
        bytes += ascii(name) + ascii("_sum ")
        appendSeconds(sum.nanoseconds, digits: 9)
        bytes += ascii("\n") + ascii(name) + ascii("_count")
        end(below)
    }

    private mutating func end(_ value: UInt64) {
        bytes.append(UInt8(ascii: " "))
        appendDecimal(value, to: &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// A count of parts of a second, of which there are 10 to the power of `digits`.
    private mutating func appendSeconds(_ count: UInt64, digits: Int) {
        var divisor: UInt64 = 1
        for _ in 0..<digits { divisor *= 10 }
        appendDecimal(count / divisor, to: &bytes)
        bytes.append(UInt8(ascii: "."))
        var rest = count % divisor
        for _ in 0..<digits {
            divisor /= 10
            bytes.append(UInt8(ascii: "0") + UInt8(rest / divisor))
            rest %= divisor
        }
    }
}
