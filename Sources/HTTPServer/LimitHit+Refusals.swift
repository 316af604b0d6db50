import HTTP
import Telemetry

/// Which limit a refusal is about; nil when the request broke a rule and not a limit.
extension LimitHit {
    init?(_ refusal: HTTPRefusal) {
        switch refusal {
        case .headerTooLarge: self = .headerBytes
        case .tooManyFields: self = .headerCount
        case .targetTooLong: self = .targetBytes
        case .bodyTooLarge: self = .bodyBytes
        case .headerTimeout: self = .headerTime
        case .bodyTimeout: self = .bodyTime
        case .bodyTooSlow: self = .bodyRate
        case .tooMuchBuffered: self = .http2BufferedBytes
        case .badRequestLine, .badTarget, .badVersion, .unsupportedVersion, .unknownMethod,
            .badField, .foldedField, .bareLineFeed, .missingHost, .badHost, .badContentLength,
            .conflictingLength, .badTransferEncoding, .unsupportedTransferEncoding,
            .badExpectation, .badChunk, .plainHTTP:
            return nil
        }
    }

    init?(_ refusal: ContentCodingRefusal) {
        switch refusal {
        case .tooLarge: self = .decompressedBytes
        case .ratioTooHigh: self = .decompressionRatio
        case .unknownCoding, .severalCodings, .corrupt, .truncated, .trailingBytes: return nil
        }
    }

    init?(_ refusal: DecodeRefusal) {
        switch refusal.code {
        case .tooManyRows: self = .requestRows
        case .invalidJSON where refusal.isTooDeep: self = .jsonDepth
        case .invalidJSON, .invalidCSV, .invalidNPY, .invalidShape, .invalidType, .outOfRange,
            .missingInput, .unknownInput, .unsupportedFormat:
            return nil
        }
    }
}
