/**
 * A form for values that fit a JSON Schema, as MCP servers ask for them: an object of plain values. What is no plain value is
 * asked for as JSON.
 */
export interface Field {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly kind: "text" | "number" | "integer" | "boolean" | "choice" | "json"
  readonly options: ReadonlyArray<string>
  readonly required: boolean
}

type Json = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)
const textOf = (value: unknown): string => typeof value === "string" ? value : ""

const kindOf = ({ enum: options, type }: Json): Field["kind"] => {
  if (Array.isArray(options) && options.every((one) => typeof one === "string")) return "choice"
  switch (type) {
    case "string":
      return "text"
    case "number":
    case "integer":
    case "boolean":
      return type
    default:
      return "json"
  }
}

export const fieldsOf = (schema: unknown): ReadonlyArray<Field> => {
  const properties = isObject(schema) && isObject(schema["properties"]) ? schema["properties"] : {}
  const required = isObject(schema) && Array.isArray(schema["required"]) ? schema["required"] : []
  return Object.entries(properties).map(([name, value]) => {
    const of = isObject(value) ? value : {}
    const kind = kindOf(of)
    return {
      name,
      title: textOf(of["title"]) || name,
      description: textOf(of["description"]),
      kind,
      options: kind === "choice" && Array.isArray(of["enum"]) ? of["enum"].map(String) : [],
      required: required.includes(name)
    }
  })
}

type JsonValue = string | number | boolean | null | ReadonlyArray<JsonValue> | { readonly [key: string]: JsonValue }

const parsed = (text: string): { readonly value: JsonValue } | undefined => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** What was filled in; what was left empty is left out. `wrong` names a field whose JSON cannot be read. */
export const valuesOf = (
  fields: ReadonlyArray<Field>,
  form: FormData
): { readonly values: Readonly<Record<string, JsonValue>> } | { readonly wrong: string } => {
  // By entries: a field may be called `__proto__`.
  const values: Array<readonly [string, JsonValue]> = []
  for (const { kind, name, title } of fields) {
    const given = form.get(name)
    const text = typeof given === "string" ? given : ""
    if (kind === "boolean") values.push([name, given !== null])
    else if (text === "") continue
    else if (kind === "number" || kind === "integer") values.push([name, Number(text)])
    else if (kind === "json") {
      const found = parsed(text)
      if (found === undefined) return { wrong: title }
      values.push([name, found.value])
    } else values.push([name, text])
  }
  return { values: Object.fromEntries(values) }
}
