// SPDX-License-Identifier: Apache-2.0
// The curves of a run, sorted into charts.

export interface Tag {
  tag: string // as the server names it
  group: "step" | "terms" | "gradients" | "eval"
  metric: string
  probe: string
  of: string
}

/** parsed takes a curve's name apart: loss, terms/NAME, gradients/PART, eval/PROBE/OF/METRIC. */
export function parsed(tag: string): Tag {
  const parts = tag.split("/")
  if (parts[0] === "eval" && parts.length >= 4)
    return { tag, group: "eval", metric: parts[parts.length - 1]!, of: parts[parts.length - 2]!, probe: parts.slice(1, -2).join("/") }
  if (parts[0] === "terms" || parts[0] === "gradients") return { tag, group: parts[0], metric: parts.slice(1).join("/"), of: "", probe: "" }
  return { tag, group: "step", metric: tag, of: "", probe: "" }
}

export interface Panel { title: string; what: string; section: string; tags: Tag[] }

/** words says what the metrics are. */
const words: Record<string, [title: string, what: string]> = {
  loss: ["Loss", "of the step"],
  rate: ["Learning rate", ""],
  images_per_second: ["Images per second", ""],
  data_wait: ["Waiting for data", "share of a step"],
  knn: ["kNN accuracy", "share of the test images"],
  linear: ["Linear accuracy", "of the probe that learns beside the run"],
  support: ["Accuracy of the labelled support", ""],
  std: ["Standard deviation", "1: spread evenly, 0: collapsed"],
  mean_cosine: ["Mean cosine of two images", "0: spread, 1: collapsed"],
  effective_rank: ["Effective rank", "directions that are in use"],
  rankme: ["RankMe", "effective rank of the uncentred embeddings"],
  participation_ratio: ["Participation ratio", "directions that hold the variance"],
  top_share: ["Share of the largest", "direction or cluster"],
  std_raw: ["Length of the embedding", "standard deviation before normalising"],
  correlation_off: ["Correlation of two dimensions", "mean absolute"],
  alignment: ["Alignment", "mean squared distance of two views"],
  uniformity: ["Uniformity", "lower is more even"],
  perplexity: ["Clusters in use", "perplexity"],
  mutual_information: ["Information on the image", "nats"],
  individual_entropy: ["Entropy of one image", "nats"],
  grad_ratio: ["Gradient that a stop-gradient removes", "over the one that it leaves"],
  lidar: ["LiDAR", "directions that tell images apart"],
}

/** title is how a metric is headed. */
export function title(metric: string): string { return words[metric]?.[0] ?? metric.replaceAll("_", " ") }

/** panels sorts curves into charts. Those of one metric on several probes share a chart. */
export function panels(tags: string[], probes: Set<string> | undefined): Panel[] {
  const all = new Map<string, Panel>()
  for (const t of tags.map(parsed)) {
    if (t.group === "eval" && (t.probe === "guard" ? !probes?.has("guard") : probes && probes.size > 0 && !probes.has(t.probe))) continue
    const key = t.group === "gradients" ? "gradients" : t.group + "/" + t.metric
    let panel = all.get(key)
    if (!panel) {
      const [name, what] = t.group === "gradients" ? ["Gradient norms", "before clipping, by part"]
        : t.group === "terms" ? [t.metric.replaceAll("_", " "), "term of the loss"] : [title(t.metric), words[t.metric]?.[1] ?? ""]
      const section = t.group === "eval" ? "Evaluations" : t.group === "gradients" ? "Gradients" : t.group === "terms" ? "Terms of the loss" : "Training"
      all.set(key, panel = { title: name, what, section, tags: [] })
    }
    panel.tags.push(t)
  }
  const first = ["step/loss", "eval/knn", "eval/linear", "eval/std", "eval/effective_rank", "eval/mean_cosine"]
  const rank = (key: string) => (first.indexOf(key) + 1 || 99)
  return [...all].sort(([a], [b]) => rank(a) - rank(b)).map(([, p]) => p)
}
