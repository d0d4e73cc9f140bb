// SPDX-License-Identifier: Apache-2.0

package part

import (
	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// inGroups embeds views in groups of the batch, so that batch norm sees each group separately, as on several GPUs. With
// one group, or none, it is embed. A group lies in one process.
func inGroups(s *parallax.Step, p *nn.Params, embed func([]torch.Tensor) []torch.Tensor, views []torch.Tensor,
	groups int,
) (z []torch.Tensor) {
	n, processes := views[0].Size(0), s.Group.Processes()
	groups = min(groups, n*processes)
	if groups <= 1 {
		return embed(views)
	}
	if groups%processes != 0 {
		torch.Fail("batch norm", "%d groups of the batch cannot be shared out among %d processes: give a multiple of "+
			"%d groups", groups, processes, processes)
	}
	groups /= processes
	var parts []torch.Tensor
	for _, view := range views {
		for g := range groups {
			from, to := g*n/groups, (g+1)*n/groups
			parts = append(parts, view.Narrow(0, from, to-from))
		}
	}
	p.Alone(func() { parts = embed(parts) })
	z = make([]torch.Tensor, len(views))
	for i := range z {
		z[i] = torch.Cat(0, parts[i*groups:(i+1)*groups]...)
	}
	return z
}

// EmbedGroups is Embed with batch norm that sees each view in groups of the batch.
func EmbedGroups(s *parallax.Step, e parallax.Encoder, views []torch.Tensor, groups int) []torch.Tensor {
	return inGroups(s, e.Params, func(parts []torch.Tensor) []torch.Tensor { return Embed(e, parts) }, views, groups)
}

// Keys are the target's z of views: shuffled, or else in the groups of the queries, so that query and key have the
// statistics of the same images.
func (t Target) Keys(s *parallax.Step, views []torch.Tensor, groups, shuffled int) []torch.Tensor {
	if shuffled <= 1 {
		return inGroups(s, t.Params, t.Embed, views, groups)
	}
	return each(views, func(view torch.Tensor) torch.Tensor { return t.Shuffled(s, view, shuffled) })
}

// Shuffled returns the target's z of one view with MoCo's shuffled batch norm (He et al., section 3.3): the batch is
// put in a random order before batch norm sees it in groups. So the statistics of a key come from other images than
// those of its query, and do not reveal which key is the query's. With one group it is Embed.
//
// The images, and then the keys, of all processes are exchanged, as in MoCo's official code.
func (t Target) Shuffled(s *parallax.Step, view torch.Tensor, groups int) torch.Tensor {
	if groups == 1 {
		return t.Embed([]torch.Tensor{view})[0]
	}
	n := view.Size(0)
	whole, from := n*s.Group.Processes(), n*s.Group.Rank()
	order, back := s.Rand.Perm(whole), make([]int, whole)
	for to, from := range order {
		back[from] = to
	}
	own := func(t torch.Tensor, rows []int) torch.Tensor { // those of this process, in an order of the whole batch
		return s.Gather(t).IndexSelect(0, torch.FromInts(rows[from:from+n], n))
	}
	keys := inGroups(s, t.Params, t.Embed, []torch.Tensor{own(view, order)}, groups)[0]
	return own(keys, back)
}
