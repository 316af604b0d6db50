import Glibc
import IO
import Primitives
import Testing

/// Two connected, non-blocking sockets; closed at the end.
private func withPair(_ body: (Int32, Int32) throws -> Void) rethrows {
    var pair: [Int32] = [0, 0]
    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &pair)
    defer {
        close(pair[0])
        close(pair[1])
    }
    try body(pair[0], pair[1])
}

@Test func bytesGoThroughAndEmptySocketsWouldBlock() {
    withPair { sender, receiver in
        var out = ByteBuffer()
        out.append("hello")
        var input = ByteBuffer()
        #expect(Socket.read(receiver, into: &input, atLeast: 16) == .wouldBlock)
        #expect(Socket.write(sender, from: &out) == .bytes(5))
        let left = out.count
        #expect(left == 0)
        #expect(Socket.read(receiver, into: &input, atLeast: 16) == .bytes(5))
        let text = input.text
        #expect(text == "hello")
    }
}

@Test func aFullSocketKeepsTheRest() {
    withPair { left, _ in
        var out = ByteBuffer()
        out.append([UInt8](repeating: 7, count: 8 << 20))
        guard case .bytes(let sent) = Socket.write(left, from: &out) else {
            Issue.record("nothing was sent")
            return
        }
        let kept = out.count
        #expect(sent + kept == 8 << 20)
        #expect(Socket.write(left, from: &out) == .wouldBlock)
    }
}

@Test func aPeerThatLeftIsAnOutcomeAndNoSignal() {
    withPair { left, right in
        Socket.shutdownWrite(right)
        var input = ByteBuffer()
        #expect(Socket.read(left, into: &input, atLeast: 1) == .endOfStream)
        close(right)
        var out = ByteBuffer()
        out.append("x")
        #expect(Socket.write(left, from: &out) == .failed(EPIPE))
        // `withPair` closes a number that may be reused meanwhile: give it one of ours.
        _ = dup2(left, right)
    }
}
