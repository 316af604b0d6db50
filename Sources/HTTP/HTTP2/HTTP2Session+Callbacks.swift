import CNghttp2

extension HTTP2Session {
    /// The table that all sessions of a loop are made with. Each thunk recovers its session and
    /// calls a method; nothing else.
    static func makeCallbacks() -> OpaquePointer {
        var table: OpaquePointer?
        guard nghttp2_session_callbacks_new(&table) == 0, let table else {
            preconditionFailure("there is memory for a table of callbacks")
        }
        nghttp2_session_callbacks_set_on_begin_headers_callback(table) { _, frame, user in
            with(user) { $0.beganHeaders(frame.unsafelyUnwrapped) }
        }
        nghttp2_session_callbacks_set_on_header_callback(table) {
            _, frame, name, nameCount, value, valueCount, _, user in
            with(user) {
                $0.received(
                    frame.unsafelyUnwrapped,
                    name: UnsafeBufferPointer(start: name, count: nameCount),
                    value: UnsafeBufferPointer(start: value, count: valueCount))
            }
        }
        // What nghttp2 would drop silently (RFC 9113 section 8.2.1) makes the request malformed.
        nghttp2_session_callbacks_set_on_invalid_header_callback(table) { _, _, _, _, _, _, _, _ in
            NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(table) { _, frame, user in
            with(user) { $0.received(frame.unsafelyUnwrapped) }
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table) {
            _, _, stream, data, count, user in
            with(user) {
                $0.received(stream, data: UnsafeBufferPointer(start: data, count: count))
            }
        }
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table) { _, frame, _, user in
            with(user) { $0.receivedInvalidFrame(frame.unsafelyUnwrapped) }
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(table) { _, frame, user in
            with(user) { $0.sent(frame.unsafelyUnwrapped) }
        }
        nghttp2_session_callbacks_set_send_data_callback(table) {
            _, frame, header, count, _, user in
            with(user) {
                $0.send(
                    frame.unsafelyUnwrapped,
                    header: UnsafeBufferPointer(start: header, count: 9), byteCount: count)
            }
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(table) { _, stream, _, user in
            with(user) { $0.closed(stream) }
        }
        return table
    }

    /// Where nghttp2 asks for the body of an answer.
    static var dataProvider: nghttp2_data_provider {
        nghttp2_data_provider(
            source: nghttp2_data_source(ptr: nil),
            read_callback: { _, stream, _, count, flags, _, user in
                with(user) { $0.bytesToSend(stream, atMost: count, flags.unsafelyUnwrapped) }
            })
    }
}

/// The session that nghttp2 was given as its user's data. The loop holds it during every call, so no
/// reference is counted.
private func with<Result>(
    _ user: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Result
) -> Result {
    Unmanaged<HTTP2Session>.fromOpaque(user.unsafelyUnwrapped)._withUnsafeGuaranteedRef(body)
}
