// SPDX-License-Identifier: Apache-2.0

package method

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// inGroups embeds one view in groups of the batch, so that batch norm sees each on its own, as each of several GPUs would. With
// one group, or none, it is embed.
func inGroups(embed func([]torch.Tensor) []torch.Tensor, view torch.Tensor, groups int) torch.Tensor {
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

// shuffled returns the target's z of one view by MoCo's shuffled batch norm (He et al., section 3.3): the batch is put in a
// random order before batch norm sees it in groups. So a key's statistics are not over the images that its query's are, and do
// not give away which key is the query's. With one group it is embed.
func (t target) shuffled(s *parallax.Step, view torch.Tensor, groups int) torch.Tensor {
	if groups == 1 {
		return t.embed([]torch.Tensor{view})[0]
	}
	n := view.Size(0)
	order, back := s.Rand.Perm(n), make([]int, n)
	for to, from := range order {
		back[from] = to
	}
	keys := inGroups(t.embed, view.IndexSelect(0, torch.FromInts(order, n)), groups)
	return keys.IndexSelect(0, torch.FromInts(back, n))
}

// query is q of one view.
func (m *MoCo) query(view torch.Tensor) torch.Tensor {
	return inGroups(func(parts []torch.Tensor) []torch.Tensor { return embed(m.encoder, parts) }, view, m.Groups)
}

// key is k of one view: shuffled, or else in the groups of the queries, so that both have the statistics of the same images.
func (m *MoCo) key(s *parallax.Step, view torch.Tensor) torch.Tensor {
	if m.ShuffleGroups > 1 {
		return m.target.shuffled(s, view, m.ShuffleGroups)
	}
	return inGroups(m.target.embed, view, m.Groups)
}
