import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { markerVariable } from "../../src/process/AgentProcesses.ts"
import * as ProcessIdentity from "../../src/process/ProcessIdentity.ts"
import * as ProcessTable from "../../src/process/ProcessTable.ts"
import * as ChildScript from "../support/ChildScript.ts"

const stat = (name: string, state = "S") =>
  `4242 (${name}) ${state} 17 4242 4242 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 20 18446744073709551615 1\n`

describe("ProcessIdentity", () => {
  it("P10 process: the start time is field 22, whatever the process calls itself", () => {
    for (const name of ["node", "a b", ") S 1 (", "((", "(sd-pam)", "x) R 9 9 9"]) {
      assert.deepStrictEqual(ProcessIdentity.parseStat(stat(name)), {
        pid: 4242,
        parent: 17,
        group: 4242,
        startTime: "987654",
        ended: false
      }, name)
    }
    assert.isTrue(ProcessIdentity.parseStat(stat("node", "Z"))?.ended)
  })

  it("P10 process: what is no stat line is no process", () => {
    for (const text of ["", "4242", "4242 (node", "4242 (node) S 17", "x (node) S 17", ") ("]) {
      assert.isUndefined(ProcessIdentity.parseStat(text), text)
    }
    assert.isUndefined(ProcessIdentity.parseStat(stat("node").replace("987654", "later")))
  })

  it("P10 process: the start time that ps prints is compared by its words", () => {
    assert.strictEqual(ProcessIdentity.parseStartTime("Sat Nov  7 10:15:30 2026    \n"), "Sat Nov 7 10:15:30 2026")
    assert.isUndefined(ProcessIdentity.parseStartTime("\n"))
  })

  it.live("P10 process: a process runs until it has ended, and is never mistaken for another", () =>
    Effect.gen(function*() {
      const self = yield* ProcessIdentity.self
      assert.isTrue(yield* ProcessIdentity.isRunning(self))
      assert.isFalse(yield* ProcessIdentity.isRunning({ ...self, startTime: `${self.startTime}0` }))
      assert.isFalse(yield* ProcessIdentity.isRunning({ ...self, boot: "another" }))
      const child = yield* ChildScript.idle()
      const startTime = Option.getOrThrow(yield* ProcessIdentity.startTime(child.pid))
      assert.isTrue(yield* ProcessIdentity.isRunning({ ...self, pid: child.pid, startTime }))
      yield* child.kill
      assert.isFalse(yield* ProcessIdentity.isRunning({ ...self, pid: child.pid, startTime }))
    }))
})

describe("ProcessTable.select", () => {
  const entry = (pid: number, parent: number, marker?: string): ProcessTable.Entry => ({
    pid,
    parent,
    startTime: `t${pid}`,
    marker
  })
  const table = [
    entry(1, 0),
    entry(10, 1),
    entry(100, 1, "m1"),
    entry(101, 100),
    entry(102, 101, "m1"),
    entry(103, 1, "m1"),
    entry(104, 103),
    entry(200, 10, "m2"),
    entry(300, 1)
  ]
  const selected = (wanted: ReadonlyArray<ProcessTable.Target>, self = 10) =>
    ProcessTable.select(table, wanted, self).map(({ pid }) => pid).toSorted((a, b) => a - b)

  it("P10 process: an agent takes with it what is below it and what carries its marker", () => {
    assert.deepStrictEqual(selected([{ pid: 100, startTime: "t100", marker: "m1" }]), [100, 101, 102, 103, 104])
    assert.deepStrictEqual(selected([{ pid: 200, startTime: "t200", marker: "none" }]), [200])
  })

  it("P10 process: another process with the recorded id is left alone", () => {
    assert.deepStrictEqual(selected([{ pid: 300, startTime: "t299", marker: "m9" }]), [])
    assert.deepStrictEqual(selected([{ pid: 300, startTime: "", marker: "m9" }]), [])
    assert.deepStrictEqual(selected([{ pid: 300, startTime: "t299", marker: "m2" }]), [200])
  })

  it("P10 process: a host never ends itself or what it runs under", () => {
    const everything = table.map(({ marker, pid, startTime }) => ({ pid, startTime, marker: marker ?? "none" }))
    assert.deepStrictEqual(selected(everything, 102), [10, 103, 104, 200, 300])
  })

  it("P10 process: the marker is one variable of the environment, not a part of another", () => {
    const environ = `PATH=/bin\0X${markerVariable}=no\0${markerVariable}=yes=1\0`
    assert.strictEqual(ProcessTable.parseMarker(environ), "yes=1")
    assert.isUndefined(ProcessTable.parseMarker(`PATH=${markerVariable}=no\0`))
  })
})
