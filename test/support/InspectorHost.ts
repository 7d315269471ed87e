/** The inspector on a server of ours, with the mock agent and a SQLite file, and Chromium that looks at it. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer } from "effect"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { Browser, Page } from "playwright-core"
import * as CodingAgents from "../../src/CodingAgents.ts"
import { InstanceId, ThreadId } from "../../src/domain/Ids.ts"
import type { HookError } from "../../src/hooks/HookRegistration.ts"
import { LifecycleHooks } from "../../src/hooks/LifecycleHooks.ts"
import * as Inspector from "../../src/inspector/Inspector.ts"
import { bundle } from "../../src/inspector/page/bundle.mjs"
import * as Server from "../../src/server/Server.ts"
import { ProviderService } from "../../src/service/ProviderService.ts"
import { SessionStore } from "../../src/store/SessionStore.ts"
import { MockProvider, type MockProviderOptions } from "../../src/testing/MockProvider.ts"
import { browser } from "./Chromium.ts"

interface HostOptions {
  readonly inspector?: Inspector.Options | undefined
  readonly mock?: MockProviderOptions | undefined
  readonly settings?: CodingAgents.Settings | undefined
  readonly hooks?: ReadonlyArray<Layer.Layer<never, HookError, LifecycleHooks>> | undefined
  readonly token?: string | undefined
}

/** Chromium, and the page as it was bundled: once for all tests of a file. */
export class Stage extends Context.Service<Stage, { readonly browser: Browser; readonly folder: string }>()(
  "test/InspectorStage"
) {}

/** The page in a folder of the scope. */
const bundled = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  yield* Effect.promise(() => bundle(folder))
  return folder
})

/** An app in a folder of its own; `url` is the page's. It ends with the scope. */
export const host = Effect.fnUntraced(function*({ hooks, inspector, mock, settings, token }: HostOptions = {}) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  const stage = yield* Stage
  const app = CodingAgents.layer({
    agents: MockProvider.layer({ instanceId: "mock", ...mock }),
    store: SessionStore.layerSqlite({ filename: `${folder}/threads.db` }),
    hooks,
    settings
  }).pipe(Layer.provide(NodeServices.layer))
  const routes = Layer.merge(
    Server.layer(token === undefined ? {} : { token }),
    Inspector.layer({ folder: stage.folder, ...inspector })
  )
  const served = Server.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
    Layer.provideMerge(app)
  )
  const context = yield* Layer.build(served)
  const server = Context.get(context, HttpServer.HttpServer)
  const url = `${HttpServer.formatAddress(server.address)}/ui/`
  return {
    url,
    folder,
    mock: Context.get(context, MockProvider),
    agents: Context.get(context, ProviderService)
  }
})

export type Host = Effect.Success<ReturnType<typeof host>>

export const instanceId = InstanceId.make("mock")

/** A thread with a session in the host's own folder. */
export const openThread = ({ agents, folder }: Host, name: string, more: { readonly title?: string } = {}) => {
  const threadId = ThreadId.make(name)
  return Effect.as(
    agents.startSession({ threadId, instanceId, directory: folder, runtimeMode: "approval-required", ...more }),
    threadId
  )
}

export const stage = Layer.effect(Stage, Effect.all({ browser, folder: bundled })).pipe(
  Layer.provideMerge(NodeServices.layer)
)

interface Look {
  readonly width?: number
  readonly height?: number
  readonly dark?: boolean
}

/** A tab, with all that the console or the policy complained of. */
export const tab = Effect.fnUntraced(
  function*({ dark = false, height = 800, width = 1280 }: Look = {}) {
    const { browser } = yield* Stage
    const page: Page = yield* Effect.acquireRelease(
      Effect.promise(() =>
        browser.newPage({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" })
      ),
      (page) => Effect.promise(() => page.close())
    )
    const errors: Array<string> = []
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") errors.push(message.text())
    })
    page.on("pageerror", (error) => errors.push(String(error)))
    page.on("dialog", (dialog) => {
      errors.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    return { page, errors }
  }
)
