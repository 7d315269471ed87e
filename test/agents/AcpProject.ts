/**
 * What each ACP agent takes of a project: one project has all that any of them is known to look for, everything that can
 * run leaves a file, and everything that is words has a name of its own.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Path, Schedule } from "effect"
import { Acp, type Profile } from "../../src/acp/index.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import type { ProjectConfig } from "../../src/domain/ProjectConfig.ts"
import { AgentProcesses } from "../../src/process/AgentProcesses.ts"
import { ModelReply, type ModelScript } from "../../src/testing/index.ts"
import { drive } from "../support/Driven.ts"
import * as HostileProject from "../support/HostileProject.ts"
import { World } from "./AcpWorld.ts"

export interface Subject {
  /** The agent's folder. */
  readonly name: string
  readonly profile: Profile.Profile
  readonly optionsOf: (world: World["Service"]) => Acp.Options
  /** The agent's own tool that runs a command. */
  readonly run: (command: string) => ModelReply.Reply
  /** What of the project runs where the project is trusted. */
  readonly runs: ReadonlyArray<keyof typeof runnable>
  /** The files of which its model has the words there. */
  readonly reads: ReadonlyArray<keyof typeof words>
  /** A file that it cannot be kept from, so that it is not started in a project that has it and is not trusted. */
  readonly bars?: keyof typeof words
}

const claudeHooks = (command: string) => ({ SessionStart: [{ hooks: [{ type: "command", command }] }] })
/** A server of a name of its own, since of two with one name an agent starts one. */
const touching = (trace: string) => ({ [`server${trace.replaceAll(/\W/g, "")}`]: { command: "touch", args: [trace] } })

/** By the file: what it has to leave this trace. */
const runnable = {
  ".qwen/settings.json (hook)": (trace: string) => ({ hooks: claudeHooks(`touch '${trace}'`) }),
  ".qwen/settings.json (server)": (trace: string) => ({ mcpServers: touching(trace) }),
  ".gemini/settings.json (hook)": (trace: string) => ({ hooks: claudeHooks(`touch '${trace}'`) }),
  ".gemini/settings.json (server)": (trace: string) => ({ mcpServers: touching(trace) }),
  ".gemini/settings.json (discovery)": (trace: string) => ({
    tools: { discoveryCommand: `sh -c "touch ${trace}; echo '[]'"` }
  }),
  ".grok/hooks/hostile.json": (trace: string) => ({ hooks: claudeHooks(`touch '${trace}'`) }),
  ".claude/settings.json": (trace: string) => ({ hooks: claudeHooks(`touch '${trace}'`) }),
  ".mcp.json": (trace: string) => ({ mcpServers: touching(trace) }),
  ".cursor/mcp.json": (trace: string) => ({ mcpServers: touching(trace) }),
  ".vscode/mcp.json": (trace: string) => ({ servers: touching(trace) }),
  ".github/mcp.json": (trace: string) => ({ mcpServers: touching(trace) }),
  ".github/hooks/hostile.json": (trace: string) => ({
    version: 1,
    hooks: { sessionStart: [{ type: "command", bash: `touch '${trace}'` }] }
  }),
  ".kimi-code/mcp.json": (trace: string) => ({ mcpServers: touching(trace) }),
  ".kimi-plugin/plugin.json": (trace: string) => ({ name: "hostile", mcpServers: touching(trace) }),
  ".agents/plugins/hostile/hooks/hooks.json": (trace: string) => ({ hooks: claudeHooks(`touch '${trace}'`) }),
  ".agents/plugins/hostile/.mcp.json": (trace: string) => ({ mcpServers: touching(trace) })
} as const

/** Named otherwise than its word, which no list of files has. */
const subagent = (n: string) => `---\nname: agent-${n}\ndescription: About walnut-${n}\n---\nAbout walnut-${n}\n`
const skill = (n: string) => `---\nname: skill-${n}\ndescription: About walnut-${n}\n---\nAbout walnut-${n}\n`

/** By the file: what it says, with a word that no other has. */
const words = {
  "QWEN.md": "walnut-qwen",
  "GEMINI.md": "walnut-gemini",
  "AGENTS.md": "walnut-agents",
  "CLAUDE.md": "walnut-claude",
  ".goosehints": "walnut-hints",
  ".cursorrules": "walnut-cursorrules",
  ".cursor/rules/walnut.mdc": "---\nalwaysApply: true\n---\nwalnut-mdc",
  ".grok/rules/walnut.md": "walnut-grok",
  ".kimi-code/AGENTS.md": "walnut-kimi",
  ".github/copilot-instructions.md": "walnut-copilot",
  ".github/instructions/walnut.instructions.md": "---\napplyTo: \"**\"\n---\nwalnut-applied",
  ".qwen/skills/skill-q/SKILL.md": skill("q"),
  ".gemini/skills/skill-g/SKILL.md": skill("g"),
  ".grok/skills/skill-k/SKILL.md": skill("k"),
  ".claude/skills/skill-c/SKILL.md": skill("c"),
  ".github/skills/skill-h/SKILL.md": skill("h"),
  ".kimi-code/skills/skill-m/SKILL.md": skill("m"),
  ".agents/skills/skill-a/SKILL.md": skill("a"),
  ".qwen/agents/agent-w.md": subagent("w"),
  ".gemini/agents/agent-x.md": subagent("x"),
  ".grok/agents/agent-r.md": subagent("r"),
  ".claude/agents/agent-v.md": subagent("v"),
  ".github/agents/agent-u.agent.md": subagent("u"),
  ".kimi-code/agents/agent-s.md": subagent("s"),
  ".goose/agents/agent-y.md": subagent("y"),
  ".agents/agents/agent-t.md": subagent("t"),
  ".env": "WALNUT_ENV=walnut-env\n"
} as const

/** A git work tree. */
const git = {
  ".git/HEAD": "ref: refs/heads/main\n",
  ".git/config": "[core]\n\trepositoryformatversion = 0\n",
  ".git/objects/info/none": "",
  ".git/refs/heads/none": "",
  ".grok/config.toml": "",
  ".agents/plugins/hostile/plugin.json": JSON.stringify({ name: "hostile", version: "1.0.0" })
}

const keysOf = <A extends object>(all: A) => Object.keys(all) as Array<Extract<keyof A, string>>

/** Those of one file come together. */
const filesOf = (traces: Readonly<Record<keyof typeof runnable, string>>) => {
  const files: Record<string, object> = {}
  for (const name of keysOf(runnable)) {
    const [file = ""] = name.split(" (")
    files[file] = { ...files[file], ...runnable[name](traces[name]) }
  }
  return Object.fromEntries(Object.entries(files).map(([file, content]) => [file, JSON.stringify(content)]))
}

const wordOf = (name: keyof typeof words) => /walnut-[a-z]+(?=\n|$)/.exec(words[name].trim())?.[0] ?? name

const isIn = (text: string, word: string) => new RegExp(`${word}(?![a-z])`).test(text)

const script = ({ run }: Subject): ModelScript.ModelScript => (request) =>
  request.afterToolResult
    ? ModelReply.text("Done.")
    : request.lastUserText.includes("show the variables")
    ? run("env")
    : ModelReply.text("Done.")

export const prove = (subject: Subject) => {
  const { name, profile } = subject
  const services = World.layer(script(subject)).pipe(
    Layer.provideMerge(Layer.merge(NodeServices.layer, AgentProcesses.layerNoop))
  )
  /**
   * A turn and a command in such a project, or in a link that leads to it: what ran, and of which files the model has the
   * words.
   */
  const taken = Effect.fnUntraced(function*(
    projectConfig: ProjectConfig,
    expected: ReadonlyArray<string>,
    isLinked = false
  ) {
    const { bars } = projectConfig === "trust" ? {} : subject
    const world = yield* World
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-project-" }))
    const names = keysOf(runnable)
    const traces = path.join(directory, "traces")
    yield* fs.makeDirectory(traces)
    const traceOf = Object.fromEntries(names.map((name, n) => [name, path.join(traces, String(n))])) as Record<
      keyof typeof runnable,
      string
    >
    yield* HostileProject.lay([], () => ({
      ...git,
      ...Object.fromEntries(Object.entries(words).filter(([file]) => file !== bars)),
      ...filesOf(traceOf)
    }))(directory)
    const link = `${directory}-link`
    yield* Effect.acquireRelease(fs.symlink(directory, link), () => Effect.ignore(fs.remove(link)))
    const ran = Effect.filter(names, (name) => Effect.orDie(fs.exists(traceOf[name])))
    const { startSession } = yield* Acp.make({ ...subject.optionsOf(world), profile })
    const before = (yield* world.model.requests).length
    yield* Effect.scoped(Effect.gen(function*() {
      const driven = yield* startSession({
        threadId: ThreadId.make("thread"),
        directory: isLinked ? link : directory,
        runtimeMode: "full-access",
        projectConfig,
        from: { _tag: "New" }
      }).pipe(Effect.flatMap(drive))
      yield* driven.run("say something")
      yield* driven.run("show the variables")
      yield* Effect.repeat(ran, {
        until: (found) => expected.every((name) => found.some((one) => one === name)),
        schedule: Schedule.spaced("50 millis")
      }).pipe(Effect.timeoutOption("20 seconds"))
    }))
    const told = (yield* world.model.requests).slice(before).map(({ raw }) => JSON.stringify(raw)).join("\n")
    return { ran: yield* ran, read: keysOf(words).filter((name) => isIn(told, wordOf(name))) }
  }, Effect.scoped)

  layer(services, { timeout: "120 seconds", excludeTestServices: true })(`what ${name} takes of a project`, (it) => {
    it.effect(`P17 ${name}: of a trusted project it takes what docs/acp.md says, and nothing more`, () =>
      Effect.gen(function*() {
        const { ran, read } = yield* taken("trust", subject.runs)
        assert.deepStrictEqual({ ran, read }, {
          ran: keysOf(runnable).filter((name) => subject.runs.includes(name)),
          read: keysOf(words).filter((name) => subject.reads.includes(name))
        })
      }))

    it.effect.skipIf(profile.distrust === undefined)(
      `P17 ${name}: of an ignored project it takes nothing${
        subject.bars === undefined ? "" : `, without ${subject.bars}`
      }`,
      () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* taken("ignore", []), { ran: [], read: [] })
        })
    )

    it.effect.skipIf(profile.distrust === undefined)(
      `P17 ${name}: of an ignored project it takes nothing where a link leads to it either`,
      () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* taken("ignore", [], true), { ran: [], read: [] })
        })
    )

    it.effect.skipIf(profile.distrust !== undefined)(
      `P17 ${name}: it is not started in a project that is not trusted, whatever the mode (PolicyUnenforceable)`,
      () =>
        Effect.gen(function*() {
          const fs = yield* FileSystem.FileSystem
          const directory = yield* fs.realPath(yield* fs.makeTempDirectoryScoped({ prefix: "acp-project-" }))
          const world = yield* World
          const options = subject.optionsOf(world)
          const { startSession } = yield* Acp.make({ ...options, profile })
          const before = (yield* world.processes.alive).length
          for (const runtimeMode of Acp.capabilities(profile, options).runtimeModes) {
            for (const projectConfig of ["instructions", "ignore"] as const) {
              const error = yield* Effect.flip(startSession({
                threadId: ThreadId.make("thread"),
                directory,
                runtimeMode,
                projectConfig,
                from: { _tag: "New" }
              }))
              assert.strictEqual(error._tag, "PolicyUnenforceable", `${runtimeMode}, ${projectConfig}`)
            }
          }
          assert.lengthOf(yield* world.processes.alive, before)
        }).pipe(Effect.scoped)
    )
  })
}
