/**
 * What an agent can do, as data. The conformance suite proves each entry but `agents`, `usage` and the parts of `setup`
 * beside the environment, which an adapter's own tests prove. What it offers beside that (models,
 * commands, skills) is asked of the agent itself: {@link ./Offers.ts}.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"
import { ProjectConfig } from "../domain/ProjectConfig.ts"
import { RuntimeMode } from "../domain/RuntimeMode.ts"

/**
 * Whether an agent's compactions can be held. `blocking`: the agent waits for `StartInput.compaction`'s `gate` before each
 * of them. `client-initiated`: it compacts only when asked to. `observe-only`: it compacts by itself, and its events say
 * when it has begun.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CompactionGate = Schema.Literals(["blocking", "client-initiated", "observe-only"])

/**
 * @category models
 * @since 0.1.0
 */
export type CompactionGate = typeof CompactionGate.Type

/**
 * Where the app can set something: for each session (`StartInput.setup`), only in the options of the adapter, or not at all.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SetupScope = Schema.Literals(["per-session", "per-instance", "never"])

/**
 * @category models
 * @since 0.1.0
 */
export type SetupScope = typeof SetupScope.Type

/**
 * What an agent can do at most; `ProviderSession.capabilities` says what holds of one session. Plain JSON.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Capabilities = Schema.Struct({
  /** The modes that the adapter enforces; a start in any other fails. */
  runtimeModes: Schema.Array(RuntimeMode),
  /**
   * What the adapter can hold the agent to, of what it finds in a working directory; a start with any other fails. One that
   * cannot keep a project's code from running declares `trust` alone.
   */
  projectConfig: Schema.Array(ProjectConfig),
  /** Which parts of a `SessionSetup` the adapter takes. */
  setup: Schema.Struct({
    environment: SetupScope,
    mcpServers: SetupScope,
    directories: SetupScope,
    instructions: SetupScope,
    arguments: SetupScope,
    tools: SetupScope
  }),
  /** Whether a turn, or only the start of a session, may name one of the agent's personas (`agent`). */
  agents: Schema.Literals(["per-turn", "per-session", "never"]),
  /** Where a resumed session may work: anywhere, in a worktree of the same project, or only where it was. */
  moveDirectory: Schema.Literals(["anywhere", "same-project", "never"]),
  /** Whether a turn may name another model than the one before. */
  modelSwitch: Schema.Literals(["per-turn", "per-session"]),
  /**
   * `live`: a session takes another runtime mode while it runs, from its next tool on (`switchMode`), a stricter one also where
   * it was started in `full-access`; what others did to its server or its hooks can still make a restart of it.
   * `per-session`: a restart may always be needed.
   */
  modeSwitch: Schema.Literals(["live", "per-session"]),
  /**
   * Whether a turn that is sent again, under the same `ref`, is taken once: the agent drops the repeat, and if the turn is
   * over already, its terminal event comes from the agent's history. An uncertain delivery is then settled by sending again.
   */
  resend: Schema.Boolean,
  /** Whether a running turn takes more input. */
  steer: Schema.Boolean,
  /** Whether a session can be copied. */
  fork: Schema.Boolean,
  /** Whether the copy can end with an earlier turn. */
  forkAt: Schema.Boolean,
  /**
   * Whether a session can be taken back to before a turn. `conversation`: the model forgets the turn and all after it, and
   * files stay as they are now. `conversation-and-files`: the files that the agent changed in those turns are as they were
   * before them, too.
   */
  rewind: Schema.Literals(["conversation", "conversation-and-files", "never"]),
  /** Whether a session can be exported, and imported in another home. */
  portable: Schema.Boolean,
  /** Whether the agent's own sessions can be listed and adopted. */
  adopt: Schema.Boolean,
  /** Whether a session can be one of which nothing stays in the agent's list (`StartInput.ephemeral`). */
  ephemeral: Schema.Boolean,
  /** Whether a compaction can be asked for. */
  compact: Schema.Boolean,
  /** How far compactions can be gated: all, only ours, or none. */
  compactionGate: CompactionGate,
  /**
   * What becomes of the compactions that the agent begins itself. `can-be-off`: it begins none where
   * `StartInput.compaction` has `auto: false`. `vetoes`: they cannot be switched off, but each can be vetoed, which may end
   * the turn that it is part of. `always`: neither.
   */
  autoCompaction: Schema.Literals(["can-be-off", "vetoes", "always"]),
  /** Whether the agent asks the user questions. */
  questions: Schema.Boolean,
  /** Whether the agent passes on what MCP servers ask the user. */
  elicitations: Schema.Boolean,
  /** Whether the reason of a denial reaches the model. */
  denyReason: Schema.Boolean,
  /**
   * Whether a turn goes on in which something was denied. `continues`: always. `by-reason`: where the denial has a reason.
   * `ends`: never, whatever the denial asks for.
   */
  afterDenial: Schema.Literals(["continues", "by-reason", "ends"]),
  /**
   * About which tools guards are asked (`StartInput.toolGuard`), subagents' included. `all`: about every command and edit, and all
   * that reaches out, in every mode that would let it run. `asked`: about what the agent asks for in the mode that holds, which
   * may be nothing in `full-access`. `none`: about nothing; a start with guards fails.
   */
  toolGuard: Schema.Literals(["all", "asked", "none"]),
  /** Whether the agent tells of its work beside turns as tasks, and can be asked to end one. */
  tasks: Schema.Boolean,
  /** Whether the agent begins turns that no caller has sent (`TurnBegan`). */
  ownTurns: Schema.Boolean,
  /** Whether the agent tells of each call of its model (`StepEnded`). */
  steps: Schema.Boolean,
  /** What the agent tells of a turn's usage: tokens, and what they cost where its model has a price. */
  usage: Schema.Literals(["tokens-and-cost", "tokens", "none"]),
  attachments: Schema.Boolean,
  /**
   * How much of a conversation a session can be handed, in tokens of four characters, if that is less than an app may want to
   * hand over (`rehydrateTokens`): of more the agent would leave something out, and the model would not see it.
   */
  handoverTokens: Schema.optionalKey(Schema.Natural),
  /** Whether the provider's own history can be read back, for `history` and `evidence`. */
  history: Schema.Boolean
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Capabilities extends Schema.Schema.Type<typeof Capabilities> {}
