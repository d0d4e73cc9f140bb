// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math/rand/v2"

	"github.com/parallax-ssl/parallax/torch"
)

// Fit trains the probe on frozen features h (N x features): passes over all rows in batches, in an order drawn from r.
// Probes fitted this way are comparable between two encoders; probes that Observe trained along with them are not.
func (l *Linear) Fit(h torch.Tensor, labels []int, passes, batch int, r *rand.Rand) {
	for range passes {
		order := r.Perm(len(labels))
		for from := 0; from < len(order); from += batch {
			rows := order[from:min(from+batch, len(order))]
			known := make([]int, len(rows))
			for i, row := range rows {
				known[i] = labels[row]
			}
			nested(func() { l.Observe(h.IndexSelect(0, torch.FromInts(rows, len(rows))), known) })
		}
	}
}
