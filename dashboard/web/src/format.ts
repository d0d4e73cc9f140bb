// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names as people read them.
import type { Maybe } from "./api"

/** number writes a value with about four digits; an absent one is a dash. */
export function number(v: Maybe, digits = 4): string {
  if (v === undefined) return "–"
  if (v === null || !Number.isFinite(v)) return "not finite"
  const size = Math.abs(v)
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return v.toExponential(Math.max(0, digits - 2))
  if (Number.isInteger(v)) return grouped(v)
  return v.toFixed(Math.max(0, Math.min(digits, digits - 1 - Math.floor(Math.log10(size || 1)))))
}

/** fixed writes a value with a fixed number of decimals. */
export function fixed(v: Maybe, decimals: number): string {
  return v === undefined ? "–" : v === null ? "not finite" : v.toFixed(decimals)
}

/** grouped writes 12,345. */
export function grouped(n: number): string { return n.toLocaleString("en-US") }

/** duration writes seconds as 45 s, 12 min, 3 h 20 min, 2 d 4 h. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.round(s / 60)} min`
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.round((s % 3600) / 60)} min`
  return `${Math.floor(s / 86400)} d ${Math.round((s % 86400) / 3600)} h`
}

/** ago writes how long ago a moment was, in Unix seconds. */
export function ago(at: number | undefined, now = Date.now() / 1000): string {
  if (!at) return "–"
  const s = now - at
  return s < 5 ? "now" : `${duration(s)} ago`
}

/** moment writes a time in Unix seconds as a date, for a title. */
export function moment(at: number | undefined): string { return at ? new Date(at * 1000).toLocaleString() : "" }

/** plural writes 1 run, 2 runs. */
export function plural(n: number, one: string, many = one + "s"): string { return `${grouped(n)} ${n === 1 ? one : many}` }

/** visible shows characters that would hide or turn text: controls, and marks of direction. */
export function visible(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

/** shortName is a run's name without the folders that all names share. */
export function shortName(name: string, shared: string): string {
  return name.startsWith(shared) && name.length > shared.length ? name.slice(shared.length) : name
}

/** sharedFolder is the longest folder that begins all names. */
export function sharedFolder(names: string[]): string {
  const first = names[0]
  if (first === undefined) return ""
  let shared = first.slice(0, first.lastIndexOf("/") + 1)
  for (const name of names) while (!name.startsWith(shared)) shared = shared.slice(0, shared.lastIndexOf("/", shared.length - 2) + 1)
  return shared
}
