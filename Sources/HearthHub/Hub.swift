// Who gets what. The hub of one loop knows its connections by their slots, the rooms they are in, the users
// they belong to,
// and what waits to be written to each. It has no socket and no clock: messages come in, and `nextDirty`,
// `gather` and
// `sent` tell the loop what to write.
//
// One thread changes a hub, its loop's. Other threads may look at rooms and users under a lock that the loop
// also takes around every call marked "structure"; the outboxes are the loop's alone.

package import HearthBytes
internal import HearthWire

package final class Hub {
    /// One connection as the hub sees it.
    struct Member {
        var outbox = Outbox()
        var firstMembership = Outbox.none
        var membershipCount: UInt32 = 0
        var user = Outbox.none
        var server: UInt16 = 0
        var group = FrameGroups.plain
        /// Messages that were queued for it.
        var sent: UInt64 = 0
    }

    var members: UnsafeMutablePointer<Member>
    /// So many of them have ever been in use; memory beyond is not touched, and so the system has not given
    /// it yet.
    private var membersCount = 0
    var membersCapacity = 1 << 14
    package let arena = FrameArena()
    var queues: [SegmentQueue] = []
    var freeQueues: [UInt32] = []
    private(set) var firstDirty = Outbox.none
    private var lastDirty = Outbox.none
    /// How many have something to write.
    package private(set) var dirtyCount = 0

    let rooms = Slab<Room>()
    let memberships = Slab<Membership>()
    let users = Slab<User>()
    var names: [ServerNames] = []
    /// Slots whose outbox was full during a fan-out, to be tried again after a flush.
    package var overflowing: [UInt32] = []
    /// Groups that were met and passed over since `beginPass`, and the connections that are one by itself.
    package private(set) var missedGroups = FrameGroups.none
    private var individuals: [UInt32] = []

    let seed: (UInt64, UInt64)

    /// `seed` keys the tables of names that peers choose; it must not be known to them.
    package init(seed: (UInt64, UInt64)) {
        self.seed = seed
        members = .allocate(capacity: membersCapacity)
    }

    deinit {
        for index in 0..<rooms.endIndex where rooms.contains(UInt32(index)) {
            rooms[UInt32(index)].members.removeAll()
        }
        members.deinitialize(count: membersCount)
        members.deallocate()
    }

    /// A server begins; `server` is its number, given out from 0 upwards. Structure.
    package func addServer(_ server: Int) {
        while names.count <= server { names.append(ServerNames(seed: seed)) }
    }

    package func knows(server: Int) -> Bool { server < names.count }

    // MARK: Connections

    /// Makes room for the slot. It takes messages only after `startMessages`. Structure.
    package func open(_ slot: UInt32, server: Int, bytesMax: Int, policy: SlowConsumerPolicy) {
        if Int(slot) >= membersCapacity { grow(beyond: Int(slot)) }
        while membersCount <= Int(slot) {
            (members + membersCount).initialize(to: Member())
            membersCount += 1
        }
        var member = Member()
        member.server = UInt16(server)
        member.outbox.bytesMax = UInt32(clamping: bytesMax)
        member.outbox.policy = policy
        // The slot's last owner may still stand in the list of those with something to write.
        member.outbox.isDirty = members[Int(slot)].outbox.isDirty
        member.outbox.nextDirty = members[Int(slot)].outbox.nextDirty
        members[Int(slot)] = member
    }

    package func startMessages(_ slot: UInt32) { members[Int(slot)].outbox.isOpen = true }

    /// Messages that were queued for it so far.
    @inline(__always)
    package func sentCount(_ slot: UInt32) -> UInt64 { members[Int(slot)].sent }

    /// From now on no message is queued for it. What waits still goes out.
    package func stopMessages(_ slot: UInt32) { members[Int(slot)].outbox.isOpen = false }

    /// Forgets what waits. Rooms and user must have been left before. Structure.
    package func close(_ slot: UInt32) {
        assert(members[Int(slot)].membershipCount == 0)
        members[Int(slot)].outbox.isOpen = false
        discardOutbox(slot)
    }

    package func acceptsMessages(_ slot: UInt32) -> Bool { members[Int(slot)].outbox.isOpen }

    private func grow(beyond slot: Int) {
        var capacity = membersCapacity
        while capacity <= slot { capacity *= 2 }
        let larger = UnsafeMutablePointer<Member>.allocate(capacity: capacity)
        larger.moveInitialize(from: members, count: membersCount)
        members.deallocate()
        members = larger
        membersCapacity = capacity
    }

    // MARK: Groups

    @inline(__always)
    package func group(of slot: UInt32) -> FrameGroups { members[Int(slot)].group }

    /// `group` is a single one. The slot's next owner begins as plain.
    package func setGroup(_ slot: UInt32, _ group: FrameGroups) { members[Int(slot)].group = group }

    package func beginPass() {
        missedGroups = .none
        individuals.removeAll(keepingCapacity: true)
    }

    /// Whether the connection gets frames for `groups`; if not, it is noted.
    @inline(__always)
    package func isIn(_ groups: FrameGroups, _ slot: UInt32) -> Bool {
        if members[Int(slot)].group.meets(groups) { return true }
        noteMissed(slot)
        return false
    }

    @inline(never)
    func noteMissed(_ slot: UInt32) {
        missedGroups.insert(members[Int(slot)].group)
        if members[Int(slot)].group == .individual { individuals.append(slot) }
    }

    /// Those of `individual` that were passed over since `beginPass`.
    package func takeIndividuals() -> [UInt32] {
        if individuals.isEmpty { return [] }
        let taken = individuals
        individuals = []
        return taken
    }

    /// Whether a message that nobody waits for may go to the connection: not if others wait already.
    package func isIdle(_ slot: UInt32) -> Bool {
        let outbox = members[Int(slot)].outbox
        return outbox.mayFlush && outbox.bytes <= outbox.bytesMax / 2
    }

    // MARK: The list of those with something to write

    @inline(__always)
    func markDirty(_ slot: UInt32) { markDirty(slot, members + Int(slot)) }

    @inline(__always)
    func markDirty(_ slot: UInt32, _ member: UnsafeMutablePointer<Member>) {
        if member.pointee.outbox.isDirty { return }
        member.pointee.outbox.isDirty = true
        member.pointee.outbox.nextDirty = Outbox.none
        dirtyCount &+= 1
        if lastDirty == Outbox.none {
            firstDirty = slot
        } else {
            members[Int(lastDirty)].outbox.nextDirty = slot
        }
        lastDirty = slot
    }

    package var hasDirty: Bool { firstDirty != Outbox.none }

    /// What `nextDirty` answers next, and where the hub has it.
    @inline(__always)
    package var firstDirtyPlace: (slot: UInt32, address: UnsafeRawPointer)? {
        firstDirty == Outbox.none ? nil : (firstDirty, UnsafeRawPointer(members + Int(firstDirty)))
    }

    /// Takes the next connection with something to write off the list.
    @inline(__always)
    package func nextDirty() -> UInt32? {
        let slot = firstDirty
        if slot == Outbox.none { return nil }
        let member = members + Int(slot)
        firstDirty = member.pointee.outbox.nextDirty
        if firstDirty == Outbox.none { lastDirty = Outbox.none }
        dirtyCount &-= 1
        member.pointee.outbox.isDirty = false
        return slot
    }
}
