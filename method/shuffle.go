// SPDX-License-Identifier: Apache-2.0

package method

import (
	"parallax"
	"parallax/torch"
)

// shuffled returns the target's z of one view by MoCo's shuffled batch norm (He et al., section 3.3): the batch is put in a
// random order and batch norm sees each of the groups on its own, as each of several GPUs would. So a key's statistics are
// not over the images that its query's are, and do not give away which key is the query's. With one group it is embed.
func (t target) shuffled(s *parallax.Step, view torch.Tensor, groups int) torch.Tensor {
	if groups == 1 {
		return t.embed([]torch.Tensor{view})[0]
	}
	n := view.Size(0)
	groups = min(groups, n)
	order, back := s.Rand.Perm(n), make([]int, n)
	for to, from := range order {
		back[from] = to
	}
	view = view.IndexSelect(0, torch.FromInts(order, n))
	parts := make([]torch.Tensor, groups)
	for g := range parts {
		from, to := g*n/groups, (g+1)*n/groups
		parts[g] = view.Narrow(0, from, to-from)
	}
	return torch.Cat(0, t.embed(parts)...).IndexSelect(0, torch.FromInts(back, n))
}
