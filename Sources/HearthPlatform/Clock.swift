// Time, as the platform tells it. The pure layers get it as an argument.

internal import CLibuv

package enum Clock {
    /// Monotonic, nanoseconds since an arbitrary moment.
    package static func monotonicNanoseconds() -> UInt64 {
        #if HEARTH_SIMULATION
            if let simulation = Simulation.here { return simulation.nanoseconds }
        #endif
        return uv_hrtime()
    }

    /// Wall clock, milliseconds since 1970.
    package static func wallMilliseconds() -> UInt64 {
        #if HEARTH_SIMULATION
            if let simulation = Simulation.here { return simulation.wallMilliseconds }
        #endif
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return UInt64(now.tv_sec) &* 1000 &+ UInt64(now.tv_nsec) / 1_000_000
    }
}
