export { systemClock, type Clock } from "./core/clock.ts";
export type { Duration } from "./core/duration.ts";
export {
  BatonError,
  BodyError,
  ClosedError,
  ERROR_CODES,
  type ErrorCode,
  HandlerTimeoutError,
  LeaseLostError,
  SendManyError,
  StoreError,
  StoreFullError,
  StoreUnavailableError,
  StoreUnreachableError,
  UsageError,
  WorkerStoppedError,
} from "./core/errors.ts";
export type { DeadReason, ErrorRecord, State } from "./core/state.ts";
export { type Baton, type CloseOptions, connect, type ConnectOptions } from "./runtime/baton.ts";
export type { ConsumeOptions } from "./runtime/consume.ts";
export type { Message, NackOptions, Outcome, RejectOptions, ReleaseOptions } from "./runtime/message.ts";
export type { MessageInfo } from "./runtime/message-info.ts";
export type {
  ListOptions,
  Queue,
  QueueOptions,
  ReceiveOptions,
  SendItem,
  SendOptions,
  Sent,
} from "./runtime/queue.ts";
export type { Handler, HandlerContext, StopOptions, Worker, WorkerEvents, WorkOptions } from "./runtime/worker.ts";
export type { Counts, StoreInfo } from "./store/store.ts";
