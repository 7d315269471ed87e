/**
 * The places that secrets stand in: keys with values, headers, URLs, and the formats of configuration files.
 */

/** Words that name a secret; in keys they come last. */
const unmistakable = String.raw`(?:password|passwd|passphrase|secret|api[_-]?key|(?:access|private|secret|account|` +
  String.raw`signing|encryption)[_-]?key|secret[_-]?access[_-]?key|credential)`
export const words = `(?:token|${unmistakable})`

/** Not a value: references, templates, names of types. */
export const placeholder = String
  .raw`(?!\$|<|\{|\*|\[|\(|[^\s"'\\]{0,40}\.{3}|%[({]|not-a-|your[-_]|(?:value|null|true|false|undefined|none|string|number|boolean|` +
  String.raw`process\.env|import\.meta|os\.environ)(?![A-Za-z0-9]))`

const quotedAfter = (word: string, condition: string) =>
  new RegExp(
    String.raw`(${word}s?["'\\\]]{0,4}\s{0,3}(?::=|=>|[:=])\s{0,3}\\{0,3}["'` + "`" + String.raw`])` +
      String.raw`${placeholder}(?!${words}["'])${condition}[^\s"'` + "`" + String.raw`\\]{6,4096}`,
    "gi"
  )

export const mark = "[redacted]"

const places: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> = [
  // user:password@host
  [
    new RegExp(String.raw`([a-z][a-z0-9+.-]{1,20}://[^\s:@/"'<>]{0,100}:)${placeholder}[^\s@/"'<>]{1,256}(?=@)`, "gi"),
    `$1${mark}`
  ],
  // A token as the user
  [
    new RegExp(
      String.raw`([a-z][a-z0-9+.-]{1,20}://)${placeholder}(?=[^\s:@/"'<>\d]{0,256}\d)[^\s:@/"'<>]{16,256}(?=@[\w.-])`,
      "gi"
    ),
    `$1${mark}`
  ],
  // Authorization headers, and bearer tokens anywhere; without a scheme the value needs a digit
  [
    new RegExp(
      String
        .raw`(authorization["'\\]{0,4}\s{0,3}[:=]\s{0,3}["'\\]{0,4}` +
        String.raw`(?:(?:basic|bearer|token|apikey|digest)\s{1,3}|(?=[^\s"'\\,;)}\]\d]{0,4096}\d)))` +
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
  [
    new RegExp(
      String.raw`((?<![A-Za-z])(?:set-)?cookie["'\\]{0,4}: {0,3})(?=[^\s"'\\=\x60]{1,256}=)[^\r\n"'\\]{8,4096}`,
      "gi"
    ),
    `$1${mark}`
  ],
  [
    new RegExp(
      String.raw`((?<![A-Za-z])(?:set-)?cookie\\{0,3}["']\s{0,3}:\s{0,3}\[?\s{0,8}\\{0,3}["'])` +
        String.raw`(?=[^"'\\\r\n=]{1,256}=)[^"'\\\r\n]{4,4096}`,
      "gi"
    ),
    `$1${mark}`
  ],
  [
    /(\\{0,3}"name\\{0,3}"\s{0,3}:\s{0,3}\\{0,3}"[^"\\]{1,100}\\{0,3}"\s{0,3},\s{0,20}\\{0,3}"value\\{0,3}"\s{0,3}:\s{0,3}\\{0,3}")[^"\\[][^"\\]{7,4096}(?=\\{0,3}"\s{0,3},\s{0,20}\\{0,3}"(?:domain|path|expires|httpOnly|secure)\b)/g,
    `$1${mark}`
  ],
  // key = "value"; a token needs a digit, or every parser's source would match
  [quotedAfter(unmistakable, ""), `$1${mark}`],
  [quotedAfter("token", String.raw`(?=[^\s"'\d]{0,4096}\d)`), `$1${mark}`],
  // A password in quotes may consist of words
  [
    new RegExp(
      String.raw`(pass(?:word|wd|phrase)\\{0,3}["']?\s{0,3}[:=]\s{0,3}\\{0,3}(["']))` +
        String.raw`${placeholder}(?=[^"'\\\r\n]{1,256} )[^"'\\\r\n]{6,256}(?=\\{0,3}\2)`,
      "gi"
    ),
    `$1${mark}`
  ],
  // KEY=value, as in environments
  [
    new RegExp(
      String
        .raw`((?:PASSWORD|PASSWD|PASSPHRASE|(?<![A-Z])PASS|_PWD|SECRET|TOKEN|KEY|CREDENTIAL)S?(?:_[A-Z0-9]{1,20}){0,3}=)` +
        String.raw`${placeholder}(?!\d{1,8}(?![A-Za-z0-9]))[^\s"'` + "`" + String.raw`\\;&|)]{6,4096}`,
      "g"
    ),
    `$1${mark}`
  ],
  // key: value, --key value, ?key=value: only with letters and digits, which names of variables and types rarely have
  [
    new RegExp(
      String.raw`(${words}s?["'\\]{0,4}(?:\s{0,3}(?::=|=>|[:=])\s{0,3}| {1,2}(?=[^\s]{6})(?<=--[a-z-]{3,40} {1,2})))` +
        String.raw`${placeholder}(?=[A-Za-z_/+=-]{0,256}\d)(?=[^A-Za-z\s]{0,256}[A-Za-z])` +
        String.raw`[A-Za-z0-9+/=_~!@#%^*-]{8,4096}(?![A-Za-z0-9_.([])`,
      "gi"
    ),
    `$1${mark}`
  ],
  // ;Password=value; and ?password=value&
  [
    new RegExp(String.raw`([;?&]\s?(?:password|passwd|pwd)=)${placeholder}[^\s;&"'\\<>]{4,256}`, "gi"),
    `$1${mark}`
  ],
  [/([?&](?:sig|X-Amz-Signature|X-Amz-Security-Token|X-Goog-Signature)=)[A-Za-z0-9%+/=_-]{20,4096}/g, `$1${mark}`],
  // <password>value</password>, key="password" value="..."
  [
    new RegExp(
      String.raw`(<((?:[A-Za-z]\w{0,20}:)?[\w.-]{0,40}?${words}s?)(?:\s[^<>]{0,200})?>)${placeholder}` +
        String.raw`[^<>]{4,4096}(?=</\2>)`,
      "gi"
    ),
    `$1${mark}`
  ],
  [
    new RegExp(
      String.raw`(\b(?:key|name)=\\?"[\w.:-]{0,60}?${words}\\?"\s{1,3}value=\\?")${placeholder}[^"\\]{4,4096}`,
      "gi"
    ),
    `$1${mark}`
  ],
  // Kubernetes, Docker, npm
  [/(client-key-data\\{0,3}["']?:\s{0,3}\\{0,3}["']?)[A-Za-z0-9+/=]{16,65536}/g, `$1${mark}`],
  [
    /(\\{0,3}"(?:auth|identitytoken|registrytoken)\\{0,3}"\s{0,3}:\s{0,3}\\{0,3}")[A-Za-z0-9+/=._-]{12,4096}(?=\\{0,3}")/g,
    `$1${mark}`
  ],
  [
    /((?:(?<![A-Za-z0-9])|(?<=\\[nrt]))_(?:auth|authToken|password)\s{0,3}=\s{0,3}["']?)[A-Za-z0-9+/=._-]{8,4096}/g,
    `$1${mark}`
  ],
  // netrc, pgpass
  [
    /(\blogin(?:\s|\\+[nrt]){1,10}[^\s\\]{1,100}(?:\s|\\+[nrt]){1,10}password(?:\s|\\+t){1,10})(?!\[)[^\s"'\\]{3,256}/g,
    `$1${mark}`
  ],
  [
    /((?:^|\\n)[^\s:\\]{1,100}:(?:54\d\d|6432|\*):[^\s:\\]{1,100}:[^\s:\\]{1,100}:)(?!\[)[^\s:\\"]{4,256}/gm,
    `$1${mark}`
  ]
]

/** Replaces what stands in the place of a secret. */
export const redactPlaces = (text: string): string =>
  places.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), text)
