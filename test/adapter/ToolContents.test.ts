/** What tools give back beside their output, from the blocks that agents pass on. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ToolContents } from "../../src/adapter/index.ts"
import { ToolContent } from "../../src/domain/Tool.ts"

const text = { type: "text", text: "A pixel." }
const image = { type: "image", data: "aGk=", mimeType: "image/png" }

describe("ToolContents", () => {
  it("P15: texts, images and links keep their order, as the Model Context Protocol has them and as Claude does", () => {
    const link = { type: "resource_link", uri: "file:///walnut", name: "walnut", title: "A walnut" }
    assert.deepStrictEqual(ToolContents.of([text, image, link, { ...link, title: null }]).content, [
      { _tag: "Text", text: "A pixel." },
      { _tag: "Image", mime: "image/png", base64: "aGk=" },
      { _tag: "Link", uri: "file:///walnut", title: "A walnut" },
      { _tag: "Link", uri: "file:///walnut", title: "walnut" }
    ])
    const source = { type: "base64", media_type: "image/gif", data: "aGk=" }
    assert.deepStrictEqual(
      ToolContents.of([{ type: "image", source }, {
        type: "image",
        source: { type: "url", url: "https://example.org/a.png" }
      }]).content,
      [
        { _tag: "Image", mime: "image/gif", base64: "aGk=" },
        { _tag: "Link", uri: "https://example.org/a.png" }
      ]
    )
    assert.deepStrictEqual(ToolContents.inResult({ content: [image] }), ToolContents.of([image]))
  })

  it("P15: what is text alone, unknown or no block at all is no content, and never a crash", () => {
    for (
      const value of [[text], [], undefined, null, "text", 7, { content: [image] }, [null, 7, "x", {}, { type: 1 }]]
    ) {
      assert.deepStrictEqual(ToolContents.of(value), {})
    }
    for (const value of [undefined, null, 7, "text", {}, { content: "text" }]) {
      assert.deepStrictEqual(ToolContents.inResult(value), {})
    }
    const halves = [{ type: "image" }, { type: "image", data: "aGk=" }, {
      type: "image",
      source: null,
      mimeType: "a/b"
    }]
    assert.deepStrictEqual(ToolContents.of([...halves, { type: "resource_link" }, { type: "hologram" }]), {})
    const kept = ToolContents.of([{ type: "hologram" }, { type: "text", text: "" }, image, halves[0]]).content
    assert.deepStrictEqual(kept, [{ _tag: "Image", mime: "image/png", base64: "aGk=" }])
    assert.isTrue(kept?.every(Schema.is(ToolContent)))
  })

  it("P15: a file that is given as a URL is the image that it holds, or a link", () => {
    assert.deepStrictEqual(ToolContents.fromUrl("data:image/svg+xml;base64,aGk="), [
      { _tag: "Image", mime: "image/svg+xml", base64: "aGk=" }
    ])
    assert.deepStrictEqual(ToolContents.fromUrl("file:///a.pdf", "a.pdf"), [
      { _tag: "Link", uri: "file:///a.pdf", title: "a.pdf" }
    ])
    for (
      const url of ["data:", "data:application/pdf;base64,aGk=", "data:image/png;base64,a b", "data:image/png,aGk="]
    ) {
      assert.deepStrictEqual(ToolContents.fromUrl(url), [])
    }
  })
})
