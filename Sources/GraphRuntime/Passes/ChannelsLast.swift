import Primitives

extension Graph {
    /// Computes convolutions, what pools between them and what follows element by element with the
    /// channels last: pixels are then rows of matrices, and nothing is gathered. Values are turned once
    /// on the way in, and once where somebody else reads them.
    ///
    /// Answers stay the same within rounding (3 × 3 windows go through Winograd's algorithm).
    mutating func layOutChannelsLast() {
        var layout = ChannelsLastLayout(self)
        layout.run()
        self = layout.graph
    }
}
