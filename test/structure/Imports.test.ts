import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { breaches, compare, read } from "../../.ci/imports.mjs"

/** Files by their path in the folder, with their text. */
type Tree = Readonly<Record<string, string>>

const nothing = "export {}\n"

/** A small tree that keeps every rule. */
const good: Tree = {
  "domain/Ids.ts": nothing,
  "domain/Item.ts": `import type { Id } from "./Ids.ts"\nimport { Schema } from "effect"\n`,
  "provider/ProviderAdapter.ts": `import * as Ids from "../domain/Ids.ts"\n`,
  "store/SessionStore.ts": `import * as Sql from "./internal/sqlSessionStore.ts"\nexport const layer = Sql.layer\n`,
  // A maker may import the face whose layers it makes.
  "store/internal/sqlSessionStore.ts": `import { SessionStore } from "../SessionStore.ts"\n`,
  "transcript/internal/writer.ts": `export * as Ids from "../../domain/Ids.ts"\n`,
  "thread/SnapshotTaking.ts": `import { write } from "../transcript/internal/writer.ts"\n`,
  "opencode/OpenCode.ts": `import {\n  ProviderAdapter,\n  type Start\n} from "../provider/ProviderAdapter.ts"\n`,
  "testing/Mock.ts": `import * as OpenCode from "../opencode/OpenCode.ts"\n`,
  "index.ts": `export { SessionStore } from "./store/SessionStore.ts"\n`
}

/** What the check finds in these files, written to a folder of their own. */
const check = Effect.fnUntraced(function*(tree: Tree) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* files.makeTempDirectoryScoped()
  for (const [file, text] of Object.entries(tree)) {
    yield* files.makeDirectory(path.dirname(path.join(folder, file)), { recursive: true })
    yield* files.writeFileString(path.join(folder, file), text)
  }
  return breaches(read(folder))
})

/** The check's lines on the good tree with these files added or replaced. */
const finds = (what: string, files: Tree, ...expected: ReadonlyArray<string>) =>
  it.effect(
    what,
    () =>
      Effect.map(
        check({ ...good, ...files }),
        (found) => assert.deepStrictEqual(found, expected)
      )
        .pipe(Effect.provide(NodeServices.layer))
  )

describe("structure: the check of imports", () => {
  finds("passes a tree that keeps the rules", {})

  finds(
    "fails on an import upwards",
    { "domain/Item.ts": `import { take } from "../thread/SnapshotTaking.ts"\n` },
    "domain/Item.ts imports thread/SnapshotTaking.ts: domain must not import thread"
  )

  finds(
    "fails on an import upwards for a type only, also inline, re-exported or for its effects",
    {
      "domain/A.ts": `import type { take } from "../thread/SnapshotTaking.ts"\n`,
      "domain/B.ts": `export type Taken = import("../thread/SnapshotTaking.ts").Taken\n`,
      "domain/C.ts": `export type { Taken } from "../thread/SnapshotTaking.ts"\n`,
      "domain/D.ts": `import "../thread/SnapshotTaking.ts"\n`
    },
    ...["A", "B", "C", "D"].map((name) =>
      `domain/${name}.ts imports thread/SnapshotTaking.ts: domain must not import thread`
    )
  )

  finds(
    "fails on an import of another room's internal folder that is not opened to it",
    { "service/Archive.ts": `import { write } from "../transcript/internal/writer.ts"\n` },
    "service/Archive.ts imports transcript/internal/writer.ts: internal to transcript"
  )

  finds(
    "fails on an agent that imports the service, and on a room that imports an agent",
    {
      "opencode/Service.ts": `import { Service } from "../service/Service.ts"\n`,
      "service/Service.ts": nothing,
      "host/host.ts": `import * as OpenCode from "../opencode/OpenCode.ts"\n`
    },
    "host/host.ts imports opencode/OpenCode.ts: host must not import opencode",
    "opencode/Service.ts imports service/Service.ts: opencode must not import service"
  )

  finds(
    "fails on a room that imports testing, and on a room that it does not know",
    {
      "host/host.ts": `import { Mock } from "../testing/Mock.ts"\n`,
      "utils/format.ts": `import type { Id } from "../domain/Ids.ts"\n`
    },
    "host/host.ts imports testing/Mock.ts: host must not import testing",
    "utils/format.ts imports domain/Ids.ts: utils must not import domain"
  )

  finds(
    "fails on a circle of two files",
    { "domain/Ids.ts": `import type { Item } from "./Item.ts"\nexport type Id = string\n` },
    "a circle of 2: domain/Ids.ts domain/Item.ts"
  )

  finds(
    "fails on a circle of three files",
    {
      "hooks/A.ts": `import { b } from "./B.ts"\n`,
      "hooks/B.ts": `import { c } from "./C.ts"\n`,
      "hooks/C.ts": `import type { A } from "./A.ts"\n`
    },
    "a circle of 3: hooks/A.ts hooks/B.ts hooks/C.ts"
  )

  finds(
    "fails on six files in the folder itself",
    Object.fromEntries(["a", "b", "c", "d", "e"].map((name) => [`${name}.ts`, nothing])),
    "6 files lie directly in the folder, 5 may: a.ts b.ts c.ts d.ts e.ts index.ts"
  )

  finds(
    "fails on an import of a file that does not exist",
    { "domain/Item.ts": `import type { Id } from "./Identity.ts"\n` },
    "domain/Item.ts imports domain/Identity.ts, which does not exist"
  )

  it("lets known breaches pass, and fails on a new one and on an entry that no longer occurs", () => {
    const upwards = "domain/Item.ts imports thread/SnapshotTaking.ts: domain must not import thread"
    const circle = "a circle of 2: hooks/A.ts hooks/B.ts"
    assert.deepStrictEqual(compare([upwards, circle], [circle, upwards]), { fresh: [], repaired: [] })
    assert.deepStrictEqual(compare([upwards, circle], [upwards]), { fresh: [circle], repaired: [] })
    assert.deepStrictEqual(compare([upwards], [upwards, circle]), { fresh: [], repaired: [circle] })
  })
})
