/**
 * Every span and metric of the library, by name. docs/telemetry.md has a row for each.
 */

/** The keys of attributes. */
export const key = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  agent: "gen_ai.agent.name",
  agentVersion: "gen_ai.agent.version",
  model: "gen_ai.request.model",
  finish: "gen_ai.response.finish_reasons",
  input: "gen_ai.usage.input_tokens",
  output: "gen_ai.usage.output_tokens",
  cacheRead: "gen_ai.usage.cache_read.input_tokens",
  cacheWrite: "gen_ai.usage.cache_creation.input_tokens",
  tokenType: "gen_ai.token.type",
  tool: "gen_ai.tool.name",
  toolCall: "gen_ai.tool.call.id",
  toolType: "gen_ai.tool.type",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  toolArguments: "gen_ai.tool.call.arguments",
  toolResult: "gen_ai.tool.call.result",
  error: "error.type",
  database: "db.system.name",
  databaseOperation: "db.operation.name",
  turn: "eca.turn.id",
  cause: "eca.turn.cause",
  epoch: "eca.epoch",
  instance: "eca.instance",
  continuity: "eca.continuity",
  loss: "eca.continuity.reason",
  outcome: "eca.outcome",
  interruptedBy: "eca.interrupted_by",
  cost: "eca.cost_usd",
  subagent: "eca.subagent",
  cut: "eca.cut",
  task: "eca.task.id",
  request: "eca.request.kind",
  decision: "eca.decision",
  settledBy: "eca.settled_by",
  trigger: "eca.compaction.trigger",
  timing: "eca.snapshot.timing",
  completeness: "eca.snapshot.completeness",
  bytes: "eca.snapshot.bytes",
  hookPhase: "eca.hook.phase",
  hookEvent: "eca.hook.event",
  hook: "eca.hook.name",
  end: "eca.end.reason",
  gap: "eca.gap.cause"
} as const

/** The names of spans; where one ends with a word in braces, that word is one of a bounded list. */
export const spans = [
  "invoke_agent {agent}",
  "invoke_agent subagent",
  "execute_tool {tool}",
  "eca.session.start",
  "eca.turn.intent",
  "eca.turn.deliver",
  "eca.approval.wait",
  "eca.question.wait",
  "eca.elicitation.wait",
  "eca.task",
  "eca.compaction",
  "eca.snapshot",
  "eca.hook {name}",
  "eca.store {operation}"
] as const

/** Upper bounds in seconds: those of the GenAI conventions, and on to some hours, which turns and people can take. */
const seconds = Array.from({ length: 21 }, (_, n) => 2 ** n / 100)

/** Of the disk and the process: from a tenth of a millisecond. */
const fine = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30]

export const counters = {
  "gen_ai.client.inference.tokens": ["{token}", "Tokens that turns have used; cached ones are input"],
  "eca.turns": ["{turn}", "Turns that have ended, by their outcome"],
  "eca.sessions.started": ["{session}", "Sessions that were started, by what became of the past"],
  "eca.sessions.ended": ["{session}", "Sessions that have ended, by the reason"],
  "eca.events.appended": ["{event}", "Events that threads have stored"],
  "eca.events.gaps": ["{gap}", "Holes that were reported, by their cause"],
  "eca.store.failures": ["{failure}", "Transactions that have failed; most are tried again"],
  "eca.hooks.failures": ["{call}", "Calls of hooks that failed, or took too long"],
  "eca.snapshots": ["{snapshot}", "Snapshots, written or not"],
  "eca.snapshot.bytes": ["By", "Size of the transcripts that snapshots have saved"]
} as const

export const gauges = {
  "eca.sessions.live": ["{session}", "Sessions that are live"],
  "eca.turns.running": ["{turn}", "Turns that are with an agent, or on their way"],
  "eca.requests.open": ["{request}", "Approvals, questions and elicitations that wait for an answer"],
  "eca.agent.processes": ["{process}", "Agents' processes, without the tools that they run"],
  "eca.agent.memory": ["By", "Resident memory of agents with their tools"],
  "eca.hooks.backlog": ["{delivery}", "Deliveries that are still to be made"],
  "eca.hooks.given_up": ["{delivery}", "Deliveries that are not tried any more"]
} as const

export const histograms = {
  "gen_ai.invoke_agent.duration": [seconds, "How long turns took"],
  "gen_ai.execute_tool.duration": [seconds, "How long tools, commands and file changes took"],
  "eca.turn.time_to_first_event": [seconds, "From a turn's intent to the first that the agent tells of it"],
  "eca.requests.wait": [seconds, "How long requests waited for their answer"],
  "eca.compaction.duration": [seconds, "How long compactions took"],
  "eca.store.commit.duration": [fine, "How long transactions took"],
  "eca.hooks.delivery.lag": [seconds, "From an event's record to the call of a hook for it"],
  "eca.snapshot.duration": [fine, "How long snapshots took"]
} as const

export type Counter = keyof typeof counters
export type Gauge = keyof typeof gauges
export type Histogram = keyof typeof histograms
