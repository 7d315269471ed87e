/**
 * What a tool gave back beside its plain output, from blocks of content as the Model Context Protocol has them, which agents
 * pass on as they came.
 *
 * **Example**
 *
 * ```ts
 * const item = { ...call, output, ...ToolContents.of(raw.content) }
 * ```
 *
 * @since 0.1.0
 */
import { Option, Predicate, Schema } from "effect"
import type { ToolContent } from "../domain/Tool.ts"

const Text = Schema.optionalKey(Schema.NullOr(Schema.String))

/** One shape for all kinds: each has its own few of these fields. Claude has an image's bytes in its `source`. */
const Block = Schema.Struct({
  type: Schema.String,
  text: Text,
  data: Text,
  mimeType: Text,
  uri: Text,
  name: Text,
  title: Text,
  source: Schema.optionalKey(Schema.NullOr(Schema.Struct({ media_type: Text, data: Text, url: Text })))
})

const decode = Schema.decodeUnknownOption(Block)

const image = (mime: string | null | undefined, base64: string | null | undefined): ReadonlyArray<ToolContent> =>
  mime == null || base64 == null ? [] : [{ _tag: "Image", mime, base64 }]

const link = (uri: string | null | undefined, title?: string | null): ReadonlyArray<ToolContent> =>
  uri == null ? [] : [{ _tag: "Link", uri, ...(title == null ? {} : { title }) }]

const fromBlock = (value: unknown): ReadonlyArray<ToolContent> => {
  const decoded = decode(value)
  if (Option.isNone(decoded)) return []
  const { data, mimeType, name, source, text, title, type, uri } = decoded.value
  switch (type) {
    case "text":
      return text == null || text === "" ? [] : [{ _tag: "Text", text }]
    case "image":
      return source == null ? image(mimeType, data) : [...image(source.media_type, source.data), ...link(source.url)]
    case "resource_link":
      return link(uri, title ?? name)
    default:
      return []
  }
}

/**
 * The `content` of a tool call: its texts, images and links, in their order. Empty where there is nothing but text, since that
 * is the call's output. What is no list of blocks has none, and a block that is not known is left out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (blocks: unknown): { readonly content?: ReadonlyArray<ToolContent> } => {
  const content = Array.isArray(blocks) ? blocks.flatMap(fromBlock) : []
  return content.some(({ _tag }) => _tag !== "Text") ? { content } : {}
}

/**
 * A file that is given as a URL: the image that a `data:` URL holds, or a link.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromUrl = (url: string, title?: string): ReadonlyArray<ToolContent> => {
  if (!url.startsWith("data:")) return link(url, title)
  const [, mime, base64] = /^data:(image\/[\w.+-]+);base64,([\w+/=]*)$/.exec(url) ?? []
  return image(mime, base64)
}

/**
 * The `content` of what holds such blocks as `content`, as the result of a tool of an MCP server does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inResult = (result: unknown): { readonly content?: ReadonlyArray<ToolContent> } =>
  Predicate.hasProperty(result, "content") ? of(result.content) : {}
