/**
 * A page for people: threads with what they wait for, the timeline of each as it happens, its transcript, snapshots, usage
 * and every event as JSON; agents, and deliveries to hooks.
 *
 * **Example** (the page under `/ui` of a server of ours)
 *
 * ```ts
 * const Routes = Layer.merge(Server.layer({ token }), Inspector.layer({ path: "/ui", write: true }))
 * ```
 *
 * The page is two files in the package, without anything of a third party at run time. It speaks the HTTP api as any other
 * client does, with a token that its reader enters, or that comes behind `#token=` in the address, which no server sees.
 * Its content security policy lets it run and load nothing but its own files, and call nothing but its own server.
 *
 * **Gotchas**
 *
 * - The files themselves hold no secret and ask for no token; every answer of the api does.
 * - `write: false` leaves out what changes something. It is no protection: what the holder of a token may do is decided by
 *   the server (`ThreadAccess`).
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Layer, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createHash } from "node:crypto"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"
import type { PageConfig } from "./PageConfig.ts"

/**
 * The page was not bundled: `npm run build` does it in a checkout of the repository, and every published package has it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InspectorUnbuilt extends Schema.TaggedError<InspectorUnbuilt>("effect-coding-agents/InspectorUnbuilt")(
  "InspectorUnbuilt",
  { folder: Schema.String },
  { httpApiStatus: 500 }
) {
  readonly retryable = false
  override get message() {
    return `The inspector's page is not in ${this.folder}; run \`npm run build\``
  }
}

/**
 * How the page is served.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where the page is. Default `/ui`. */
  readonly path?: `/${string}` | undefined
  /**
   * Where the api is, as the page sees it: a path, or one that is relative to the page's own. Default: where the page's path
   * begins, so that a prefix that both have in front of them holds for both.
   */
  readonly api?: string | undefined
  /** Whether the page offers to answer requests, send prompts, interrupt, stop, compact, save and resend. Default: no. */
  readonly write?: boolean | undefined
  /** Where the bundled files lie. Default: in this package; to be set where the package itself was bundled. */
  readonly folder?: string | undefined
}

const ownFolder = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../dist/src/inspector/ui/" : "./ui/", import.meta.url)
)

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types lit-html"
].join("; ")

const headers = {
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  // The files have the same names in every version.
  "cache-control": "no-cache"
}

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("\"", "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const documentOf = (config: PageConfig): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>coding agents</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="inspector" content="${escaped(JSON.stringify(config))}">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="app.css">
<script type="module" src="app.js"></script>
</head>
<body><div id="page"></div><noscript>This page needs JavaScript.</noscript></body>
</html>
`

interface File {
  readonly body: Uint8Array
  readonly contentType: string
  readonly compressed: boolean
}

/** Answers with the file, or tells the browser that it has it. */
const serve = ({ body, compressed, contentType }: File) => {
  const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 32)}"`
  const all = { ...headers, etag, vary: "accept-encoding" }
  return Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
    if (request.headers["if-none-match"] === etag) return HttpServerResponse.empty({ status: 304, headers: all })
    if (!compressed) return HttpServerResponse.uint8Array(body, { contentType, headers: all })
    return request.headers["accept-encoding"]?.includes("gzip") === true
      ? HttpServerResponse.uint8Array(body, { contentType, headers: { ...all, "content-encoding": "gzip" } })
      : HttpServerResponse.uint8Array(gunzipSync(body), { contentType, headers: all })
  })
}

/**
 * The router takes `/ui` for `/ui/`; a browser looks for the page's files beside it only at the second. The redirect is
 * relative, so that a prefix that a proxy takes away stays in the address.
 */
const withSlash = <E, R>(
  name: string | undefined,
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
) =>
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    ({ originalUrl }) =>
      name === undefined || originalUrl.split("?")[0]?.endsWith("/") === true
        ? answer
        : Effect.succeed(HttpServerResponse.redirect(`${name}/`, { status: 308, headers }))
  )

/**
 * Serves the page on the router that the app serves.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<never, InspectorUnbuilt, HttpRouter.HttpRouter | FileSystem.FileSystem> =>
  HttpRouter.use(Effect.fnUntraced(function*(router) {
    const fs = yield* FileSystem.FileSystem
    const folder = options.folder ?? ownFolder
    const parts = (options.path ?? "/ui").split("/").filter((part) => part !== "")
    const path: `/${string}` = `/${parts.map((part) => `${part}/`).join("")}`
    const read = (name: string, contentType: string): Effect.Effect<File, InspectorUnbuilt> =>
      fs.readFile(`${folder}/${name}.gz`).pipe(
        Effect.map((body) => ({ body, contentType, compressed: true })),
        Effect.mapError(() => new InspectorUnbuilt({ folder }))
      )
    const config = {
      // The page is at `<path>/`, so each part of the path is one step up.
      api: options.api ?? "../".repeat(parts.length),
      write: options.write ?? false
    }
    const html: File = {
      body: new TextEncoder().encode(documentOf(config)),
      contentType: "text/html; charset=utf-8",
      compressed: false
    }
    yield* router.add("GET", path, withSlash(parts.at(-1), serve(html)))
    yield* router.add("GET", `${path}app.js`, serve(yield* read("app.js", "text/javascript; charset=utf-8")))
    yield* router.add("GET", `${path}app.css`, serve(yield* read("app.css", "text/css; charset=utf-8")))
  }))
