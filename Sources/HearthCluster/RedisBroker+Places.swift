// Places of users, counted in Redis by a script, under the leases of the processes.

package import HearthBytes

/// One call of the script. It is kept until it is answered, as Redis may have forgotten the script.
struct ScriptCall {
    enum Purpose: UInt8 { case begin, renew, claim, leave, keep }

    let purpose: Purpose
    /// Of a claim.
    var number: UInt64 = 0
    let node: [UInt8]
    let lease: UInt64
    var users: [(user: ByteString, count: Int)] = []

    var word: StaticString {
        switch purpose {
        case .begin: "begin"
        case .renew: "renew"
        case .claim: "claim"
        case .leave: "leave"
        case .keep: "keep"
        }
    }
}

extension RedisBroker {
    /// Users whose places one command tells.
    package static var usersInCall: Int { 100 }

    /// What is counted under the name from now on counts, for so long. A lease of 0 ends another's.
    package func beginLease(_ node: [UInt8], _ lease: UInt64) {
        if lease > 0 { leaseName = node }
        call(ScriptCall(purpose: .begin, node: node, lease: lease))
    }

    package func renewLease(_ node: [UInt8], _ lease: UInt64) {
        call(ScriptCall(purpose: .renew, node: node, lease: lease))
    }

    /// Takes a place of the user, if fewer than `countMax` are taken: `claimed` answers with the number.
    package func claim(
        _ number: UInt64, _ user: ByteString, countMax: Int, _ node: [UInt8], _ lease: UInt64
    ) {
        var call = ScriptCall(purpose: .claim, node: node, lease: lease)
        call.number = number
        call.users.append((user, countMax))
        self.call(call)
    }

    package func leave(_ user: ByteString, _ node: [UInt8], _ lease: UInt64) {
        var call = ScriptCall(purpose: .leave, node: node, lease: lease)
        call.users.append((user, 1))
        self.call(call)
    }

    /// So many places of each user are this process's, whatever Redis knows.
    package func keepPlaces(_ users: [(user: ByteString, count: Int)], _ node: [UInt8], _ lease: UInt64) {
        var index = 0
        while index < users.count {
            var call = ScriptCall(purpose: .keep, node: node, lease: lease)
            let end = min(index + Self.usersInCall, users.count)
            call.users = Array(users[index..<end])
            self.call(call)
            index = end
        }
    }

    private func call(_ call: ScriptCall) {
        if !hasPlaces { return }
        calls.append(call)
        expect(.script)
        write(call, isWhole: false)
    }

    /// `isWhole`: with the script itself.
    private func write(_ call: ScriptCall, isWhole: Bool) {
        append("*", to: &output)
        append(decimal: 7 + 2 * call.users.count, to: &output)
        append(isWhole ? "\r\n$4\r\nEVAL\r\n" : "\r\n$7\r\nEVALSHA\r\n", to: &output)
        appendWord(isWhole ? ascii(LeaseScript.text) : scriptName, to: &output)
        appendWord(HearthCluster.decimal(UInt64(1 + call.users.count)), to: &output)
        appendWord(terms.leasesKey, to: &output)
        for one in call.users { appendWord(terms.placesPrefix + one.user.bytes, to: &output) }
        appendWord(call.node, to: &output)
        appendWord(HearthCluster.decimal(call.lease), to: &output)
        appendWord(ascii(call.word), to: &output)
        for one in call.users { appendWord(HearthCluster.decimal(UInt64(one.count)), to: &output) }
    }

    func takeCall() -> ScriptCall? {
        if callsHead == calls.count { return nil }
        let call = calls[callsHead]
        callsHead += 1
        if callsHead >= 64, callsHead * 2 >= calls.count {
            calls.removeSubrange(0..<callsHead)
            callsHead = 0
        }
        return call
    }

    func scriptReply(_ number: Int64) -> BrokerEvent {
        sendsScript = false
        guard let call = takeCall() else { return .failed(.protocolBroken, text: []) }
        if number < 0 {
            // Of what was asked under a name of before nothing is left to be told.
            return call.node == leaseName ? .leaseEnded : .nothing
        }
        return call.purpose == .claim ? .claimed(call.number, isGranted: number != 0) : .nothing
    }

    func scriptRefused(_ fault: BrokerFault, _ text: [UInt8], _ explained: [UInt8]) -> BrokerEvent {
        guard let call = takeCall() else { return .failed(.protocolBroken, text: []) }
        if begins(text, "NOSCRIPT") {
            // One call brings the script; those behind it find it there.
            calls.append(call)
            expect(.script)
            write(call, isWhole: !sendsScript)
            sendsScript = true
            return .nothing
        }
        sendsScript = false
        if fault == .readOnly || fault == .authentication { return .failed(fault, text: explained) }
        // What Redis cannot count is no reason to refuse anybody.
        trouble = (fault, explained)
        return call.purpose == .claim ? .claimed(call.number, isGranted: true) : .nothing
    }
}
