import * as ThreadView from "./domain/ThreadView.ts"
;(globalThis as any).x = [ThreadView.step, ThreadView.empty, ThreadView.turns, ThreadView.status]
