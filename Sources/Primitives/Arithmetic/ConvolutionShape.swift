/// A convolution over images whose channels lie together (channels last), as its kernels see it.
///
/// The images are padded already: every tap of every output pixel lies inside. A window is `tapOffsets`
/// runs of `run` neighbouring floats each; a tap's run may span several columns of the window.
public struct ConvolutionShape: Sendable {
    /// Output pixels along depth, height and width.
    public var outputs: (Int, Int, Int)
    /// Floats from one image to the next.
    public var imageStride: Int
    /// Floats between the windows of neighbouring output pixels, along each axis.
    public var steps: (Int, Int, Int)
    /// Floats of a run.
    public var run: Int

    public init(
        outputs: (Int, Int, Int), imageStride: Int, steps: (Int, Int, Int), run: Int
    ) {
        self.outputs = outputs
        self.imageStride = imageStride
        self.steps = steps
        self.run = run
    }

    /// Output pixels of one image.
    public var pixelCount: Int { outputs.0 * outputs.1 * outputs.2 }

    /// Where the window of a pixel starts; pixels count through all images.
    public func start(ofPixel index: Int) -> Int {
        let (image, pixel) = index.quotientAndRemainder(dividingBy: pixelCount)
        let (line, column) = pixel.quotientAndRemainder(dividingBy: outputs.2)
        let (depth, row) = line.quotientAndRemainder(dividingBy: outputs.1)
        return image * imageStride + depth * steps.0 + row * steps.1 + column * steps.2
    }
}

/// Sliding windows over channels-last images without padding in memory: pooling and depthwise
/// convolution look at the taps that lie inside.
public struct WindowShape: Sendable {
    public var channels: Int
    /// Along depth, height and width.
    public var sizes: (Int, Int, Int)
    public var outputs: (Int, Int, Int)
    public var kernel: (Int, Int, Int)
    public var strides: (Int, Int, Int)
    public var dilations: (Int, Int, Int)
    public var pads: (Int, Int, Int)

    public init(
        channels: Int, sizes: (Int, Int, Int), outputs: (Int, Int, Int), kernel: (Int, Int, Int),
        strides: (Int, Int, Int), dilations: (Int, Int, Int), pads: (Int, Int, Int)
    ) {
        self.channels = channels
        self.sizes = sizes
        self.outputs = outputs
        self.kernel = kernel
        self.strides = strides
        self.dilations = dilations
        self.pads = pads
    }

    public var inputPixels: Int { sizes.0 * sizes.1 * sizes.2 }
    public var outputPixels: Int { outputs.0 * outputs.1 * outputs.2 }
    public var taps: Int { kernel.0 * kernel.1 * kernel.2 }
}
