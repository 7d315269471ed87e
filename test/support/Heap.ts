import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** What is really in use. */
export const heap = () => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  collect()
  return process.memoryUsage().heapUsed
}

/** The same with what lies outside of the heap, such as what a child has written. */
export const held = () => heap() + process.memoryUsage().arrayBuffers
