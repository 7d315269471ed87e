/**
 * Lines that are a key and a value and nothing else, as in YAML, INI, properties and environments. There a value of
 * letters alone is a secret if the key names one, unless it looks like source code.
 */
import { mark, placeholder } from "./secretPlaces.ts"

/** What tools print before a line of a file: its number, or its name and number. */
const printed = String.raw`(?:[ \t]{0,8}\d{1,7}(?:[|:→\t]|\\+t)|[^\s:"'=\\]{1,200}[:-]\d{1,7}[:-])?`

const key =
  String.raw`["']?[A-Za-z0-9_.-]{0,60}?(?:password|passwd|passphrase|(?<![A-Za-z])pass|[_.-]pwd|secret|token|` +
  String.raw`api[_-]?key|(?:access|private|secret|account|signing|encryption)[_-]?key)["']?`

const separated = String.raw`[ \t]{0,3}[:=][ \t]{0,3}`
const lead = String.raw`[ \t]{0,60}(?:-[ \t]{1,3}|export[ \t]{1,3}|set[ \t]{1,3})?`

const whole = new RegExp(
  String
    .raw`((?:^|(?<=\\n))(?:[+-](?![ \t]))?${printed}(?:${lead}${key}${separated}|[ \t]{0,8}(?:ENV|ARG)[ \t]{1,3}${key}[ \t=]{1,3}))` +
    String.raw`${placeholder}([^\s"'` + "`" + String.raw`\\]{4,4096})(?=[ \t]{0,8}(?:$|\r|\\+[nr"]|#|"[,}\]\s]?))`,
  "gim"
)

const words =
  /^(?:required|optional|hidden|enabled|disabled|missing|invalid|include|omit|same-origin|redacted|secret|token|password)$/i
const reference = /^[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*)+$/
const typeName =
  /^(?:String|Token|Secret|Redacted|Boolean|Number|Buffer|Uint8Array|[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+)(?:\[\])?$/
const path = /^(?:~|\.{0,2})\/[\w.-]+(?:\/[\w.-]+)*$/

/** Source code, a path, or an address rather than a value. */
const isCode = (value: string): boolean =>
  /[,;{([|&]$|^(?:https?|file):|\w\(|=>|^\W+$/.test(value) || words.test(value) || reference.test(value)
  || typeName.test(value) || path.test(value)

const isPassword = /pass|pwd/i

/** Replaces the values. */
export const redactLines = (text: string): string =>
  text.replace(
    whole,
    (line: string, before: string, value: string) =>
      isCode(value) || (/^\d{1,8}$/.test(value) && !isPassword.test(before)) ? line : `${before}${mark}`
  )
