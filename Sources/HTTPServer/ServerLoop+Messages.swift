import Primitives
import Serving

extension ServerLoop {
    /// Takes what other threads told this loop.
    func receiveMessages() {
        mailbox.receive(into: &messages)
        for message in messages {
            switch message {
            case .completed(let batch):
                answer(batch)
                batcher.giveBack(batch)
            case .registryChanged:
                // Idle as this loop may be: what it keeps of versions that left can now be freed.
                catalog.forgetRetired()
                batcher.forgetRetired()
            case .uploadWritten(let connection, let sequence, let byteCount):
                uploadWritten(connection, sequence, byteCount)
            case .managed(let managed): answer(managed)
            case .drain: beginDrain()
            }
        }
        messages.removeAll(keepingCapacity: true)
    }

    /// A uniform number; not for secrets.
    func nextRandom() -> UInt64 {
        randomState &+= 0x9e37_79b9_7f4a_7c15
        return ShareOfTraffic.mixed(randomState)
    }
}
