/** What a session is given beside its thread, as a value: two are one, and what is no setup is none. */
import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import * as InputIssue from "../../src/domain/InputIssue.ts"
import * as SessionSetup from "../../src/provider/SessionSetup.ts"

const word = (text: string) => Redacted.make(text)

const merged = (one: SessionSetup.SessionSetup, other: SessionSetup.SessionSetup) =>
  Result.getOrThrow(SessionSetup.merge(one, other))

describe("SessionSetup.merge", () => {
  it("P12 setup: joins variables and servers, keeps the order of the rest, and offers a tool where both offer it", () => {
    const http = { _tag: "Http", url: "https://example.org" } as const
    const stdio = { _tag: "Stdio", command: "files" } as const
    assert.deepInclude<unknown>(
      merged(
        {
          environment: { A: "a", TOKEN: word("t") },
          mcpServers: { http },
          directories: ["/a", "/b"],
          instructions: "One.",
          arguments: ["--one"],
          tools: { only: ["read", "write"], except: ["bash"] }
        },
        {
          environment: { B: "b", TOKEN: word("t") },
          mcpServers: { http: { ...http }, stdio },
          directories: ["/b", "/c"],
          instructions: "Two.",
          arguments: ["--one"],
          tools: { only: ["write", "search"], except: ["web"] }
        }
      ),
      {
        environment: { A: "a", B: "b", TOKEN: word("t") },
        mcpServers: { http, stdio },
        directories: ["/a", "/b", "/c"],
        instructions: "One.\n\nTwo.",
        arguments: ["--one", "--one"],
        tools: { only: ["write"], except: ["bash", "web"] }
      }
    )
  })

  it("P12 setup: with nothing, either way, is the same", () => {
    const setup = { environment: { A: word("a") }, tools: { only: ["read"] } }
    assert.deepInclude<unknown>(merged({}, setup), setup)
    assert.deepInclude<unknown>(merged(setup, {}), setup)
    assert.deepInclude<unknown>(merged({ tools: { except: ["bash"] } }, setup), {
      tools: { only: ["read"], except: ["bash"] }
    })
  })

  it("P15 setup: a variable or a server with two values is a conflict, which has no value in it", () => {
    const env = (value: SessionSetup.Value) => ({ environment: { TOKEN: value } })
    const server = (url: string) => ({ mcpServers: { files: { _tag: "Http", url } as const } })
    assert.deepStrictEqual(
      SessionSetup.merge(env(word("one")), env(word("two"))),
      Result.fail({ part: "environment", name: "TOKEN" })
    )
    assert.isTrue(Result.isFailure(SessionSetup.merge(env(word("one")), env("one"))))
    assert.deepStrictEqual(
      SessionSetup.merge(server("https://one"), server("https://two")),
      Result.fail({ part: "mcpServers", name: "files" })
    )
  })
})

describe("SessionSetup.SessionSetup", () => {
  const decode = Schema.decodeUnknownResult(SessionSetup.SessionSetup, { errors: "all", onExcessProperty: "error" })
  const secret = "walnut-7731"

  const invalid: ReadonlyArray<readonly [what: string, value: unknown, path: string]> = [
    ["a name with =", { environment: { "A=": secret } }, "environment.A="],
    ["a value with NUL", { environment: { A: `${secret}\0` } }, "environment.A"],
    ["a secret with NUL", { environment: { A: word(`${secret}\0`) } }, "environment.A.value"],
    ["a secret that is no text", { environment: { A: Redacted.make(5) } }, "environment.A.value"],
    ["half of a surrogate pair", { instructions: `${secret}\ud800` }, "instructions"],
    ["a relative directory", { directories: [secret] }, "directories[0]"],
    ["a server of no kind", { mcpServers: { files: { _tag: secret } } }, "mcpServers.files"],
    [
      "a server without a program",
      { mcpServers: { files: { _tag: "Stdio", command: "" } } },
      "mcpServers.files.command"
    ],
    ["a part of another name", { env: { A: secret } }, "env"],
    ["tools as text", { tools: { only: secret } }, "tools.only"]
  ]
  for (const [what, value, path] of invalid) {
    it(`P15 setup: ${what} is refused, by its place and without its value`, () => {
      const decoded = decode(value)
      assert(Result.isFailure(decoded))
      const issues = InputIssue.of(decoded.failure)
      assert.include(issues.map((issue) => issue.path), path)
      assert.notInclude(JSON.stringify(issues), secret)
    })
  }

  it("P15 setup: what is one comes through as it is", () => {
    const setup = {
      environment: { A: "", B: word("b") },
      mcpServers: { files: { _tag: "Stdio", command: "files", arguments: ["-x"], environment: { C: word("c") } } },
      directories: ["/a", "C:\\b"],
      tools: { only: [] }
    }
    assert.deepStrictEqual<unknown>(decode(setup), Result.succeed(setup))
  })
})
