/** A session that is to do without the user's own skills and commands, on the real binary. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { dirname, join } from "node:path"
import { Conformance, ModelReply } from "../../../src/testing/index.ts"
import { onClaude } from "./OnClaude.ts"

const { Bench: { listen, within }, Check: { equal } } = Conformance

const write = (file: string, text: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory(dirname(file), { recursive: true })
    yield* fs.writeFileString(file, text)
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

const skill = (folder: string, name: string) =>
  write(join(folder, "skills", name, "SKILL.md"), `---\nname: ${name}-by-name\ndescription: ${name}\n---\nIt.\n`)

onClaude((world) => {
  const configure = Effect.fnUntraced(function*(directory: string) {
    const { home } = yield* world
    yield* skill(join(home, "claude"), "anchor")
    yield* write(join(home, "claude", "commands", "sub", "deep.md"), "---\ndescription: Deep\n---\nsay deep\n")
    yield* write(
      join(home, "claude", "settings.json"),
      JSON.stringify({ permissions: { deny: ["Bash(touch:*)"] } })
    )
    yield* skill(join(directory, ".claude"), "lantern")
  })
  /** Which of them the model knows of. */
  const known = (...names: ReadonlyArray<string>) =>
    Effect.flatMap(world, ({ model }) =>
      Effect.map(model.requests, (all) => {
        const told = JSON.stringify(all.at(-1)?.raw)
        return names.filter((name) => told.includes(name))
      }))
  return [
    {
      id: "claude/user-skills-off",
      promise: "P17",
      title:
        "where the app says so, neither the model nor the user has skills and commands of the user's own, also none that come later",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*(host) {
          const { home, model } = yield* world
          yield* configure(bench.directories.home)
          yield* model.on(
            "use it",
            (request) =>
              request.afterToolResult ? ModelReply.text("Well.") : ModelReply.call("Skill", { skill: "anchor-by-name" })
          )
          const given = { projectConfig: "trust", runtimeMode: "full-access" } as const
          const { run, seen } = yield* listen(host, given)
          const all = ["anchor-by-name", "speak", "sub:deep", "late-by-name", "lantern-by-name", "claude-api"]
          yield* run(bench.prompts.say("one"))
          yield* equal(yield* known(...all), ["lantern-by-name", "claude-api"], "what the model is told of")
          yield* run("use it")
          yield* run(bench.prompts.run("touch denied"))
          const outcomes = (yield* seen).flatMap((event) =>
            event._tag === "ItemCompleted" && "status" in event.item ? [event.item.status] : []
          )
          yield* equal(outcomes, ["failed", "declined"], "a skill of the user's, and what the user's settings deny")
          const changes = Effect.map(seen, (events) => events.filter(({ _tag }) => _tag === "OffersChanged").length)
          const before = yield* changes
          yield* skill(join(home, "claude"), "late")
          // It comes, and it goes.
          yield* within(
            bench,
            "offers to change twice",
            Effect.repeat(Effect.delay(changes, "20 millis"), { until: (count) => count >= before + 2 })
          )
          yield* run(bench.prompts.say("two"))
          // The call of the one that is hidden is in the conversation.
          const others = yield* known(...all.slice(1))
          yield* equal(others, ["lantern-by-name", "claude-api"], "what the model is told of afterwards")
        }))
    },
    {
      id: "claude/user-skills-offers",
      promise: "P17",
      title: "skills and commands that a session does without are not offered",
      prove: (bench) =>
        bench.onHost(Effect.fnUntraced(function*({ adapter }) {
          yield* configure(bench.directories.home)
          const offers = yield* within(
            bench,
            "the offers",
            adapter.offers?.({ directory: bench.directories.home, projectConfig: "trust" }) ?? Effect.undefined
          )
          const names = new Set([...offers?.skills ?? [], ...offers?.commands ?? []].map(({ name }) => name))
          const ours = ["anchor-by-name", "anchor", "speak", "sub:deep", "lantern-by-name", "init"]
          yield* equal(ours.filter((name) => names.has(name)), ["lantern-by-name", "init"], "what is offered")
        }))
    }
  ]
}, { userSkills: false })
