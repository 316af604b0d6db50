import Primitives
import Testing

@Test(arguments: [0, 1, 2, 7, 100, 1000])
func everyNameIsFoundAndNoOther(count: Int) {
    let names = (0..<count).map { "model-\($0 * 7919)" }
    let table = NameTable(names)
    for (index, name) in names.enumerated() {
        let bytes = Array(name.utf8)
        #expect(table.index(of: bytes.span) == index)
    }
    for other in ["", "model-", "model-1x", "MODEL-0"] {
        let bytes = Array(other.utf8)
        #expect(table.index(of: bytes.span) == nil)
    }
}
