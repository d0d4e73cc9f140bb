// SPDX-License-Identifier: Apache-2.0

package part

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// InGroups embeds one view in groups of the batch, so that batch norm sees each group separately, as on several GPUs.
// With one group, or none, it is embed.
func InGroups(embed func([]torch.Tensor) []torch.Tensor, view torch.Tensor, groups int) torch.Tensor {
	n := view.Size(0)
	groups = min(groups, n)
	if groups <= 1 {
		return embed([]torch.Tensor{view})[0]
	}
	parts := make([]torch.Tensor, groups)
	for g := range parts {
		from, to := g*n/groups, (g+1)*n/groups
		parts[g] = view.Narrow(0, from, to-from)
	}
	return torch.Cat(0, embed(parts)...)
}

// EmbedGroups is Embed with batch norm that sees each view in groups of the batch.
func EmbedGroups(e parallax.Encoder, views []torch.Tensor, groups int) []torch.Tensor {
	embed := func(parts []torch.Tensor) []torch.Tensor { return Embed(e, parts) }
	if groups == 1 {
		return embed(views)
	}
	z := make([]torch.Tensor, len(views))
	for i, view := range views {
		z[i] = InGroups(embed, view, groups)
	}
	return z
}

// Key is the target's z of one view: shuffled, or else in the groups of the queries, so that query and key have the
// statistics of the same images.
func (t Target) Key(s *parallax.Step, view torch.Tensor, groups, shuffled int) torch.Tensor {
	if shuffled > 1 {
		return t.Shuffled(s, view, shuffled)
	}
	return InGroups(t.Embed, view, groups)
}

// Shuffled returns the target's z of one view with MoCo's shuffled batch norm (He et al., section 3.3): the batch is
// put in a random order before batch norm sees it in groups. So the statistics of a key come from other images than
// those of its query, and do not reveal which key is the query's. With one group it is Embed.
func (t Target) Shuffled(s *parallax.Step, view torch.Tensor, groups int) torch.Tensor {
	if groups == 1 {
		return t.Embed([]torch.Tensor{view})[0]
	}
	n := view.Size(0)
	order, back := s.Rand.Perm(n), make([]int, n)
	for to, from := range order {
		back[from] = to
	}
	keys := InGroups(t.Embed, view.IndexSelect(0, torch.FromInts(order, n)), groups)
	return keys.IndexSelect(0, torch.FromInts(back, n))
}
