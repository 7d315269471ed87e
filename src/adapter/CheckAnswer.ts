/**
 * What {@link AgentCheck} says of an agent, from what was found of it: whether its version is one of those that the adapter
 * was tested with, and the first thing that has to be mended.
 *
 * @since 0.1.0
 */
import type { AgentCheck } from "../provider/AgentCheck.ts"
import * as Executable from "./Executable.ts"

/**
 * What an adapter knows before it looks.
 *
 * @category models
 * @since 0.1.0
 */
export interface Known {
  /** Both inclusive. */
  readonly testedVersions: AgentCheck["testedVersions"]
  /** The command that installs a tested version. */
  readonly install: string
  /** The command by which a user signs in. */
  readonly signIn: string
}

/**
 * What was found. Without a `version` the agent is not installed, or does not run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Found extends Pick<AgentCheck, "login" | "account"> {
  readonly path: string | undefined
  readonly version: string | undefined
  /** The adapter's own ways to sign in. */
  readonly methods?: AgentCheck["signIn"] | undefined
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { install, signIn, testedVersions }: Known,
  { account, login, methods, path, version }: Found
): AgentCheck => {
  const installed = version !== undefined
  const tested = installed && Executable.isAtLeast(version, testedVersions.from) &&
    Executable.isAtLeast(testedVersions.to, version)
  const fix = !installed
    ? { missing: "agent", command: install } as const
    : !tested
    ? { missing: "tested-version", command: install } as const
    : login === "out"
    ? { missing: "login", command: signIn } as const
    : undefined
  return {
    installed,
    ...(path === undefined || !installed ? {} : { path }),
    ...(installed ? { version } : {}),
    testedVersions,
    tested,
    login,
    ...(account === undefined ? {} : { account }),
    ...(methods === undefined ? {} : { signIn: methods }),
    ...(fix === undefined ? {} : { fix })
  }
}
