import HTTP
import Primitives
import Testing

private func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}

@Test func theBodyOfAPutIsHandedOnAsItComes() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.streamsPuts = true
    let body = bytes(5 << 20)
    let stream = client.request("PUT", "/m", body: body)
    host.exchange(with: client, chunk: 65_536)
    #expect(host.pieces[stream] == body && host.ended == [stream])
    #expect(client.answers[stream]?.isComplete == true)
    // Nothing of it was kept: 64 KiB at a time.
    #expect(host.bufferedBytesPeak <= 2 * 65_536)
    #expect(host.session.isIdle && host.session.bufferedBytes == 0)
    #expect(host.session.outstandingCount == 0 && host.session.incompleteCount == 0)
}

@Test func aClientIsHeldBackUntilItsBytesAreFetched() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.streamsPuts = true
    host.fetchesPieces = false
    let window = Limits().http2StreamWindowBytes
    let stream = client.request("PUT", "/m", body: bytes(3 << 20))
    host.exchange(with: client, chunk: 65_536)
    #expect(host.session.bufferedBytes == window)
    // Others are not.
    let other = client.request("POST", "/p", body: bytes(2 << 20))
    host.exchange(with: client, chunk: 65_536)
    #expect(client.answers[other]?.isComplete == true)
    #expect(host.ended.isEmpty)
    for _ in 0..<4 {
        host.fetch()
        host.exchange(with: client, chunk: 65_536)
    }
    #expect(host.pieces[stream] == bytes(3 << 20))
    #expect(client.answers[stream]?.isComplete == true && host.session.bufferedBytes == 0)
}

@Test func manyUploadsThatEndEarlyDoNotEatTheConnectionsWindow() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.streamsPuts = true
    host.streamedBytesMax = 100
    for _ in 0..<40 {
        let stream = client.request("PUT", "/m", body: bytes(1 << 20))
        host.exchange(with: client, chunk: 65_536)
        #expect(client.answers[stream]?.status == "413")
    }
    #expect(host.refusedPieces.count == 40)
    let stream = client.request("POST", "/p", body: bytes(2 << 20))
    host.exchange(with: client, chunk: 65_536)
    #expect(client.answers[stream]?.isComplete == true && host.session.bufferedBytes == 0)
}

@Test func aPutIsGatheredWhenItsBodyIsWantedWhole() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    let body = bytes(3 << 20)
    let stream = client.request("PUT", "/m", body: body)
    host.exchange(with: client, chunk: 65_536)
    #expect(host.seen.count == 1 && host.seen[0].body == body)
    #expect(client.answers[stream]?.isComplete == true)
    let empty = client.request("PUT", "/m", body: [])
    host.exchange(with: client)
    #expect(host.seen.count == 2 && client.answers[empty]?.isComplete == true)
    #expect(host.session.bufferedBytes == 0)
}

@Test func anUploadThatIsResetIsTold() {
    let (client, host) = (HTTP2Client(), HTTP2Host())
    host.streamsPuts = true
    host.fetchesPieces = false
    let stream = client.request("PUT", "/m", body: bytes(3 << 20))
    host.exchange(with: client, chunk: 65_536)
    client.reset(stream)
    host.exchange(with: client)
    #expect(host.cancelled == [stream])
    #expect(host.session.bufferedBytes == 0 && host.session.outstandingCount == 0)
}
