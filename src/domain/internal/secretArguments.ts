/**
 * Secrets among the arguments of commands that are known to take one.
 */
import { mark, placeholder } from "./secretPlaces.ts"

/** Before the name of a command; a line break may be escaped, in quoted text. */
const start = String.raw`(?:(?<![\w.-])|(?<=\\[nrt]))`

/** What comes between the command and the option, on the same command line. */
const between = String.raw`[^\n|;&]{0,300}?\s`

/** Quoted, with its quotes as they are in JSON, or one word. */
const argument = String.raw`(?!\\{0,3}["']?(?:\$|<|\[))` +
  String.raw`(?:\\{1,3}"[^"\\\n]{3,256}\\{1,3}"|"[^"\n]{3,256}"|'[^'\n]{3,256}'|[^\s"'\\;|&]{3,256})`

const command = (names: string, option: string) =>
  new RegExp(String.raw`(${start}(?:${names})\b${between}(?:${option}))${placeholder}${argument}`, "g")

const passwords: ReadonlyArray<RegExp> = [
  command("mysql(?:dump|admin|import|check)?|mariadb(?:-dump|-admin)?", "-p"),
  command("sshpass|docker login|podman login", "-p ?|--password[ =]"),
  command("redis-cli", "-a |--pass "),
  command("7z", "-p"),
  command("zip|unzip", "-P "),
  command("ldap(?:search|modify|add|delete|whoami)", "-w "),
  command("openssl", "-pass(?:in|out)? pass:|-k ")
]

/** `-u user:password`, of which the user stays. */
const credentials = new RegExp(
  String.raw`(${start}(?:curl|http|https)\b${between}(?:-u|--user|-U|--proxy-user|-a|--auth)[ =]?\\{0,3}["']?` +
    String.raw`[^\s:"'\\]{1,100}:)(?!\$|<|\[)(?:(?<=["'][^\s:"']{1,100}:)[^"'\\\n]{1,256}|[^\s"'\\;|&]{1,256})`,
  "g"
)

/** An argument without a sign is the name of a file. */
const cookies = new RegExp(
  String.raw`(${start}curl\b${between}(?:-b|--cookie)[ =]?\\{0,3}["']?)(?=[^\s"'\\=]{1,100}=)(?!\$|\[)` +
    String.raw`(?:(?<=["'])[^"'\\\n]{4,4096}|[^\s"'\\;|&]{4,4096})`,
  "g"
)

/** Replaces them. */
export const redactArguments = (text: string): string =>
  [...passwords, credentials, cookies].reduce((text, pattern) => text.replace(pattern, `$1${mark}`), text)
