/** Codex with OpenAI's own models, signed out at first: what it offers, and how a user signs in, by a scripted issuer. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert } from "@effect/vitest"
import {
  Context,
  Deferred,
  Effect,
  Fiber,
  FileSystem,
  Layer,
  ManagedRuntime,
  Option,
  Path,
  Result,
  Stream
} from "effect"
import { afterAll, describe, it } from "vitest"
import * as Processes from "../../../examples/support/Processes.ts"
import { AgentProcesses } from "../../../src/adapter/index.ts"
import { Codex } from "../../../src/codex/index.ts"
import { InstanceId, ProviderRegistry, ThreadId } from "../../../src/index.ts"
import { Conformance, conformance } from "../../../src/testing/index.ts"
import * as ScriptedIssuer from "./ScriptedIssuer.ts"

const rules = new Set(["offers/changed", "check/installed", "sign-in/pages"])

class World extends Context.Service<World>()("test/codex/SignedOut", {
  make: Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    return {
      issuer: yield* ScriptedIssuer.make,
      processes: yield* Processes.make,
      home: yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "codex-signed-out-" }))
    }
  })
}) {
  static readonly layer = Layer.effect(this, this.make).pipe(Layer.provide(NodeServices.layer))
}

const runtime = ManagedRuntime.make(World.layer)
afterAll(() => runtime.dispose())

const world = Effect.promise(() => runtime.runPromise(World))

const codexOf = ({ home, issuer, processes }: World["Service"]) =>
  Codex.layer({
    isolated: { folder: home },
    flags: ["-c", `chatgpt_base_url=${issuer.url}/backend-api/`],
    env: { ...processes.env, CODEX_APP_SERVER_LOGIN_ISSUER: issuer.url }
  })

const codex = Layer.unwrap(Effect.map(world, codexOf))

/** A skill of the user's own, as long as the Scope is open. */
const withSkill = (home: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const folder = (yield* Path.Path).join(home, "codex", "skills", "verse")
    yield* Effect.acquireRelease(
      Effect.andThen(
        fs.makeDirectory(folder, { recursive: true }),
        fs.writeFileString(
          (yield* Path.Path).join(folder, "SKILL.md"),
          "---\nname: verse\ndescription: Answers in verse.\n---\n\nAnswer in verse.\n"
        )
      ),
      () => Effect.ignore(fs.remove(folder, { recursive: true }))
    )
  }).pipe(Effect.orDie, Effect.provide(NodeServices.layer))

conformance("codex", codex, {
  instanceId: "codex",
  platform: NodeServices.layer,
  signIn: "chatgptDeviceCode",
  controls: Effect.map(world, ({ home, issuer }) => ({
    changeOffers: () => withSkill(home),
    agreeOn: (page) =>
      Effect.andThen(Effect.sync(() => assert.strictEqual(page.code, ScriptedIssuer.code)), issuer.agree)
  }))
}, { describe, it, rules: Conformance.rules.filter(({ id }) => rules.has(id)) })

const adapter = Effect.gen(function*() {
  const registry = yield* ProviderRegistry
  return yield* Effect.flatMap(registry.get(InstanceId.make("codex")), Effect.fromOption)
})

const run = <A, E>(effect: Effect.Effect<A, E, ProviderRegistry>, agent = codex) =>
  Effect.runPromise(Effect.provide(
    effect,
    agent.pipe(
      Layer.provideMerge(Layer.merge(ProviderRegistry.layer, AgentProcesses.layerNoop)),
      Layer.provide(NodeServices.layer)
    )
  ))

describe("the account of a Codex", () => {
  it("P15 codex: OpenAI's models are offered with their reasoning efforts, and no other is taken", () =>
    run(
      Effect.gen(function*() {
        const { offers = () => Effect.die("no offers"), startSession } = yield* adapter
        const { defaultModel, models = [] } = yield* offers({})
        const offered = models.find(({ id }) => id === defaultModel)
        assert.includeMembers(offered?.variants.map(({ id }) => id) ?? [], ["low", "medium", "high"])
        const { home } = yield* world
        const session = yield* startSession({
          threadId: ThreadId.make("thread"),
          directory: home,
          runtimeMode: "approval-required",
          projectConfig: "trust",
          from: { _tag: "New" }
        })
        yield* session.checkModel({ id: defaultModel ?? "" })
        const { _tag } = yield* Effect.flip(session.checkModel({ id: "no-such-model" }))
        assert.strictEqual(_tag, "ModelUnavailable")
      }).pipe(Effect.scoped)
    ))

  it("P15 codex: of two sign-ins at once each is told its own end", () =>
    Effect.runPromise(
      Effect.gen(function*() {
        const own = yield* World
        const both = Effect.gen(function*() {
          const { signIn = () => Stream.empty } = yield* adapter
          const begin = Effect.gen(function*() {
            const page = yield* Deferred.make<void>()
            const steps = yield* signIn("chatgptDeviceCode").pipe(
              Stream.tap(() => Deferred.succeed(page, undefined)),
              Stream.runCollect,
              Effect.result,
              Effect.forkScoped
            )
            yield* Deferred.await(page)
            return steps
          })
          const first = yield* begin
          const second = yield* begin
          yield* own.issuer.agree
          const [given, done] = [yield* Fiber.join(first), yield* Fiber.join(second)]
          assert.deepStrictEqual(Result.isSuccess(done) ? done.success.map(({ _tag }) => _tag) : done.failure, [
            "OpenPage",
            "SignedIn"
          ])
          // Codex has one at a time.
          assert.strictEqual(Result.isFailure(given) ? given.failure._tag : "signed in", "SignInFailed")
        })
        yield* Effect.promise(() => run(Effect.scoped(both), codexOf(own)))
      }).pipe(Effect.provide(World.layer))
    ))

  it("P15 codex: a sign-in that is no longer read is given up", () =>
    run(Effect.gen(function*() {
      const { signIn = () => Stream.empty } = yield* adapter
      // It has the port to which the browser is led back, so it must have been given up before the next one can begin.
      for (let n = 0; n < 2; n++) {
        const page = yield* Stream.runHead(signIn("chatgpt"))
        assert.isTrue(Option.isSome(page) && page.value._tag === "OpenPage" && page.value.url.includes("/authorize"))
      }
    })))
})
