/** Figures as a table, and as the JSON in bench/results.json. */
import { Schema } from "effect"
import type * as Measured from "./Figure.ts"

export const Figure = Schema.Struct({
  name: Schema.String,
  unit: Schema.String,
  ours: Schema.Finite,
  oursP95: Schema.optionalKey(Schema.Finite),
  raw: Schema.optionalKey(Schema.Finite),
  rawP95: Schema.optionalKey(Schema.Finite),
  ratio: Schema.optionalKey(Schema.Finite),
  goal: Schema.String,
  met: Schema.Boolean
})

const headings = ["what", "unit", "ours", "p95", "raw", "p95", "ratio", "goal", ""]

const number = (value: number | undefined): string =>
  value === undefined
    ? ""
    : Math.abs(value) >= 1000
    ? Math.round(value).toLocaleString("en")
    : value.toPrecision(3)

const mark = (figure: Measured.Figure): string => figure.goal === "" ? "" : figure.met ? "met" : "MISSED"

export const render = (figures: ReadonlyArray<Measured.Figure>): string => {
  const rows = [
    headings,
    ...figures.map((figure) => [
      figure.name,
      figure.unit,
      number(figure.ours),
      number(figure.oursP95),
      number(figure.raw),
      number(figure.rawP95),
      number(figure.ratio),
      figure.goal,
      mark(figure)
    ])
  ]
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: ReadonlyArray<string>) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |`
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`
  const [head, ...body] = rows
  return [line(head ?? []), rule, ...body.map(line)].join("\n")
}
