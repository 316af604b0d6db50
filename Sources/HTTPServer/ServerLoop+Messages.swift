import IO
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
            case .listen: startListening()
            case .drain: beginDrain()
            }
        }
        messages.removeAll(keepingCapacity: true)
    }

    /// Takes connections at the addresses that waited for the models. What the kernel refuses now,
    /// after it gave us the port, is a lack of memory: nothing else can be done than to say so by
    /// ending.
    private func startListening() {
        for index in listeners.indices where listeners[index].isWaiting {
            listeners[index].isWaiting = false
            let descriptor = listeners[index].listener.descriptor
            do throws(SystemError) {
                try listeners[index].listener.listen()
                try poller.add(descriptor, token: Token.listeners + UInt64(index), .read)
            } catch {
                preconditionFailure("cannot \(error.description)")
            }
        }
    }

    /// A uniform number; not for secrets.
    func nextRandom() -> UInt64 {
        randomState &+= 0x9e37_79b9_7f4a_7c15
        return ShareOfTraffic.mixed(randomState)
    }
}
