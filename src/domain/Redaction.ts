/**
 * Redaction of saved copies. A redactor sees every string of the saved copy, never the live conversation.
 *
 * `knownSecrets` replaces strings with the shape of a known service's credential, strings in the place of a password
 * (`PASSWORD=...`, `"apiKey": "..."`, `user:...@host`, `Authorization: ...`), and values under such a key. It cannot
 * detect a secret without such a shape or place: bring your own redactor for those ({@link custom}).
 *
 * Every pattern takes time linear in the text: runs are bounded, and nothing is tried twice.
 *
 * A redactor does not see ids and tags, which link the parts of a transcript, nor the signatures of providers, which
 * must stay byte-exact.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"

/**
 * Replaces the secrets in a text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Redactor {
  /**
   * Stable, with a version: content that was saved under the same name is not redacted again. Change the name when the
   * redactor changes.
   */
  readonly name: string
  readonly level: "known-secrets" | "custom" | "none"
  /** `key` is the name of the field that holds the text. A failure means that no snapshot is written. */
  readonly redact: (text: string, key: string | undefined) => Effect.Effect<string, unknown>
}

/**
 * A redactor of the app's own.
 *
 * @since 0.1.0
 * @category constructors
 */
export const custom = (name: string, redact: Redactor["redact"]): Redactor => ({ name, level: "custom", redact })

/**
 * Changes nothing.
 *
 * @since 0.1.0
 * @category redactors
 */
export const none: Redactor = { name: "none", level: "none", redact: Effect.succeed }

const mark = "[redacted]"

/** Must precede a secret with a common prefix: no word character, or an escape in quoted text. */
const start = String.raw`(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))`

const shapes: ReadonlyArray<string> = [
  // AWS
  String.raw`(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])`,
  // GitHub, GitLab
  String.raw`gh[pousr]_[A-Za-z0-9]{36,255}`,
  String.raw`github_pat_[A-Za-z0-9_]{22,255}`,
  String.raw`gl(?:pat|ptt|dt|rt|cbt|oas|soat|ft|imt|agent)-[A-Za-z0-9_-]{20,255}`,
  // Slack
  String.raw`xox[abeoprs](?:\.xox[abeoprs])?-[A-Za-z0-9-]{10,255}`,
  String.raw`xapp-[0-9]-[A-Za-z0-9-]{20,255}`,
  String.raw`(?<=hooks\.slack\.com/(?:services|workflows)/)[A-Za-z0-9/_-]{20,255}`,
  // Stripe
  String.raw`(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,255}`,
  String.raw`whsec_[A-Za-z0-9+/=]{24,255}`,
  // Model providers
  String.raw`sk-(?:ant|proj|svcacct|admin|or-v1|lf)-[A-Za-z0-9_-]{20,255}`,
  String.raw`${start}sk-[A-Za-z0-9]{20,255}(?![A-Za-z0-9_-])`,
  String.raw`AIza[A-Za-z0-9_-]{35}`,
  String.raw`ya29\.[A-Za-z0-9_-]{20,512}`,
  String.raw`GOCSPX-[A-Za-z0-9_-]{20,255}`,
  String.raw`${start}(?:gsk_|xai-|pplx-|hf_|r8_|fw_|csk-)[A-Za-z0-9]{30,255}`,
  // Registries and hosts
  String.raw`npm_[A-Za-z0-9]{36}`,
  String.raw`pypi-AgEI[A-Za-z0-9_-]{50,512}`,
  String.raw`dckr_pat_[A-Za-z0-9_-]{20,255}`,
  String.raw`do[opr]_v1_[a-f0-9]{64}`,
  String.raw`shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}`,
  String.raw`${start}SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{32,128}`,
  String.raw`gl(?:sa|c)_[A-Za-z0-9+/=_]{30,255}`,
  String.raw`lin_api_[A-Za-z0-9]{32,255}`,
  String.raw`ATATT3[A-Za-z0-9_=-]{50,512}`,
  String.raw`hv[sb]\.[A-Za-z0-9_-]{20,512}`,
  String.raw`sbp_[a-f0-9]{40}`,
  String.raw`AGE-SECRET-KEY-1[A-Z0-9]{50,64}`,
  String.raw`${start}[0-9]{8,10}:AA[A-Za-z0-9_-]{33}`,
  // JSON web tokens
  String
    .raw`${start}eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{2,65536}\.[A-Za-z0-9_-]{2,4096}(?:\.[A-Za-z0-9_-]{2,4096}){0,2}`
]

/** Line breaks, plain or escaped in quoted text, with the indentation and quotes of the lines. */
const breaks = String.raw`(?:\\+[nrt]|[\s"',` + "`" + String.raw`]){1,24}`
const privateKey = String.raw`-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----` +
  String.raw`(?:${breaks}[A-Za-z-]{3,30}: [^\r\n\\"]{0,200}){0,6}` +
  String.raw`(?:${breaks}[A-Za-z0-9+/=]{16,}){1,400}(?:${breaks}[A-Za-z0-9+/=]{1,15})?` +
  String.raw`(?:${breaks}-----END [A-Z0-9 ]{0,60}-----)?`

/** Words that name a secret; in keys they come last. */
const unmistakable = String.raw`(?:password|passwd|passphrase|secret|api[_-]?key|(?:access|private|secret|account|` +
  String.raw`signing|encryption)[_-]?key|secret[_-]?access[_-]?key|credential)`
const words = `(?:token|${unmistakable})`

/** Not a value: references, templates, names of types. */
const placeholder = String.raw`(?!\$|<|\{|\*|\[|%[({]|(?:null|true|false|undefined|none|string|number|boolean|` +
  String.raw`process\.env|import\.meta|os\.environ)(?![A-Za-z0-9]))`

const quotedAfter = (word: string, condition: string) =>
  new RegExp(
    String.raw`(${word}s?["'\\\]]{0,4}\s{0,3}(?::=|=>|[:=])\s{0,3}\\{0,3}["'` + "`" + String.raw`])` +
      String.raw`${placeholder}(?!${words}["'])${condition}[^\s"'` + "`" + String.raw`\\]{6,4096}`,
    "gi"
  )

const rules: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> = [
  [new RegExp(`${privateKey}|${shapes.join("|")}`, "g"), mark],
  // user:password@host
  [
    new RegExp(String.raw`([a-z][a-z0-9+.-]{1,20}://[^\s:@/"'<>]{0,100}:)${placeholder}[^\s@/"'<>]{1,256}(?=@)`, "gi"),
    `$1${mark}`
  ],
  // Authorization headers, and bearer tokens anywhere
  [
    new RegExp(
      String
        .raw`(authorization["'\\]{0,4}\s{0,3}[:=]\s{0,3}["'\\]{0,4}(?:(?:basic|bearer|token|apikey|digest)\s{1,3})?)` +
        String.raw`${placeholder}[^\s"'\\,;)}\]]{8,4096}`,
      "gi"
    ),
    `$1${mark}`
  ],
  [
    new RegExp(
      String.raw`((?<![A-Za-z])bearer\s{1,3})(?=[A-Za-z._~+/=-]{0,512}[0-9])[A-Za-z0-9._~+/=-]{16,4096}`,
      "gi"
    ),
    `$1${mark}`
  ],
  [new RegExp(String.raw`((?<![A-Za-z])(?:set-)?cookie["'\\]{0,4}: {0,3})[^\r\n"'\\]{8,4096}`, "gi"), `$1${mark}`],
  // key = "value"; a token needs a digit, or every parser's source would match
  [quotedAfter(unmistakable, ""), `$1${mark}`],
  [quotedAfter("token", String.raw`(?=[^\s"'\d]{0,4096}\d)`), `$1${mark}`],
  // KEY=value, as in environments
  [
    new RegExp(
      String.raw`((?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|KEY|CREDENTIAL)S?(?:_[A-Z0-9]{1,20}){0,3}=)` +
        String.raw`${placeholder}(?!\d{1,8}(?![A-Za-z0-9]))[^\s"'` + "`" + String.raw`\\;&|)]{6,4096}`,
      "g"
    ),
    `$1${mark}`
  ],
  // key: value, --key value, ?key=value: only with letters and digits, which names of variables and types rarely have
  [
    new RegExp(
      String.raw`(${words}s?["'\\]{0,4}(?:\s{0,3}(?::=|=>|[:=])\s{0,3}| {1,2}(?=[^\s]{6})(?<=--[a-z-]{3,40} {1,2})))` +
        String.raw`${placeholder}(?=[A-Za-z_-]{0,256}\d)(?=[^A-Za-z\s]{0,256}[A-Za-z])` +
        String.raw`[A-Za-z0-9+/=_~!@#%^*-]{8,4096}(?![A-Za-z0-9_.([])`,
      "gi"
    ),
    `$1${mark}`
  ]
]

const secretKey = new RegExp(String.raw`(?:${words}|authorization|cookie)s?$`, "i")
const stands = new RegExp(String.raw`^${placeholder}[^\s]{4,}$`)
const header = /^(?:basic|bearer|token)\s+\S+$/i

/** A password may consist of words. */
const passwordKey = /pass(?:word|wd|phrase)$/i
const phrase = new RegExp(String.raw`^${placeholder}.{4,}$`, "s")

const underKey = (text: string, key: string | undefined): boolean =>
  key !== undefined && secretKey.test(key)
  && (stands.test(text) || header.test(text) || (passwordKey.test(key) && phrase.test(text)))

/**
 * The default: credentials of known services, and values in the place of a secret.
 *
 * @since 0.1.0
 * @category redactors
 */
export const knownSecrets: Redactor = {
  name: "known-secrets/1",
  level: "known-secrets",
  redact: (text, key) =>
    Effect.sync(() =>
      underKey(text, key)
        ? mark
        : rules.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), text)
    )
}
