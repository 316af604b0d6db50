import Serving
import Testing

@Test func aRenameIsTakenAtOnceAndAWriteWhenItIsQuiet() {
    var settler = ChangeSettler(quietNanoseconds: 100)
    #expect(settler.next == nil)
    settler.note("a", isWhole: false, now: 10)
    settler.note("b", isWhole: true, now: 10)
    #expect(settler.next == 10)
    #expect(settler.takeDue(now: 10) == ["b"])
    #expect(settler.next == 110)
    #expect(settler.takeDue(now: 109).isEmpty)
    // Another write puts it off; a rename behind it does not wait.
    settler.note("a", isWhole: false, now: 109)
    #expect(settler.takeDue(now: 208).isEmpty)
    #expect(settler.takeDue(now: 209) == ["a"])
    settler.note("a", isWhole: false, now: 300)
    settler.note("a", isWhole: true, now: 301)
    #expect(settler.takeDue(now: 301) == ["a"])
    #expect(settler.next == nil && settler.takeDue(now: .max).isEmpty)
}

@Test func aWriterThatNeverRestsKeepsItsModelWaitingAndNoOther() {
    var settler = ChangeSettler(quietNanoseconds: 100)
    settler.note("b", isWhole: false, now: 0)
    for time in stride(from: UInt64(0), to: 1_000, by: 50) {
        settler.note("a", isWhole: false, now: time)
        #expect(settler.takeDue(now: time) == (time == 100 ? ["b"] : []))
    }
    settler.note("c", isWhole: true, now: 1_000)
    settler.forget("c")
    #expect(settler.takeDue(now: 1_001).isEmpty)
    #expect(settler.takeDue(now: 1_050) == ["a"])
}
