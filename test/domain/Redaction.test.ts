/** What the default redactor takes out of a saved copy, and what it must leave as it is. */
import { assert, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { custom, knownSecrets, none } from "../../src/domain/Redaction.ts"
import * as RedactedCopy from "../../src/transcript/internal/redactedCopy.ts"
import * as Fixture from "../support/SnapshotFixture.ts"
import { bytesIn, engine, history, input, says, turn, user } from "../support/SnapshotFixture.ts"

/** As random as real ones, and always the same; put together here, so that no scanner takes this file for a leak. */
const random = (seed: string, length: number) => {
  let text = ""
  for (let n = 0; text.length < length; n++) {
    text += createHash("sha256").update(`${seed} ${n}`).digest("base64").replace(/[^A-Za-z0-9]/g, "")
  }
  return text.slice(0, length)
}
const hex = (seed: string, length: number) => createHash("sha512").update(seed).digest("hex").slice(0, length)

const pem = (breaks: string) =>
  ["-----BEGIN RSA PRIVATE KEY-----", random("pem 1", 64), random("pem 2", 64), `${random("pem 3", 10)}==`].join(breaks)

const shapes: Readonly<Record<string, string>> = {
  "AWS key id": `AKIA${random("aws", 40).toUpperCase().slice(0, 16)}`,
  "GitHub token": `ghp_${random("gh", 36)}`,
  "GitHub server token": `ghs_${random("ghs", 36)}`,
  "fine-grained GitHub token": `github_pat_${random("pat", 22)}_${random("pat2", 59)}`,
  "GitLab token": `glpat-${random("gl", 20)}`,
  "Slack bot token": `xoxb-${"123456789012"}-${random("slack", 24)}`,
  "Stripe key": `sk_live_${random("stripe", 24)}`,
  "Stripe restricted key": `rk_test_${random("stripe2", 24)}`,
  "OpenAI key": `sk-${random("openai", 48)}`,
  "OpenAI project key": `sk-proj-${random("proj", 40)}-${random("proj2", 40)}`,
  "Anthropic key": `sk-ant-api03-${random("ant", 90)}`,
  "OpenRouter key": `sk-or-v1-${hex("or", 64)}`,
  "Google key": `AIza${random("google", 35)}`,
  "Google token": `ya29.${random("ya", 60)}`,
  "Groq key": `gsk_${random("groq", 52)}`,
  "xAI key": `xai-${random("xai", 80)}`,
  "Hugging Face token": `hf_${random("hf", 34)}`,
  "npm token": `npm_${random("npm", 36)}`,
  "PyPI token": `pypi-AgEI${random("pypi", 80)}`,
  "DigitalOcean token": `dop_v1_${hex("do", 64)}`,
  "Shopify token": `shpat_${hex("shop", 32)}`,
  "SendGrid key": `SG.${random("sg", 22)}.${random("sg2", 43)}`,
  "Vault token": `hvs.${random("hvs", 24)}`,
  "JSON web token": `eyJ${random("jwt", 20)}.eyJ${random("jwt2", 60)}.${random("jwt3", 43)}`
}

/** A secret by the place that it stands in; it is the text between the marks. */
const places: Readonly<Record<string, string>> = {
  "URL with a password": "postgres://app:«hunter2»@db.internal:5432/app",
  "bearer header": `Authorization: Bearer «${random("bearer", 30)}»`,
  "lower-case bearer": `curl -H 'authorization: bearer «${random("bearer2", 30)}»' x`,
  "basic header": `"Authorization": "Basic «dXNlcjpwYXNzd29yZA==»"`,
  "environment": "DB_PASSWORD=«correcthorse»",
  "exported environment": "export AWS_SECRET_ACCESS_KEY=«" + random("awssecret", 40) + "»",
  "environment with a quote": "API_KEY=\"«abcdefgh12»\"",
  "JSON": `{"password": "«correct horse»"}`.replace(" horse", "horse"),
  "JSON in JSON": `{\\"apiKey\\": \\"«abcd1234efgh»\\"}`,
  "quoted token": "const token = \"«abcdef1234»\"",
  "camel case": `clientSecret: '«s3cr3t-value»'`,
  "YAML": "password: «hunter22hunter»",
  "option": "mysql --password «hunter22hunter» db",
  "option with a sign": "deploy --api-key=«k3y0123456789»",
  "query": "https://x.test/cb?access_token=«abc123def456»&state=1",
  "cookie": "Cookie: «sid=31d4d96e407aad42; theme=dark»",
  "escaped line breaks": `ok\\nghp_«${random("ghn", 36)}»`
}

const redact = (text: string, key?: string) => Effect.orDie(knownSecrets.redact(text, key))

it.effect.each(Object.entries(shapes))(
  "P14 snapshots: %s goes, wherever it stands",
  ([, secret]) =>
    Effect.gen(function*() {
      for (
        const text of [secret, `key ${secret}.`, `"${secret}"`, `a\\n${secret}\\n`, `?k=${secret}&x`, `(${secret})`]
      ) {
        assert.notInclude(yield* redact(text), secret.slice(-12), text)
      }
    })
)

it.effect.each(Object.entries(places))(
  "P14 snapshots: a secret in the place of one goes: %s",
  ([, marked]) =>
    Effect.gen(function*() {
      const secret = /«(.*)»/.exec(marked)?.[1] ?? ""
      const copy = yield* redact(marked.replace(/[«»]/g, ""))
      assert.notInclude(copy, secret)
      assert.include(copy, marked.slice(0, Math.min(4, marked.indexOf("«"))))
      assert.strictEqual(yield* redact(copy), copy, "redacting twice changes nothing more")
    })
)

it.effect("P14 snapshots: private keys go, also escaped, indented and cut off", () =>
  Effect.gen(function*() {
    for (const breaks of ["\n", "\r\n", "\\n", "\\\\n", "\n    "]) {
      for (const end of [`${breaks}-----END RSA PRIVATE KEY-----`, ""]) {
        const copy = yield* redact(`key:\n${pem(breaks)}${end}\nafter`)
        assert.notInclude(copy, random("pem 2", 64))
        assert.notInclude(copy, random("pem 3", 10))
        assert.include(copy, "after")
      }
    }
  }))

it.effect("P14 snapshots: what is kept under the name of a secret goes", () =>
  Effect.gen(function*() {
    for (
      const key of ["password", "API_KEY", "apiKey", "client_secret", "github-token", "authorization", "passphrase"]
    ) {
      assert.strictEqual(yield* redact("anything", key), "[redacted]", key)
    }
    assert.strictEqual(yield* redact("Bearer anything", "Authorization"), "[redacted]")
    assert.strictEqual(yield* redact("correct horse battery", "password"), "[redacted]")
    assert.strictEqual(yield* redact("${PASSWORD}", "password"), "${PASSWORD}")
  }))

const harmless: ReadonlyArray<string> = [
  "const token = await getToken(request)",
  "function login(password: string, token?: Token): Promise<Secret>",
  "password: string",
  "if (tokens.length > 4096) throw new TokenLimitError(tokens)",
  "maxTokens: 8192, tokenCount = 12345678",
  "MAX_TOKENS=4096",
  "export const secret = process.env.SECRET",
  "password: ${DB_PASSWORD}",
  "token: <your token here>",
  "API_KEY=$API_KEY node main.js",
  "commit 21c96c5d5a3a1ec8d62bb4c4b7f7c11e4f4f9b1d",
  "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  "ses_2a9e5c8f1ffe0Xk1lmnopqrst msg_d561a0f3001kq2Wc4B prt_d561a0f3001", // ids of OpenCode
  "123e4567-e89b-12d3-a456-426614174000",
  "toolu_01A09q90qw90lq917835lq9 call_abc123DEF456ghi789",
  "https://example.com:8080/@scope/package and git@github.com:owner/repo.git",
  "import x from \"npm_package_thing\"; class=\"sk-loading-spinner-with-a-long-name\"",
  "The secret of good tests: they can fail. Bearer tokens are explained in the manual.",
  "-----BEGIN CERTIFICATE-----",
  "if (text.includes(\"-----BEGIN PRIVATE KEY-----\")) return parse(text)",
  "lastSignificantToken = \"?InterpolationInTemplate\"",
  "keyboard shortcut = ctrl+k, monkey: banana, primaryKey: id",
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg"
]

it.effect.each(harmless)("leaves code, hashes and ids alone: %s", (text) =>
  Effect.gen(function*() {
    assert.strictEqual(yield* redact(text), text)
  }))

it.live("takes time in proportion to the text, whatever is in it", () =>
  Effect.gen(function*() {
    const pieces = [
      "-----BEGIN PRIVATE KEY-----\n",
      "eyJhbGciOi-",
      "eyJhbGciOiJI.",
      "password",
      "password=",
      "https://a:",
      "bearer ",
      "sk-ant-",
      "\\n\\n\\n",
      "authorization: ",
      "-----END PRIVATE KEY-----\n",
      "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n",
      "mysql ",
      "curl -u ",
      "login me password ",
      "<password>",
      "12:",
      "cookie: ",
      "-",
      " ",
      "A",
      "\"'"
    ]
    for (const piece of pieces) {
      const [took] = yield* Effect.timed(redact(piece.repeat(2_000_000 / piece.length)))
      // Quadratic it would be hours; a loaded machine may take a second.
      assert.isBelow(Duration.toSeconds(took), 20, piece)
    }
  }))

// --- the copy ---

const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe, 0x00, 0x01]).toString("base64")
const signature = `sk-ant-api03-${random("sig", 90)}==`

it.effect("P14 snapshots: signatures and ids stay byte by byte, but not in what a tool was given", () =>
  Effect.gen(function*() {
    const secret = shapes["GitHub token"] ?? ""
    const value = {
      info: { id: secret, sessionID: secret },
      parts: [
        { type: "reasoning", metadata: { anthropic: { signature }, openai: { reasoningEncryptedContent: signature } } },
        { thoughtSignature: signature, thought_signature: signature, encrypted_content: signature },
        { input: { id: secret, signature, nested: [{ type: secret }] } }
      ]
    }
    const { replaced, value: copy } = yield* RedactedCopy.make(knownSecrets, value)
    assert.deepStrictEqual(copy, {
      info: { id: secret, sessionID: secret },
      parts: [
        { type: "reasoning", metadata: { anthropic: { signature }, openai: { reasoningEncryptedContent: signature } } },
        { thoughtSignature: signature, thought_signature: signature, encrypted_content: signature },
        { input: { id: "[redacted]", signature: "[redacted]==", nested: [{ type: "[redacted]" }] } }
      ]
    })
    assert.strictEqual(replaced, 3)
  }))

it.effect("a redactor that changes everything it sees leaves a snapshot that can be read", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    for (const [n, word] of ["x", ""].entries()) {
      const file = { _tag: "Data", name: "a.png", mime: "image/png", base64: png } as const
      const asked = turn("t1", 1, [says("m1-p", "answer")], {
        prompt: "ask",
        agent: "plan",
        attachments: [file, { _tag: "File", path: "a.txt" }],
        model: { id: "a/b", variant: "high" }
      })
      yield* snapshots.write(input(folder, `s${n}`, {
        createdAt: n,
        history: undefined,
        archive: [asked],
        redactor: custom(`everything/${n}`, () => Effect.succeed(word))
      }))
      const read = yield* Effect.flatMap(snapshots.find({ snapshotId: `s${n}` }), snapshots.messages)
      assert.deepStrictEqual(read.map(({ id, turnId }) => [id, turnId]), [["t1.user.0", "t1"], ["m1-p", "t1"]])
      assert.notInclude(bytesIn(folder), "answer")
    }
  }).pipe(Effect.provide(Fixture.platform)))

it.effect("attachments are taken out by their content and can be put back", () =>
  Effect.gen(function*() {
    const value = { parts: [{ filename: "a.png", url: `data:image/png;base64,${png}` }, { url: "data:,plain" }] }
    const { blobs, value: copy } = yield* RedactedCopy.make(none, value)
    const sha256 = createHash("sha256").update(Buffer.from(png, "base64")).digest("hex")
    assert.deepStrictEqual(copy, {
      parts: [{ filename: "a.png", url: `blob:sha256:${sha256};image/png` }, { url: "data:,plain" }]
    })
    assert.deepStrictEqual(blobs.map(({ attachment }) => attachment), [
      { sha256, bytes: 8, mime: "image/png", name: "a.png" }
    ])
    const contents = new Map(blobs.map(({ attachment, content }) => [attachment.sha256, content]))
    assert.deepStrictEqual(RedactedCopy.restore(copy, contents), value)
  }))

it.effect("P14 snapshots: no secret of any shape is in any file of a snapshot, attachments included", () =>
  Effect.gen(function*() {
    const { folder, snapshots } = yield* engine
    const secrets = Object.values(shapes)
    const all = secrets.join("\n")
    const file = `data:text/plain;base64,${Buffer.from(all).toString("base64")}`
    const message = user("m1", all)
    const written = yield* snapshots.write(input(folder, "one", {
      history: history(
        [{ ...message, raw: { ...Object(message.raw), url: file, tool: { input: { env: all }, output: all } } }],
        { id: "session-1", title: all, share: { secret: "correct-horse" } }
      ),
      archive: [turn("t1", 1, [says("i1", all)], {
        prompt: all,
        context: [all],
        attachments: [{ _tag: "Data", name: all, mime: "text/plain", base64: Buffer.from(all).toString("base64") }]
      })]
    }))
    const bytes = bytesIn(folder)
    for (const secret of [...secrets, "correct-horse"]) assert.notInclude(bytes, secret)
    for (const secret of secrets) assert.notInclude(bytes, Buffer.from(secret).toString("base64").slice(4, -8))
    const { manifest } = yield* snapshots.find({ snapshotId: "one" })
    assert.isAbove(manifest.redaction.replaced, 5)
    assert.strictEqual(manifest.redaction.level, "known-secrets")
    assert.isUndefined(manifest.segments[0]?.source)
    assert.include(readFileSync(join(written.path), "utf8"), "[redacted]")
  }).pipe(Effect.provide(Fixture.platform)))
