// SPDX-License-Identifier: Apache-2.0
// The folders that are no runs: clusterings, laboratories and sweeps.
import type { Other } from "../api"
import { visible } from "../format"
import { link } from "../place"
import { useStore } from "../store"

const makes: Record<Other["kind"], string> = {
  clustering: "parallax cluster --data photos --classes 10 --out runs/clusters",
  laboratory: "parallax lab run SIM-01 --data cifar10.tar.gz --out runs/lab",
  sweep: "parallax sweep --data photos --method simclr,vicreg --seeds 3 --out runs/sweep",
}

export function Others({ kind, title }: { kind: Other["kind"]; title: string }) {
  const { table } = useStore()
  const all = (table?.others ?? []).filter(o => o.kind === kind)
  return <main>
    <header class="bar"><h1>{title}</h1></header>
    {table && all.length === 0 && <section class="nothing"><p>There is none here. This makes one:</p><pre><code>{makes[kind]}</code></pre></section>}
    <ul class="others">{all.map(o => <li key={o.id}><a href={link(`/${kind}/${o.id}`)}>{visible(o.name)}</a></li>)}</ul>
  </main>
}
