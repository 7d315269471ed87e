/**
 * `fetch` that goes to this machine itself without a proxy.
 *
 * Where the app runs with `NODE_USE_ENV_PROXY`, or with a dispatcher of its own, Node's `fetch` sends everything to the
 * proxy that `NO_PROXY` does not name, also what is meant for 127.0.0.1. `node:http` with an agent of its own does not.
 * Each request has a connection of its own: one that is kept may be closed by the server while the next prompt goes out,
 * and it would not be known whether that arrived.
 */
import { Agent, type IncomingMessage, request as httpRequest } from "node:http"

/** As the global `fetch`. A server elsewhere is reached as the app reaches everything else. */
export const fetchDirect = (input: Request | string | URL, init?: RequestInit): Promise<Response> => {
  const request = new Request(input, init)
  return isLoopback(new URL(request.url)) ? request.arrayBuffer().then((body) => send(request, body)) : fetch(request)
}

/** Whether the address is one of this machine, in plain HTTP. */
export const isLoopback = ({ hostname, protocol }: URL): boolean =>
  protocol === "http:" && (hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname))

const agent = new Agent({ keepAlive: false })

const send = (request: Request, body: ArrayBuffer): Promise<Response> =>
  new Promise((resolve, reject) => {
    const { headers, method, signal, url } = request
    const sent = httpRequest(url, { agent, method, signal, headers: Object.fromEntries(headers) }, (answer) => {
      const status = answer.statusCode ?? 0
      resolve(
        new Response(bodiless.has(status) ? null : streamOf(answer), {
          status,
          statusText: answer.statusMessage ?? "",
          headers: headersOf(answer)
        })
      )
    })
    sent.on("error", reject)
    sent.end(new Uint8Array(body))
  })

/** `Response` refuses a body with these. */
const bodiless = new Set([204, 205, 304])

const headersOf = ({ headersDistinct }: IncomingMessage) =>
  new Headers(
    Object.entries(headersDistinct).flatMap(([name, values = []]) =>
      values.map((value): [string, string] => [name, value])
    )
  )

/** Reads no faster than it is read. */
const streamOf = (answer: IncomingMessage): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start: (controller) => {
      answer.pause()
      answer.on("data", (chunk: Buffer) => {
        controller.enqueue(new Uint8Array(chunk))
        if ((controller.desiredSize ?? 0) <= 0) answer.pause()
      })
      answer.on("end", () => controller.close())
      answer.on("error", (error) => controller.error(error))
    },
    pull: () => void answer.resume(),
    cancel: () => void answer.destroy()
  })
