/**
 * What an agent's process is started with: its variables, a private folder for files that hold secrets, a shell that
 * hides our variables from tools, and a function that takes our secrets out of the agent's last words.
 *
 * An agent's environment is a list of names ({@link pick}) and never this process's own: what the app was started with, a
 * database's password for example, is no business of an agent, which hands its environment to the tools that it runs.
 *
 * **Gotchas**
 *
 * {@link hidingShell} hides variables from tools that the agent runs
 * through its shell; it does not protect them: a process of the same user can still read the agent's `/proc` entry.
 *
 * @since 0.1.0
 */
import { Effect, FileSystem, Path, Redacted, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import type { PlatformError } from "effect/PlatformError"
import { tmpdir } from "node:os"
import { AgentProcesses } from "../process/AgentProcesses.ts"

/**
 * Variables by name; `undefined` removes an inherited one.
 *
 * @category models
 * @since 0.1.0
 */
export type Variables = Readonly<Record<string, string | Redacted.Redacted<string> | undefined>>

/**
 * The variables that a program needs to work as this user, none of them a secret: where things are, the language, the
 * terminal, proxies and certificates. (A proxy's address may have a password in it; without it the agent has no network.)
 *
 * The keys of model providers are not among them: name those that the agent needs.
 *
 * @category constants
 * @since 0.1.0
 */
export const base: ReadonlyArray<string> = [
  "PATH HOME USER LOGNAME SHELL LANG LANGUAGE LC_* TZ TERM COLORTERM NO_COLOR TMPDIR TMP TEMP XDG_*",
  "SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS",
  "HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy",
  // Without these, programs on Windows find neither the system nor the user's folders.
  "SystemRoot ComSpec PATHEXT USERPROFILE APPDATA LOCALAPPDATA ProgramData ProgramFiles"
].flatMap((names) => names.split(" "))

/**
 * These variables of this process, as far as they are set: an environment that is built from a list. A name may end in
 * `*`, which stands for any end of it: `LC_*`.
 *
 * **Example**
 *
 * ```ts
 * const variables = AgentEnvironment.pick([...AgentEnvironment.base, "ACME_API_KEY"])
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const pick = (names: ReadonlyArray<string>): Variables => {
  const wanted = names.map(canonical)
  const exact = new Set(wanted)
  const beginnings = wanted.flatMap((name) => name.endsWith("*") ? [name.slice(0, -1)] : [])
  const isWanted = (name: string) => exact.has(name) || beginnings.some((beginning) => name.startsWith(beginning))
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isWanted(canonical(name))))
}

/**
 * The variables, with this machine's own addresses among those that are reached without a proxy (`NO_PROXY`): an agent that
 * asks our listener, or a model on this machine, must not ask a proxy for it. Unchanged where no proxy is set.
 *
 * @category combinators
 * @since 0.1.0
 */
export const loopbackDirect = (variables: Variables): Variables => {
  const isSet = Object.entries(variables).some(([name, value]) =>
    value !== undefined && /^(https?|all)_proxy$/i.test(name)
  )
  if (!isSet) return variables
  const before = [variables["NO_PROXY"], variables["no_proxy"]].find((value) =>
    typeof value === "string" && value !== ""
  )
  const direct = [...(typeof before === "string" ? [before] : []), "127.0.0.1", "localhost", "::1"].join(",")
  return { ...variables, NO_PROXY: direct, no_proxy: direct }
}

/** Windows does not tell `Path` from `PATH`. */
const canonical = (name: string) => process.platform === "win32" ? name.toUpperCase() : name

/**
 * What making a private folder requires.
 *
 * @category models
 * @since 0.1.0
 */
export type Needs = FileSystem.FileSystem | Path.Path | AgentProcesses | Scope.Scope

/**
 * An empty folder that no other user can read, as a real path, in the system's folder for temporary files or in another one.
 * Removed when the Scope closes, and after a crash of the host by the next boot.
 *
 * @category constructors
 * @since 0.1.0
 */
export const privateFolder = Effect.fnUntraced(function*(
  prefix: string,
  directory?: string
): Effect.fn.Return<string, PlatformError, Needs> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const processes = yield* AgentProcesses
  const parent = yield* fs.realPath(directory ?? tmpdir())
  const folder = path.join(parent, `${prefix}${Hex.encode(SecureRandom.randomBytesUnsafe(8))}`)
  yield* processes.recordFolder(folder)
  yield* Effect.acquireRelease(
    fs.makeDirectory(folder, { mode: 0o700 }),
    () => Effect.ignore(fs.remove(folder, { recursive: true, force: true }))
  )
  return folder
})

/**
 * Writes a new file that only this user can read. Fails where the file exists. Answers its path.
 *
 * @category constructors
 * @since 0.1.0
 */
export const privateFile = Effect.fnUntraced(function*(
  folder: string,
  name: string,
  content: string
): Effect.fn.Return<string, PlatformError, FileSystem.FileSystem | Path.Path> {
  const fs = yield* FileSystem.FileSystem
  const file = (yield* Path.Path).join(folder, name)
  yield* fs.writeFileString(file, content, { mode: 0o600, flag: "wx" })
  return file
})

/**
 * Writes a shell into the folder that unsets the `hidden` variables and then becomes the user's shell. Answers its
 * path. It bears the name of the shell that it runs, because agents treat bash and zsh by name. Shells in `unsupported`
 * are passed over.
 *
 * Not for Windows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const hidingShell = Effect.fnUntraced(function*(options: {
  readonly folder: string
  readonly hidden: ReadonlyArray<string>
  readonly unsupported?: ReadonlyArray<string> | undefined
}): Effect.fn.Return<string, PlatformError, FileSystem.FileSystem | Path.Path> {
  const { folder, hidden, unsupported = [] } = options
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const candidates = [process.env["SHELL"] ?? "", "/bin/bash", "/usr/bin/bash", "/bin/sh"]
  const usable = candidates.filter((shell) => path.isAbsolute(shell) && !unsupported.includes(path.basename(shell)))
  const shell = yield* Effect.findFirst(usable, fs.exists).pipe(Effect.flatMap(Effect.fromOption), Effect.option)
  const real = shell._tag === "Some" ? shell.value : "/bin/sh"
  const quoted = `'${real.replaceAll("'", `'\\''`)}'`
  const wrapper = path.join(folder, path.basename(real))
  yield* fs.writeFileString(
    wrapper,
    ["#!/bin/sh", `unset ${hidden.join(" ")}`, `export SHELL=${quoted}`, `exec ${quoted} "$@"`, ""].join("\n"),
    { mode: 0o700, flag: "wx" }
  )
  return wrapper
})

/**
 * A function that replaces every secret in these values by `<redacted>`: each `Redacted`, and each string of six
 * characters or more under a name that looks like a secret's. For an agent's last words in errors; nothing is decided by
 * it.
 *
 * @category getters
 * @since 0.1.0
 */
export const redactor = (...values: ReadonlyArray<unknown>): (text: string) => string => {
  const found = secrets(...values)
  return (text) => found.reduce((text, secret) => text.replaceAll(secret, "<redacted>"), text)
}

/**
 * The secrets that {@link redactor} finds in these values, for a `SecretFilter`.
 *
 * @category getters
 * @since 0.1.0
 */
export const secrets = (...values: ReadonlyArray<unknown>): ReadonlyArray<string> =>
  values.flatMap((value) => secretsIn(value))

const secretsIn = (value: unknown, name = ""): ReadonlyArray<string> => {
  if (Redacted.isRedacted(value)) return secretsIn(Redacted.value(value), "secret")
  if (typeof value === "string") {
    return value.length >= 6 && /key|token|secret|password|auth(?!or|_sock)/i.test(name)
      ? [value]
      : []
  }
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => secretsIn(inner, Array.isArray(value) ? name : key))
}
