// SPDX-License-Identifier: Apache-2.0
// The table of runs, which all pages share. The server tells what changes.
import { useEffect, useState } from "preact/hooks"
import { ask, live, type Row, type Table } from "./api"

export interface Store {
  rows: Map<string, Row>
  table: Table | undefined
  connected: boolean
  error: string
}

const store: Store = { rows: new Map(), table: undefined, connected: false, error: "" }
const watching = new Set<() => void>()
let pending = false

/** tell draws what uses the store, once a frame at most. */
function tell(): void {
  if (pending) return
  pending = true
  requestAnimationFrame(() => {
    pending = false
    watching.forEach(f => f())
  })
}

export async function reload(): Promise<void> {
  try {
    store.table = await ask<Table>("/api/runs")
    store.rows = new Map(store.table.runs.map(r => [r.id, r]))
    store.error = ""
  } catch (e) {
    store.error = String((e as Error).message)
  }
  tell()
}

/** replace puts a row in place of the one that there was. */
export function replace(row: Row): void {
  store.rows.set(row.id, row)
  tell()
}

let stop: (() => void) | undefined
let shown = ""
const runWatchers = new Set<(p: import("./api").Progress) => void>()

/** begin listens for changes unless the page of a run, which is mounted before the whole, does so already. */
export function begin(): void { if (!stop) connect() }

/** connect listens for changes, also for those of the run that is shown. */
export function connect(run = ""): void {
  if (stop && shown === run) return
  stop?.()
  shown = run
  let lost = false
  stop = live(run, {
    rows(change) {
      change.rows?.forEach(r => store.rows.set(r.id, r))
      change.gone?.forEach(id => store.rows.delete(id))
      tell()
    },
    run: p => runWatchers.forEach(f => f(p)),
    state(connected) {
      if (connected && lost) void reload()
      lost = !connected
      store.connected = connected
      tell()
    },
  })
}

/** useRun calls f with the progress of the run that is shown. */
export function useProgress(id: string, f: (p: import("./api").Progress) => void): void {
  useEffect(() => {
    connect(id)
    runWatchers.add(f)
    return () => {
      runWatchers.delete(f)
      connect()
    }
  }, [id])
}

export function useStore(): Store {
  const [, set] = useState(0)
  useEffect(() => {
    const f = () => set(n => n + 1)
    watching.add(f)
    return () => void watching.delete(f)
  }, [])
  return store
}
