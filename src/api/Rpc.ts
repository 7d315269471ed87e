/**
 * The operations as a group of RPCs: those of `ProviderService` under their own names, those of `TranscriptArchive` and
 * `HookDeliveries` as `archive.list`, `hooks.resend`, ... Streams are streams and errors are themselves.
 *
 * **Gotchas**
 *
 * - A payload that does not fit reaches the handler as the `InputInvalid` that answers it, so every caller gets that error,
 *   and no defect.
 * - An event that this release does not know comes as `Unrecognized`, with its raw value, and an error as `ErrorUnrecognized`.
 *   What is added to an answer is left out.
 * - `importThread` takes a Stream, which an RPC cannot. Its caller makes up an `upload`, and sends the turns beside the call,
 *   in order, by `importThread.turns`. If either is cut there is no thread.
 *
 * @since 0.1.0
 */
import { Effect, Schema, SchemaGetter } from "effect"
import { Rpc, RpcGroup, type RpcSchema } from "effect/rpc"
import { FeedEvent } from "../domain/FeedEvent.ts"
import { ThreadEvent } from "../domain/ThreadEvent.ts"
import * as Commands from "../service/Commands.ts"
import { decoder } from "../service/decoder.ts"
import * as Operations from "../service/Operations.ts"
import { InputInvalid } from "../service/ServiceError.ts"
import * as NewerError from "./NewerError.ts"
import * as NewerEvent from "./NewerEvent.ts"
import * as WireError from "./WireError.ts"

/**
 * What a handler is given: the input, or why it is none.
 *
 * @since 0.1.0
 * @category models
 */
export type Received<Payload extends Schema.Codec<unknown, unknown>> = Schema.Codec<
  Payload["Type"] | InputInvalid,
  unknown
>

const received = <A, I>(operation: string, payload: Schema.Codec<A, I>): Schema.Codec<A | InputInvalid, unknown> => {
  const decode = decoder(operation, Schema.toCodecJson(payload))
  const encode = Schema.encodeEffect(Schema.toCodecJson(Schema.Union([payload, InputInvalid])))
  return Schema.Unknown.pipe(Schema.decodeTo(Schema.Union([Schema.toType(payload), Schema.toType(InputInvalid)]), {
    decode: SchemaGetter.transformEffect((input) => Effect.catch(decode(input), Effect.succeed)),
    encode: SchemaGetter.transformEffect((value) => Effect.mapError(encode(value), ({ issue }) => issue))
  }))
}

/**
 * The errors of an operation as they cross the wire: without what is for the operator only.
 *
 * @since 0.1.0
 * @category models
 */
export type Errors<Operation extends Operations.Operation> = Schema.Codec<Operation["error"]["Type"], unknown>

function errorsOf<Operation extends Operations.Operation>(operation: Operation): Errors<Operation>
function errorsOf({ error }: Operations.Operation): Schema.Codec<unknown, unknown> {
  return NewerError.codec(Schema.Union(WireError.all(error.members.filter(WireError.isErrorClass))))
}

type OfOperation<Tag extends string, Operation extends Operations.Operation> = Operation extends
  { readonly stream: true } ? Rpc.Rpc<
    Tag,
    Received<Operation["payload"]>,
    RpcSchema.Stream<Operation["success"], Errors<Operation>>,
    Schema.Never
  >
  : Rpc.Rpc<Tag, Received<Operation["payload"]>, Operation["success"], Errors<Operation>>

/**
 * The RPCs of a record of operations.
 *
 * @since 0.1.0
 * @category models
 */
export type RpcsOf<Prefix extends string, All extends Record<string, Operations.Operation>> = {
  readonly [Name in keyof All & string]: OfOperation<`${Prefix}${Name}`, All[Name]>
}[keyof All & string]

function groupOf<const Prefix extends string, const All extends Record<string, Operations.Operation>>(
  prefix: Prefix,
  all: All
): RpcGroup.RpcGroup<RpcsOf<Prefix, All>>
function groupOf(prefix: string, all: Record<string, Operations.Operation>): RpcGroup.Any {
  return RpcGroup.make(
    ...Object.entries(all).map(([name, operation]) => {
      const { payload, stream = false, success } = operation
      return Rpc.make(`${prefix}${name}`, {
        payload: received(name, payload),
        success: success === ThreadEvent || success === FeedEvent ? NewerEvent.codec(success) : success,
        error: errorsOf(operation),
        stream
      })
    })
  )
}

/**
 * One Stream of turns on its way, by a name that its caller makes up. Not to be guessed by others.
 *
 * @since 0.1.0
 * @category schemas
 */
export const UploadId = Schema.String.check(Schema.isPattern(/^[\w-]{16,64}$/)).pipe(Schema.brand("UploadId"))

/**
 * @since 0.1.0
 * @category models
 */
export type UploadId = typeof UploadId.Type

/**
 * No import waits for these turns: it is over, or it was cut.
 *
 * @since 0.1.0
 * @category errors
 */
export class UploadUnknown
  extends Schema.TaggedError<UploadUnknown>("effect-coding-agents/UploadUnknown")("UploadUnknown", {
    upload: UploadId
  }, { httpApiStatus: 404 })
{
  readonly retryable = false
  override get message() {
    return `No import waits for the turns of upload ${this.upload}`
  }
}

const { importThread, ...others } = Operations.service

/**
 * All of them.
 *
 * @since 0.1.0
 * @category groups
 */
export const Rpcs = groupOf("", others).merge(
  groupOf("archive.", Operations.archive),
  groupOf("hooks.", Operations.hooks),
  RpcGroup.make(
    Rpc.make("importThread", {
      payload: received("importThread", Schema.Struct({ ...Commands.ImportThread.fields, upload: UploadId })),
      success: importThread.success,
      error: errorsOf(importThread)
    }),
    Rpc.make("importThread.turns", {
      payload: {
        upload: UploadId,
        /** The import itself decodes them, one by one, and names the one that does not fit. */
        turns: Schema.Array(Schema.Unknown),
        last: Schema.Boolean
      },
      error: UploadUnknown
    })
  )
)

/**
 * @since 0.1.0
 * @category models
 */
export type Rpcs = RpcGroup.Rpcs<typeof Rpcs>
