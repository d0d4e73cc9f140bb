// SPDX-License-Identifier: Apache-2.0
// What the server answers, and how it is asked. The types are those of package dashboard.

export type Maybe = number | null | undefined

export interface Row {
  id: string
  kind: string
  in?: string
  name: string
  state: "running" | "finished" | "stopped" | "collapsed" | "stale" | "new"
  method?: string
  network?: string
  data?: string
  batch?: string
  seed?: string
  step: number
  steps?: number
  epoch: number
  left?: number
  speed?: number
  loss?: Maybe
  knn?: Maybe
  linear?: Maybe
  std?: Maybe
  rank?: Maybe
  class?: string
  updated?: number
  tags?: string[]
  note?: string
  version?: string
  error?: string
}

export interface Other { id: string; kind: "laboratory" | "clustering" | "sweep"; name: string }

export interface Table { runs: Row[]; others: Other[]; places: string[]; pending?: number; partial?: string; write: boolean }

export interface Mark {
  event: string
  step: number
  epoch: number
  name?: string
  class?: string
  message?: string
  reason?: string
  file?: string
  best?: boolean
  method?: string
  steps?: number
}

export interface Progress {
  read: number
  size: number
  tags: string[]
  marks: Mark[]
  evals: { step: number; probe: string; of: string }[]
  class?: string
  words?: string
  constant?: { value?: Maybe; minimum: boolean }
  causes?: string
  broken?: number
}

export interface Entry { path: string; value: string; source?: string; other?: string }

export interface Story { row: Row; dir: string; settings: Entry[]; again: string; progress: Progress }

export interface Curve { step: number[]; time: Maybe[]; value: Maybe[] }

export interface Spectrum { step: number; values: number[]; points?: [number, number][]; labels?: number[] }

/** ask asks the server for JSON. The error has the server's own words. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  return said(await fetch(path, signal ? { signal } : {}))
}

/** put sends JSON, for a change. */
export async function put<T>(path: string, body: unknown): Promise<T> {
  return said(await fetch(path, { method: "PUT", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }))
}

async function said<T>(answer: Response): Promise<T> {
  const text = await answer.text()
  let told: unknown
  try {
    told = JSON.parse(text)
  } catch {
    throw new Error(`the server answered with status ${answer.status}`)
  }
  if (!answer.ok) throw new Error((told as { error?: string }).error ?? `the server answered with status ${answer.status}`)
  return told as T
}

export interface Live {
  rows?(change: { rows?: Row[]; gone?: string[] }): void
  run?(progress: Progress): void
  state?(connected: boolean): void
}

/** live calls back when something changes, until the function that it returns is called. */
export function live(run: string, on: Live): () => void {
  const source = new EventSource("/api/live" + (run ? "?run=" + encodeURIComponent(run) : ""))
  source.addEventListener("rows", e => on.rows?.(JSON.parse((e as MessageEvent).data)))
  source.addEventListener("run", e => on.run?.(JSON.parse((e as MessageEvent).data)))
  source.onopen = () => on.state?.(true)
  source.onerror = () => on.state?.(false)
  return () => source.close()
}

/** curves asks for curves of a run. */
export function curves(id: string, tags: string[], part: { from?: number; to?: number; points?: number }, signal?: AbortSignal) {
  const q = new URLSearchParams()
  for (const tag of tags) q.append("tag", tag)
  for (const [name, value] of Object.entries(part)) if (value !== undefined) q.set(name, String(Math.round(value)))
  return ask<Record<string, Curve>>(`/api/runs/${id}/curves?${q}`, signal)
}
