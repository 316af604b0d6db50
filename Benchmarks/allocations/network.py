"""A small convolutional ONNX model, written byte by byte: the benchmark needs the standard library only.

Every way convolutions are computed is in it: windows where they lie, Winograd's algorithm, a filter a
channel, 1 × 1, and a pool.
"""
import array
import random

FLOAT, INT64 = 1, 7
SIDE = 8


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    """A field of a protobuf message: an integer, text or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(number, values):
    return b"".join(field(number, value) for value in values)


def tensor(name, shape, values):
    return fields(1, shape) + field(2, FLOAT) + field(8, name) + field(9, array.array("f", values).tobytes())


def node(kind, inputs, output, **attributes):
    text = fields(1, inputs) + field(2, output) + field(4, kind)
    for name, value in attributes.items():
        if isinstance(value, int):
            text += field(5, field(1, name) + field(3, value) + field(20, 2))
        else:
            text += field(5, field(1, name) + fields(8, value) + field(20, 7))
    return text


def value(name, shape):
    dims = b"".join(field(1, field(2, size) if isinstance(size, str) else field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, dims)))


def model():
    """The file: x [n, 1, 8, 8] gives y [n, 10]."""
    numbers = random.Random(3)
    constants, nodes, last = [], [], "x"
    layers = [("Conv", (16, 1, 5, 5), {"pads": [2] * 4}), ("Relu", None, {}),
              ("Conv", (16, 16, 3, 3), {"pads": [1] * 4}), ("Relu", None, {}),
              ("Conv", (16, 1, 3, 3), {"pads": [1] * 4, "group": 16}), ("Conv", (24, 16, 1, 1), {}),
              ("MaxPool", None, {"kernel_shape": [2, 2], "strides": [2, 2]}), ("Flatten", None, {}),
              ("Gemm", (10, 24 * 16), {"transB": 1})]
    for index, (kind, shape, attributes) in enumerate(layers):
        inputs = [last]
        if shape:
            count = 1
            for size in shape:
                count *= size
            constants.append(tensor(f"w{index}", shape, (numbers.uniform(-0.2, 0.2) for _ in range(count))))
            inputs.append(f"w{index}")
        last = "y" if kind == "Gemm" else f"v{index}"
        nodes.append(node(kind, inputs, last, **attributes))
    graph = (fields(1, nodes) + field(2, "network") + fields(5, constants)
             + field(11, value("x", ["n", 1, SIDE, SIDE])) + field(12, value("y", ["n", 10])))
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))


def sample():
    """A row, as JSON has it."""
    return [[[(line * SIDE + column) % 7 / 7 for column in range(SIDE)] for line in range(SIDE)]]
