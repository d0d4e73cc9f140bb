// SPDX-License-Identifier: Apache-2.0
// The parts of a run, as tabs.
import { link } from "./place"

const parts = [["curves", "Curves"], ["collapse", "Collapse"], ["images", "Images and views"], ["settings", "Settings"]] as const

/** Tabs lead to the parts of a run. query goes with them. */
export function Tabs({ id, at, query }: { id: string; at: string; query?: URLSearchParams }) {
  return <nav class="tabs" aria-label="Parts of the run">{parts.map(([key, name]) =>
    <a key={key} href={link(`/run/${id}`, { ...Object.fromEntries(query ?? []), tab: key === "curves" ? "" : key })} aria-current={at === key ? "page" : undefined}>{name}</a>)}
    <a href={link(`/run/${id}/embedding`)} aria-current={at === "embedding" ? "page" : undefined}>Embedding</a>
  </nav>
}
