// What a call answers. The numbers are those of hearth_error in the header.

package enum Status: Int32, Error {
    case ok = 0
    case invalid = -1
    case memory = -2
    case unknownKey = -3
    case invalidValue = -4
    case gone = -5
    case state = -6
    case forked = -7
    case thread = -8
    case tooLarge = -9
    case limit = -10
    case queueFull = -11
    case addressInUse = -12
    case address = -13
    case permission = -14
    case system = -15
    case version = -16
    case notFound = -17
    case unsupported = -18
    case tls = -19
}
