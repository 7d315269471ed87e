/**
 * Snapshots of the conversation on the disk: listed, read, verified, exported.
 */
import { html, type TemplateResult } from "lit"
import type { SnapshotRecord } from "../../../domain/Snapshot.ts"
import type { SavedTranscript } from "../../../service/Results.ts"
import { bytes, fullTime, many } from "../figures.ts"
import type { ExportFormat } from "../routes.ts"
import { flat } from "../text.ts"
import type { Thread } from "../thread.ts"
import { json } from "./json.ts"
import { empty, failed, loaded, tag } from "./parts.ts"
import { turnsView } from "./transcript.ts"

const timings = { before: "good", concurrent: "warn", after: "warn" } as const

const verdict = (thread: Thread, snapshotId: string): TemplateResult | string => {
  const found = thread.verified.get(snapshotId)
  if (found === undefined) return ""
  if (found.state === "loading") return html`<span class="dim" role="status">hashing …</span>`
  return found.state === "ready"
    ? html`<span class="good" role="status">✓ every byte is as it was written</span>`
    : html`<span class="bad" role="alert">${flat(found.failure.tag)}: ${flat(found.failure.message)}</span>`
}

const formats: ReadonlyArray<readonly [ExportFormat, string]> = [
  ["markdown", "Markdown"],
  ["jsonl", "JSON lines"],
  ["opencode", "OpenCode"]
]

const row = (
  thread: Thread,
  { createdAt, compactionId, diskBytes, epoch, instanceId, provider, snapshot }: SnapshotRecord
): TemplateResult => {
  const { bytes: size, completeness, messages, snapshotId, timing } = snapshot
  return html`<tr class=${thread.openSnapshot === snapshotId ? "selected" : ""}>
    <td><button class="link" @click=${() => thread.readSnapshot(snapshotId)}>${fullTime(createdAt)}</button>
      <div class="dim mono" title=${flat(snapshotId)}>${flat(snapshotId).slice(0, 16)}…</div></td>
    <td>${tag(timing, timings[timing], "When it was taken: before, during or after the compaction")} ${
    tag(completeness, completeness === "complete" ? "" : "warn")
  }
      ${compactionId === undefined ? "" : html`<span class="dim">of a compaction</span>`}</td>
    <td class="dim">session ${epoch}, ${flat(instanceId)}</td>
    <td class="num">${messages}</td><td class="num" title=${`${bytes(diskBytes)} on the disk that no older one has`}>${
    bytes(size)
  }</td>
    <td class="buttons"><button @click=${() => thread.verify(snapshotId)}>Verify</button>
      ${
    formats.filter(([format]) => format !== "opencode" || provider === "opencode").map(([format, name]) =>
      html`<button title=${`Save as ${name}`} @click=${() => thread.export(snapshotId, format)}>${name}</button>`
    )
  }
      <div>${verdict(thread, snapshotId)}</div></td>
  </tr>`
}

const content = (thread: Thread, { manifest, turns }: SavedTranscript, snapshotId: string): TemplateResult => {
  const key = `m${snapshotId}`
  const open = thread.expanded.has(key)
  const { counts, libraryVersion, redaction } = manifest
  return html`<div class="strip">${many(counts.turns, "turn")}, ${many(counts.messages, "message")}, ${
    many(counts.items, "item")
  } ·
      ${redaction.level === "none" ? "not redacted" : `${many(redaction.replaced, "string")} redacted`} (${
    flat(redaction.name)
  }) · version ${flat(libraryVersion)}
      <button class="link" aria-expanded=${open} @click=${() => thread.toggle(key)}>${
    open ? "hide" : "show"
  } the manifest</button></div>
    ${open ? html`<div class="manifest">${json(manifest)}</div>` : ""}
    ${turnsView(thread, turns, snapshotId)}`
}

export const snapshotsView = (thread: Thread): TemplateResult =>
  loaded(thread.snapshots, (snapshots) => {
    if (snapshots.length === 0) {
      return empty("No snapshot yet", "One is taken before each compaction, and whenever one is asked for.")
    }
    const open = thread.openSnapshot
    const saved = open === undefined ? undefined : thread.saved.get(open)
    return html`<div class="tablebox"><table>
      <thead><tr><th>Taken</th><th></th><th>Of</th><th class="num">Messages</th><th class="num">Size</th><th></th></tr></thead>
      <tbody>${snapshots.map((one) => row(thread, one))}</tbody></table></div>
    ${
      open === undefined
        ? html`<p class="hint dim">Choose a snapshot to read it.</p>`
        : saved?.state === "failed"
        ? failed(saved.failure, () => thread.readSnapshot(open))
        : loaded(saved, (value) => content(thread, value, open), () => thread.readSnapshot(open))
    }`
  }, () => thread.loadSnapshots())
