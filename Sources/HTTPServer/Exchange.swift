import HTTP

/// One request on its way to its answer: what must be remembered meanwhile, in 16 bytes.
struct Exchange {
    /// The request's number on its connection; answers go out in this order.
    let sequence: UInt32
    var notes: ExchangeNotes
}

/// The parts of an exchange that travel through the batcher as one number.
struct ExchangeNotes: RawRepresentable, Sendable, Equatable {
    var rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    init(route: Route, isHead: Bool, isHTTP10: Bool, keepsAlive: Bool) {
        rawValue = UInt64(route.rawValue)
        if isHead { rawValue |= 1 << 8 }
        if isHTTP10 { rawValue |= 1 << 9 }
        if keepsAlive { rawValue |= 1 << 10 }
    }

    /// The same for an answer behind which the connection ends.
    var closing: ExchangeNotes { ExchangeNotes(rawValue: rawValue & ~(1 << 10)) }

    var route: Route {
        guard let route = Route(rawValue: Int(rawValue & 0xFF)) else {
            preconditionFailure("notes were made from a route")
        }
        return route
    }

    var isHead: Bool { rawValue & 1 << 8 != 0 }
    var isHTTP10: Bool { rawValue & 1 << 9 != 0 }
    /// The answer may be sent with gzip.
    var takesGzip: Bool {
        get { rawValue & 1 << 11 != 0 }
        set { rawValue = newValue ? rawValue | 1 << 11 : rawValue & ~(1 << 11) }
    }

    /// The index of the asking origin in the loop's list of allowed ones, if one asked.
    var origin: Int? {
        get {
            let code = Int(rawValue >> 32 & 0xFFFF)
            return code == 0 ? nil : code - 1
        }
        set { rawValue = rawValue & ~(0xFFFF << 32) | UInt64((newValue ?? -1) + 1) << 32 }
    }

    var keepsAlive: Bool { rawValue & 1 << 10 != 0 }

    /// The answer's format.
    var format: PayloadFormat {
        get {
            switch rawValue >> 12 & 3 {
            case 0: .json
            case 1: .npy
            default: .csv
            }
        }
        set {
            let code: UInt64 =
                switch newValue {
                case .json: 0
                case .npy: 1
                case .csv: 2
                }
            rawValue = rawValue & ~(3 << 12) | code << 12
        }
    }

    /// The one output that was asked for, if any.
    var output: Int? {
        get {
            let code = Int(rawValue >> 16 & 0xFFFF)
            return code == 0 ? nil : code - 1
        }
        set { rawValue = rawValue & ~(0xFFFF << 16) | UInt64((newValue ?? -1) + 1) << 16 }
    }
}
