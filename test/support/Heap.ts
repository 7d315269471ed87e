import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** What is really in use. */
export const heap = () => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  collect()
  return process.memoryUsage().heapUsed
}
