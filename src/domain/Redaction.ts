/**
 * Redaction of saved copies. A redactor sees every string of the saved copy, never the live conversation.
 *
 * `knownSecrets` replaces strings with the shape of a known service's credential, strings in the place of a password
 * (`PASSWORD=...`, `"apiKey": "..."`, `user:...@host`, `Authorization: ...`, `curl -u ...`), and values under such a key.
 * A value of letters alone counts only in quotes, or where key and value are the whole line, as in YAML. It cannot detect
 * a secret without such a shape or place: bring your own redactor for those ({@link custom}).
 *
 * Every pattern takes time linear in the text: runs are bounded, and nothing is tried twice.
 *
 * A redactor does not see ids and tags, which link the parts of a transcript, nor the signatures of providers, which
 * must stay byte-exact.
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import { credentialShapes } from "./internal/credentialShapes.ts"
import { redactPrivateKeys } from "./internal/privateKeys.ts"
import { redactArguments } from "./internal/secretArguments.ts"
import { redactLines } from "./internal/secretLines.ts"
import { mark, placeholder, redactPlaces, words } from "./internal/secretPlaces.ts"

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
  name: "known-secrets/2",
  level: "known-secrets",
  redact: (text, key) =>
    Effect.sync(() =>
      underKey(text, key)
        ? mark
        : redactPlaces(redactLines(redactArguments(redactPrivateKeys(text, mark).replace(credentialShapes, mark))))
    )
}
