/** Redaction of what agents really print: files with line numbers, commands, configuration, requests, environments. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { knownSecrets } from "../../src/domain/Redaction.ts"

/** As random as real ones, and always the same; put together here, so that no scanner takes this file for a leak. */
const random = (seed: string, length: number) => {
  let text = ""
  for (let n = 0; text.length < length; n++) {
    text += createHash("sha256").update(`${seed} ${n}`).digest("base64").replace(/[^A-Za-z0-9]/g, "")
  }
  return text.slice(0, length)
}
const hex = (seed: string, length: number) => createHash("sha512").update(seed).digest("hex").slice(0, length)

const begin = ["-----BEGIN", "PRIVATE KEY-----"].join(" ")
const end = ["-----END", "PRIVATE KEY-----"].join(" ")

/** The lines of a key, each as a line of a file is printed. */
const key = (
  line: (text: string, n: number) => string,
  { first = begin, lines = 26, separator = "\n" }: {
    readonly first?: string | undefined
    readonly lines?: number
    readonly separator?: string
  } = {}
) =>
  [
    ...(first === "" ? [] : [first]),
    ...Array.from({ length: lines }, (_, n) => `«${random(`pem ${n}`, 64)}»`),
    `«${random("pem last", 22)}»==`,
    end
  ].map((text, n) => line(text, n + 1)).join(separator)

const aws = `wJalrXUtnFEMI/${random("aws", 11)}/${random("aws2", 14)}`

/** The secrets are between the marks. */
const cases: Readonly<Record<string, string>> = {
  "private key, as it is": key((text) => text),
  "private key through cat -n": key((text, n) => `${String(n).padStart(6)}\t${text}`),
  "private key through the read tool": key((text, n) => `${String(n).padStart(5, "0")}| ${text}`),
  "private key through a read tool with arrows": key((text, n) => `${String(n).padStart(6)}→${text}`),
  "private key through grep": key((text) => `deploy/id.pem:${text}`),
  "private key through grep -n": key((text, n) => `deploy/id.pem:${n}:${text}`),
  "private key through grep -A": key((text, n) => n === 1 ? `id.pem:1:${text}` : `id.pem-${n}-${text}`),
  "private key through grep -n of one file": key((text, n) => `${n}:${text}`),
  "private key in a diff": key((text) => `+${text}`),
  "private key in a quoted mail": key((text) => `> ${text}`),
  "private key of 700 lines": key((text) => text, { lines: 700 }),
  "private key without its first line": key((text) => text, { first: "" }),
  "private key without its first line, numbered": key((text, n) => `${String(n + 40).padStart(6)}\t${text}`, {
    first: ""
  }),
  "private key without its first line, in JSON": key((text) => text, { first: "", separator: "\\n" }),
  "numbered private key in JSON": key((text, n) => `${n}\\t${text}`, { separator: "\\n" }),
  "private key in YAML": `tls.key: |\n${key((text) => `    ${text}`)}`,
  "client-key-data": `    client-key-data: «LS0tLS1CRUdJTi${random("kube", 80)}»`,
  "token of a kubeconfig": "    token: «" + random("kubetoken", 40) + "»",
  "secret of Kubernetes": "data:\n  password: «aHVudGVyMg==»\n  username: YWRtaW4=",
  "DB_PASS": "DB_PASS=«correcthorse»",
  "MYSQL_PWD": "MYSQL_PWD=«correcthorse»",
  "PGPASSWORD before a command": "PGPASSWORD=«correcthorse» psql -h db app",
  "lower-case environment": "db_password=«correcthorse»",
  "lower-case pass": "smtp_pass=«correcthorse»",
  "exported lower-case": "export api_token=«correcthorse»",
  "quoted environment with spaces": "DB_PASSWORD=\"«correct horse battery»\"",
  "printenv with a sign in it": "APP_SECRET=«a;b&c|d!e»",
  "Dockerfile": "ENV DB_PASSWORD «correcthorse»",
  "compose": "      - POSTGRES_PASSWORD=«correcthorse»",
  "compose, as a map": "      POSTGRES_PASSWORD: «correcthorse»",
  "Windows": "set API_KEY=«correcthorse»",
  "PowerShell": "$env:API_KEY = \"«correcthorse»\"",
  "YAML, letters": "password: «correcthorse»",
  "YAML, short": "  password: «hunter»",
  "YAML, with spaces": "password: \"«correct horse battery»\"",
  "YAML through cat -n": "     3\tpassword: «correcthorse»",
  "YAML through the read tool": "00012| password: «correcthorse»",
  "YAML through grep -n": "config/app.yml:12:  password: «correcthorse»",
  "YAML with a comment": "password: «correcthorse» # rotate",
  "ini": "[db]\npassword = «correcthorse»\nport = 1",
  "properties": "spring.datasource.password=«correcthorse»",
  "TOML": "secret_key = '«correct horse battery»'",
  "JSON with spaces": "{\"user\": \"me\", \"password\": \"«correct horse battery»\"}",
  "JSON in JSON with spaces": "{\\\"password\\\": \\\"«correct horse battery»\\\"}",
  "camel case with a prefix": "dbPassword: \"«correcthorse»\"",
  "AWS secret in YAML": `aws_secret_access_key: «${aws}»`,
  "AWS secret in ini": `aws_secret_access_key = «${aws}»`,
  "AWS secret of the command line": `{ "SecretAccessKey": "«${aws}»", "SessionToken": "«${random("st", 80)}»" }`,
  "AWS secret in camel case": `SecretAccessKey: «${aws}»`,
  "AWS signature": `https://b.s3.amazonaws.com/x?X-Amz-Expires=60&X-Amz-Signature=«${hex("amz", 64)}»`,
  "mysql": "mysql -u root -p«correcthorse» app",
  "mysqldump, quoted": "mysqldump -uroot -p'«correct horse»' app > dump.sql",
  "sshpass": "sshpass -p «correcthorse» ssh me@host",
  "docker login": "docker login -u me -p «correcthorse» registry.test",
  "redis-cli": "redis-cli -h cache -a «correcthorse» ping",
  "openssl": "openssl rsa -in key.pem -passin pass:«correcthorse»",
  "curl -u": "curl -u me:«correcthorse» https://x.test",
  "curl --user": "curl -s --user \"me:«correct horse»\" https://x.test",
  "curl with a cookie": "curl -b 'sid=«31d4d96e407aad42»' https://x.test",
  "wget": "wget --http-password=«correcthorse1» https://x.test",
  "netrc": "machine x.test login me password «correcthorse»",
  "netrc over lines": "machine x.test\n  login me\n  password «correcthorse»",
  "pgpass": "db.internal:5432:app:me:«correcthorse»",
  "docker auth": "{\"auths\": {\"registry.test\": {\"auth\": \"«bWU6Y29ycmVjdGhvcnNl»\"}}}",
  "npmrc": `//registry.test/:_authToken=«${random("npmrc", 36)}»`,
  "npmrc, old": "_auth=«bWU6Y29ycmVjdGhvcnNl»",
  "shadow": `me:«$6$${random("salt", 16)}$${random("shadow", 86)}»:19000:0:99999:7:::`,
  "htpasswd": `me:«$apr1$${random("salt2", 8)}$${random("ht", 22)}»`,
  "SAS": `https://a.blob.core.windows.net/c/b?sv=2024&se=2026&sig=«${random("sas", 40)}%3D»`,
  "storage account": `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=«${random("acc", 86)}==»;`,
  "connection string": "Server=db;User Id=sa;Password=«correcthorse»;Encrypt=true",
  "JDBC": "jdbc:postgresql://db/app?user=me&password=«correcthorse»&ssl=true",
  "token as the user of a URL": `https://«${random("url", 40)}»@git.test/o/r.git`,
  "URL with a password of letters": "amqp://me:«correcthorse»@mq.test/",
  "XML": "<server><username>me</username><password>«correcthorse»</password></server>",
  "XML with a prefix": "<ns:apiKey type=\"a\">«correcthorse»</ns:apiKey>",
  "XML attribute": "<add key=\"DbPassword\" value=\"«correcthorse»\" />",
  "cookie in JSON": "{\"headers\": {\"cookie\": \"«sid=31d4d96e407aad42; a=b»\"}}",
  "set-cookie in JSON": "{\"set-cookie\": [\"«sid=31d4d96e407aad42; HttpOnly»\"]}",
  "cookie jar": `{"name": "sid", "value": "«${random("jar", 24)}»", "domain": "x.test", "path": "/"}`,
  "header of an API key": "X-Api-Key: «correcthorse»",
  "password in prose": "the password is «correcthorse», use it",
  "password as an argument": "./deploy production «correcthorse»"
}

/** Without a place or a shape, nothing tells them from other words. */
const missed: ReadonlySet<string> = new Set(["password in prose", "password as an argument"])

const redact = (text: string) => Effect.orDie(knownSecrets.redact(text, undefined))

const secretsIn = (marked: string) => Array.from(marked.matchAll(/«([^»]*)»/g), ([, secret = ""]) => secret)

it("the table has the eighty-three cases, and at most twenty-three are missed", () => {
  assert.strictEqual(Object.keys(cases).length, 83)
  assert.isAtMost(missed.size, 23)
})

it.effect.each(Object.entries(cases).filter(([name]) => !missed.has(name)))(
  "P14 redaction: as agents print it: %s",
  ([, marked]) =>
    Effect.gen(function*() {
      const text = marked.replace(/[«»]/g, "")
      for (const printed of [text, `before\n${text}\nafter`, JSON.stringify({ output: `done\n${text}\nafter` })]) {
        const copy = yield* redact(printed)
        for (const secret of secretsIn(marked)) assert.notInclude(copy, secret)
        assert.strictEqual(yield* redact(copy), copy, "redacting twice changes nothing more")
      }
      assert.include(yield* redact(`before\n${text}\nafter`), "\nafter")
    })
)

/** Secrets in examples of the documentation, and the one of the conformance suite. */
const examples = /Redacted\.make\("\[redacted\]"\)|^const secret = "\[redacted\]"$/

it.effect.each(["src", "docs"])("redaction changes nothing in %s", (folder) =>
  Effect.gen(function*() {
    const wrong: Array<string> = []
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (!/\.(ts|js|md)$/.test(name)) continue
      const text = readFileSync(join(folder, name), "utf8")
      const copy = yield* redact(text)
      const changed = copy === text ? [] : copy.split("\n").filter((line) => line.includes("[redacted]"))
      const before = new Set(text.split("\n"))
      for (const line of changed) if (!before.has(line) && !examples.test(line)) wrong.push(`${name}: ${line}`)
    }
    assert.deepStrictEqual(wrong, [])
  }))
