/**
 * One item of a turn.
 */
import { html, nothing, type TemplateResult } from "lit"
import type { BlobRef } from "../../../domain/Blob.ts"
import type { FileEdit, Item } from "../../../domain/Item.ts"
import type { ItemView } from "../../../domain/ThreadView.ts"
import type { ToolContent, ToolDetail } from "../../../domain/Tool.ts"
import { bytes, duration } from "../figures.ts"
import { isShown } from "../images.ts"
import type { Loaded } from "../loaded.ts"
import { clipped, diff, flat, link, prose, shown } from "../text.ts"
import { json } from "./json.ts"
import { tag } from "./parts.ts"

type Of<Tag extends Item["_tag"]> = Extract<Item, { readonly _tag: Tag }>
type Work = Of<"ToolCall" | "Command" | "FileChange">

/** Where an item is shown. */
export interface Place {
  readonly open: boolean
  readonly toggle: () => void
  readonly image: (blob: BlobRef) => Loaded<string>
}

const detailText = (detail: ToolDetail | undefined): string => {
  switch (detail?._tag) {
    case "Read":
      return `${detail.path}${detail.from === undefined ? "" : `:${detail.from}`}${
        detail.lines === undefined ? "" : ` (${detail.lines} lines)`
      }`
    case "Edit":
    case "Delete":
      return detail.path
    case "Search":
      return `"${detail.query}"${detail.path === undefined ? "" : ` in ${detail.path}`}${
        detail.matches === undefined ? "" : ` (${detail.matches} found)`
      }`
    case "Fetch":
      return `${detail.url}${detail.status === undefined ? "" : ` (${detail.status})`}`
    case "WebSearch":
      return `"${detail.query}"`
    case "Mcp":
      return `${detail.server}/${detail.tool}`
    case "Subagent":
      return `${detail.name === undefined ? "" : `${detail.name}: `}${detail.task}`
    default:
      return ""
  }
}

const state = (item: Work, cut: boolean): TemplateResult | typeof nothing => {
  if (cut) return tag("cut", "warn", "The turn or the session ended before the agent completed it")
  switch (item.status) {
    case "pending":
      return tag("pending", "dim")
    case "running":
      return html`<span class="spin" title="Running" role="img" aria-label="Running"></span>`
    case "failed":
      return tag("failed", "bad")
    case "declined":
      return tag("declined", "warn")
    case "completed":
      return nothing
    default:
      return tag(item.status)
  }
}

const millis = ({ durationMillis }: Work) =>
  durationMillis === undefined ? nothing : html`<span class="dim num">${duration(durationMillis)}</span>`

const head = (name: string, words: unknown, item: Work, cut: boolean, place: Place): TemplateResult =>
  html`<button class="head" aria-expanded=${place.open} @click=${place.toggle}>
    <span class="name">${flat(name)}</span><span class="words">${words}</span>${millis(item)}${state(item, cut)}
  </button>`

/** The last lines: what a reader of a running command wants to see. */
const tail = (text: string, lines: number): string => {
  let at = text.replace(/\n$/, "").length
  for (let n = 0; n < lines && at > 0; n++) at = text.lastIndexOf("\n", at - 1)
  return at <= 0 ? text : text.slice(at + 1)
}

const previewLines = 5

const command = (item: Of<"Command">, cut: boolean, place: Place): TemplateResult => {
  const { exitCode, output = "" } = item
  const preview = place.open ? output : tail(output.slice(-4000), previewLines)
  return html`
    ${
    head(
      "$",
      html`<code>${clipped(item.command, place.open ? 20_000 : 300)}</code>${
        exitCode === undefined || exitCode === 0 ? "" : tag(`exit ${exitCode}`, "bad")
      }`,
      item,
      cut,
      place
    )
  }
    ${output === "" ? "" : html`<pre class="out">${clipped(preview.replace(/\n$/, ""))}</pre>`}
  `
}

/** Pixels, once they are here; else what they are. */
export const picture = (blob: BlobRef, name: string, image: Place["image"]): TemplateResult => {
  const words = `${name} (${blob.mediaType}, ${bytes(blob.bytes)})`
  if (!isShown(blob)) return html`<p class="dim">${flat(words)}</p>`
  const read = image(blob)
  return read.state === "ready"
    ? html`<img class="picture" src=${read.value} alt=${flat(words)}>`
    : html`<p class="dim">${flat(words)}: ${read.state === "loading" ? "it is read" : read.failure.message}</p>`
}

const content = (image: Place["image"]) => (one: ToolContent): TemplateResult => {
  switch (one._tag) {
    case "Text":
      return html`<pre class="out">${clipped(one.text)}</pre>`
    case "Diff":
      return html`<div class="path">${flat(one.path)}</div>${diff(one.patch)}`
    case "Link":
      return html`<p>${link(one.uri, one.title ?? one.uri)}</p>`
    case "StoredImage":
      return picture(one, "An image", image)
    case "Image":
      return html`<p class="dim">An image (${flat(one.mime)})</p>`
  }
}

const toolCall = (item: Of<"ToolCall">, cut: boolean, place: Place): TemplateResult => {
  const words = detailText(item.detail) || item.title || ""
  return html`
    ${head(item.kind === "other" ? item.tool : item.kind, shown(words.slice(0, 300)), item, cut, place)}
    ${
    place.open
      ? html`<div class="inside">
        <div class="dim">${flat(item.tool)}, called with</div>${json(item.input)}
        ${
        item.output === undefined || item.output === ""
          ? ""
          : html`<div class="dim">and answered</div><pre class="out">${clipped(item.output)}</pre>`
      }
        ${(item.content ?? []).map(content(place.image))}
      </div>`
      : item.status === "running" && item.output !== undefined
      ? html`<pre class="out">${clipped(tail(item.output.slice(-4000), previewLines))}</pre>`
      : ""
  }
  `
}

const marks = { add: "A", modify: "M", delete: "D" } as const

const fileChange = (item: Of<"FileChange">, cut: boolean, place: Place): TemplateResult => {
  const paths = item.edits.map(({ path }) => path)
  const words = paths.length === 1 ? paths[0] ?? "" : `${paths.length} files: ${paths.join(", ")}`
  const edit = ({ kind, patch, path }: FileEdit) =>
    html`<div class="path"><b>${marks[kind] ?? kind}</b> ${flat(path)}</div>${patch === undefined ? "" : diff(patch)}`
  return html`
    ${head("edit", shown(words.slice(0, 300)), item, cut, place)}
    ${place.open ? html`<div class="inside">${item.edits.map(edit)}</div>` : ""}
  `
}

const longThought = 280

const said = (item: Of<"UserMessage" | "AssistantMessage" | "Reasoning" | "Plan">, place: Place): TemplateResult => {
  switch (item._tag) {
    case "UserMessage":
      return html`<div class="user">
        ${item.origin === undefined ? "" : tag("another client", "dim")}${prose(item.text)}
        ${item.attachments.map((name) => tag(name, "dim", "Attachment"))}
      </div>`
    case "AssistantMessage":
      return html`<div class="prose">${
        item.text.length > 40_000 ? html`<p>${clipped(item.text, 40_000)}</p>` : prose(item.text)
      }</div>`
    case "Plan":
      return html`<div class="prose plan"><div class="dim">Plan</div>${prose(item.text)}</div>`
    case "Reasoning": {
      const long = item.text.length > longThought
      const text = long && !place.open ? `${item.text.slice(0, longThought)} …` : item.text
      return html`<div class="thought">${clipped(text)} ${
        long
          ? html`<button class="link" aria-expanded=${place.open} @click=${place.toggle}>${
            place.open ? "less" : "more"
          }</button>`
          : ""
      }</div>`
    }
  }
}

export const itemTemplate = ({ item, state }: ItemView, place: Place): TemplateResult => {
  const cut = state === "cut"
  const body = item._tag === "ToolCall"
    ? toolCall(item, cut, place)
    : item._tag === "Command"
    ? command(item, cut, place)
    : item._tag === "FileChange"
    ? fileChange(item, cut, place)
    : said(item, place)
  return html`<div class="item ${item._tag} ${state} ${item.subagent === undefined ? "" : "sub"}">
    ${item.subagent === undefined ? "" : tag("subagent", "dim", item.subagent)}${body}
  </div>`
}
